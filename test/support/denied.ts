import { access, type ToolError } from '../../src/core/errors.ts';

/** The error that an AWS adapter throws when IAM denies `action`. */
export const denied = (action: string, message = `not allowed to call ${action}`): ToolError =>
  access('access-denied', message, { details: { action } });
