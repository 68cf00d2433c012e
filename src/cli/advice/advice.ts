import type { ErrorDetails } from '../../core/error-facts.ts';
import { ACCOUNT_ADVICE } from './account.ts';
import { BASTION_ADVICE } from './bastions.ts';
import { CREDENTIALS_ADVICE } from './credentials.ts';
import { type AdviceContext, CommandLines } from './command-lines.ts';
import type { AdvisedFacts } from './rows.ts';
import { SESSION_ADVICE } from './sessions.ts';
import { TARGET_ADVICE } from './targets.ts';
import { USAGE_ADVICE } from './usage.ts';

/** One row for each code that has facts to give advice on; a code without a row has none (silent-codes.ts). */
export const ADVICE: {
  readonly [C in keyof AdvisedFacts]: (facts: AdvisedFacts[C], lines: CommandLines) => readonly string[];
} = {
  ...ACCOUNT_ADVICE,
  ...CREDENTIALS_ADVICE,
  ...TARGET_ADVICE,
  ...SESSION_ADVICE,
  ...BASTION_ADVICE,
  ...USAGE_ADVICE,
};

/** What to type or change after an error or a note, one line each; empty where its message says it all. */
export function adviceFor(code: string, facts: ErrorDetails, context: AdviceContext): readonly string[] {
  if (!Object.hasOwn(ADVICE, code)) return [];
  // The makers of core/errors.ts see to it that an error carries the facts of its code.
  const row = ADVICE[code as keyof AdvisedFacts] as (
    facts: ErrorDetails,
    lines: CommandLines,
  ) => readonly string[];
  return row(facts, new CommandLines(context));
}
