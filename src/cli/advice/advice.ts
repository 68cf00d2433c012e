import type { ErrorDetails } from '../../core/facts/fact.ts';
import { ACCOUNT_ADVICE } from './account.ts';
import { BASTION_ADVICE } from './bastions.ts';
import { COPY_ADVICE } from './copies.ts';
import { DATABASE_ADVICE } from './databases.ts';
import { CREDENTIALS_ADVICE } from './credentials.ts';
import { type AdviceContext, CommandLines } from './command-lines.ts';
import type { AdvisedFacts } from './rows.ts';
import { SESSION_ADVICE } from './sessions.ts';
import { TARGET_ADVICE } from './targets.ts';
import { USAGE_ADVICE } from './usage.ts';

/** One row for each code that has advice; the codes without advice are in silent-codes.ts. */
export const ADVICE: {
  readonly [C in keyof AdvisedFacts]: (facts: AdvisedFacts[C], lines: CommandLines) => readonly string[];
} = {
  ...ACCOUNT_ADVICE,
  ...CREDENTIALS_ADVICE,
  ...TARGET_ADVICE,
  ...SESSION_ADVICE,
  ...COPY_ADVICE,
  ...BASTION_ADVICE,
  ...DATABASE_ADVICE,
  ...USAGE_ADVICE,
};

/**
 * What to type or change after an error or a note, one line each; empty if there is no next step beyond the message.
 */
export function adviceFor(code: string, facts: ErrorDetails, context: AdviceContext): readonly string[] {
  if (!Object.hasOwn(ADVICE, code)) return [];
  // The functions of core/errors.ts that create an error make sure that it carries the facts of its code.
  const row = ADVICE[code as keyof AdvisedFacts] as (
    facts: ErrorDetails,
    lines: CommandLines,
  ) => readonly string[];
  return row(facts, new CommandLines(context));
}
