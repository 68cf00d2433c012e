import { ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';

/**
 * For credentials that end while a session waits: the user signs in again in another terminal, and the wait then
 * continues by itself.
 */

/**
 * True for credentials that are missing, expired or refused; not for a denial by IAM, which signing in again does not
 * change.
 */
export const needsSignIn = (error: unknown): error is ToolError =>
  error instanceof ToolError &&
  error.role === 'access' &&
  (error.code.startsWith('credentials-') || error.code.startsWith('mfa-'));

/**
 * Reported at the first refused attempt; the advice is the command that signs in (cli/advice/credentials.ts has a row
 * for each code).
 */
export const reportSignIn = (error: ToolError, what: string, report: Report): void =>
  report({
    type: 'note',
    level: 'warning',
    code: error.code,
    message: `${error.message}; ${what} goes on by itself once you have signed in`,
    details: error.details,
  });
