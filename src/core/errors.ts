import type { ErrorDetails, ErrorFacts } from './error-facts.ts';

/**
 * Every error a person may see, by role. The role decides the exit status (`exitStatusOf`); the code is stable,
 * has a heading in docs/errors.md, and is what `--json` reports. Subject detail goes into `details`, never into new classes.
 */

/** What kind of trouble it is; one exit status each. */
export type ErrorRole =
  | 'failed' // 1: it was tried and did not work
  | 'usage' // 2: the command line is wrong, or a question has no answer without a TTY
  | 'no-match' // 3: nothing matched what was asked for
  | 'access' // 4: credentials or permission
  | 'leftovers' // 5: teardown left something
  | 'interrupted' // 130: the person stopped it
  | 'transport'; // 1, or 255 for a command whose remote status would be ours

/** Exit status of each role; `transport` becomes 255 where a remote exit status would otherwise be returned. */
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
  /** Instead of the role's exit status: 255 where the status of a remote command would be ours. */
  readonly exitStatus?: number;
}

/** The only error class that reaches the process edge on purpose; anything else is a defect and is reported as `internal`. */
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

  /** The same error with another message, more facts or another exit status; this one is its cause unless another is named. */
  with(changes: ErrorOptions & { readonly message?: string }): ToolError {
    return new ToolError(this.role, this.code, changes.message ?? this.message, {
      details: { ...this.details, ...changes.details },
      exitStatus: changes.exitStatus ?? this.exitStatus,
      cause: changes.cause ?? this,
    });
  }
}

type FactsOf<C extends string> = C extends keyof ErrorFacts ? ErrorFacts[C] : ErrorDetails;

/** Facts that a code must have are demanded by the compiler; a code without such facts may have any. */
type Options<C extends string> = [Record<string, never>] extends [FactsOf<C>]
  ? [options?: ErrorOptions & { readonly details?: FactsOf<C> }]
  : [options: ErrorOptions & { readonly details: FactsOf<C> }];

const maker =
  (role: ErrorRole) =>
  <const C extends string>(code: C, message: string, ...[options]: Options<C>): ToolError =>
    new ToolError(role, code, message, options);

export const failed = maker('failed');
export const usage = maker('usage');
export const noMatch = maker('no-match');
export const access = maker('access');
export const leftovers = maker('leftovers');
export const transport = maker('transport');

/** The person pressed Ctrl-C, or answered no: exit 130, one line, no advice. */
export const interrupted = (message = 'interrupted'): ToolError =>
  new ToolError('interrupted', 'interrupted', message);

/** A peer broke the wire protocol, or a limit of ours was hit; `code` names which (docs/errors.md). Always fatal to its channel. */
export class ProtocolError extends ToolError {
  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super('transport', code, message, { details });
    this.name = 'ProtocolError';
  }
}

/** Exit status for anything thrown; unknown errors are 1. */
export function exitStatusOf(error: unknown): number {
  return error instanceof ToolError ? error.exitStatus : 1;
}
