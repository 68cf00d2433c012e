import { textFact } from '../core/error-facts.ts';
import { ToolError, grantHint } from '../core/errors.ts';

/** The document for the job of a command. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  exec: 'exec',
  forward: 'forward',
  shell: 'shell',
  up: 'operator',
  status: 'operator',
  down: 'operator',
};

/**
 * A refusal, with the hint for this command: several documents grant what finds a bastion or a service, and who wants a
 * shell is not told to become an operator. Other errors as they are.
 */
export function forCommand(error: unknown, command: string): unknown {
  const document = DOCUMENTS[command];
  if (document === undefined || !(error instanceof ToolError) || error.code !== 'access-denied') return error;
  // The session key is granted by `policy exec --kms-key` alone.
  if (textFact(error.details, 'action').startsWith('kms:')) return error;
  const { role, code, message, details, exitStatus } = error;
  const general = new Set(Object.values(DOCUMENTS).map(grantHint));
  const hints = error.hints.map((hint) => (general.has(hint) ? grantHint(document) : hint));
  return new ToolError(role, code, message, { hints, details, exitStatus, cause: error });
}
