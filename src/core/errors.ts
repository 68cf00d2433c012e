import type { ErrorFacts } from './error-facts.ts';
import type { ErrorDetails } from './facts/fact.ts';

/**
 * Every error that a user may see, by role. The role decides the exit status (`exitStatusOf`); the code is stable, has
 * a heading in docs/errors.md, and is what `--json` reports. Details of the subject go into `details`, never into new
 * classes.
 */

/** The kind of failure; each has its own exit status. */
export type ErrorRole =
  | 'failed' // 1: the tool tried and failed
  | 'usage' // 2: the command line is wrong, or a question has no answer without a TTY
  | 'no-match' // 3: nothing matched what was asked for
  | 'access' // 4: credentials or permissions
  | 'leftovers' // 5: teardown could not delete everything
  | 'interrupted' // 130: the user stopped it
  | 'transport'; // 1, or 255 when the tool would return the status of a remote command

/**
 * Exit status of each role; `transport` becomes 255 when the tool would otherwise return the exit status of a remote
 * command.
 */
export const EXIT_STATUS: Readonly<Record<ErrorRole, number>> = {
  failed: 1,
  usage: 2,
  'no-match': 3,
  access: 4,
  leftovers: 5,
  interrupted: 130,
  transport: 1,
};

export interface ErrorOptions {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
  /** Replaces the role's exit status: 255 when the tool would otherwise return the exit status of a remote command. */
  readonly exitStatus?: number;
}

/**
 * The only error class that is meant to reach the process edge; anything else is a defect and is reported as
 * `internal`.
 */
export class ToolError extends Error {
  readonly role: ErrorRole;
  /** Stable kebab-case code, a heading in docs/errors.md. */
  readonly code: string;
  readonly details: ErrorDetails;
  readonly exitStatus: number;

  constructor(role: ErrorRole, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ToolError';
    this.role = role;
    this.code = code;
    this.details = options.details ?? {};
    this.exitStatus = options.exitStatus ?? EXIT_STATUS[role];
  }

  /**
   * The same error with another message, more facts or another exit status; its cause is this error unless another is
   * given.
   */
  with(changes: ErrorOptions & { readonly message?: string }): ToolError {
    return new ToolError(this.role, this.code, changes.message ?? this.message, {
      details: { ...this.details, ...changes.details },
      exitStatus: changes.exitStatus ?? this.exitStatus,
      cause: changes.cause ?? this,
    });
  }
}

type FactsOf<C extends string> = C extends keyof ErrorFacts ? ErrorFacts[C] : ErrorDetails;

/** The compiler demands the facts that a code must have; a code without such facts may have any. */
type Options<C extends string> = [Record<string, never>] extends [FactsOf<C>]
  ? [options?: ErrorOptions & { readonly details?: FactsOf<C> }]
  : [options: ErrorOptions & { readonly details: FactsOf<C> }];

const maker =
  (role: ErrorRole) =>
  <const C extends string>(code: C, message: string, ...[options]: Options<C>): ToolError =>
    new ToolError(role, code, message, options);

/** Exit status 1. */
export const failed = maker('failed');
/** Exit status 2. */
export const usage = maker('usage');
/** Exit status 3. */
export const noMatch = maker('no-match');
/** Exit status 4. */
export const access = maker('access');
/** Exit status 5. */
export const leftovers = maker('leftovers');
/** Exit status 1, or 255 where the tool would return the status of a remote command. */
export const transport = maker('transport');

/** The user pressed Ctrl-C, or answered no: exit 130, one line, no advice. */
export const interrupted = (message = 'interrupted'): ToolError =>
  new ToolError('interrupted', 'interrupted', message);

/**
 * The peer broke the wire protocol, or exceeded one of our limits; `code` names which (docs/errors.md). Always fatal to
 * its channel.
 */
export class ProtocolError extends ToolError {
  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super('transport', code, message, { details });
    this.name = 'ProtocolError';
  }
}

/** Exit status for any thrown value; 1 for unknown errors. */
export function exitStatusOf(error: unknown): number {
  return error instanceof ToolError ? error.exitStatus : 1;
}
