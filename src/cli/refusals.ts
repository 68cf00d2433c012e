import { textFact } from '../core/error-facts.ts';
import { ToolError, grantHint } from '../core/errors.ts';

/** What IAM kept from an answer: the rest is worth printing, but must not pass for all of it. */
export class Refusals {
  readonly #actions = new Set<string>();

  /** Sorted. */
  get actions(): readonly string[] {
    return [...this.#actions].sort();
  }

  /** What `work` resolves with, or `instead` where IAM refuses it. */
  async or<T, I>(instead: I, work: Promise<T>): Promise<T | I> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'access-denied') throw error;
      this.#actions.add(textFact(error.details, 'action'));
      return instead;
    }
  }
}

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
