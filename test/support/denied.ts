import { access, type ToolError } from '../../src/core/errors.ts';

/** What an adapter of AWS throws when IAM refuses `action`. */
export const denied = (action: string, message = `not allowed to call ${action}`): ToolError =>
  access('access-denied', message, { details: { action } });
