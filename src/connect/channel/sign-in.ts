import { ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';

/** Credentials that end while something waits: the person signs in anew elsewhere, and what waits goes on by itself. */

/** True for credentials that are missing, over or refused; what IAM denies is another matter, which signing in does not mend. */
export const needsSignIn = (error: unknown): error is ToolError =>
  error instanceof ToolError &&
  error.role === 'access' &&
  (error.code.startsWith('credentials-') || error.code.startsWith('mfa-'));

/** Said at the first refused try, with what signs in as its advice (cli/advice/credentials.ts has a row for each code). */
export const reportSignIn = (error: ToolError, what: string, report: Report): void =>
  report({
    type: 'note',
    level: 'warning',
    code: error.code,
    message: `${error.message}; ${what} goes on by itself once you have signed in`,
    details: error.details,
  });
