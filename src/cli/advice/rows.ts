import type { Candidates } from '../../core/candidates.ts';
import type { ErrorFacts } from '../../core/error-facts.ts';
import type { NoteFacts } from '../../core/facts/note-facts.ts';
import type { CommandLines } from './command-lines.ts';

/** The types of the advice tables: a row for each code turns its facts into lines to read or to type. */

export type AdvisedFacts = ErrorFacts & NoteFacts;

type Row<F> = (facts: F, lines: CommandLines) => readonly string[];

/** Rows of some codes; advice.ts combines the tables and has one row for each code. */
export type Rows = { readonly [C in keyof AdvisedFacts]?: Row<AdvisedFacts[C]> };

/** Up to this number of names, all of them are shown in one line when none is similar. */
const MAX_SHOWN = 10;

/** Names that the person may have meant: similar names, else all names if they are few, else their number. */
export function meant({ near = [], candidates = [], existing = 0 }: Partial<Candidates>): readonly string[] {
  if (near.length > 0) return [`did you mean ${near.join(', ')}?`];
  if (existing === 0) return [];
  if (existing <= MAX_SHOWN) return [`there is: ${[...candidates].sort().join(', ')}`];
  return [`none of the ${existing} names is close`];
}
