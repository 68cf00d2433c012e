import type { Candidates } from '../../core/candidates.ts';
import type { ErrorFacts, NoteFacts } from '../../core/error-facts.ts';
import type { CommandLines } from './command-lines.ts';

/** What the tables of advice are made of: a row for each code, from its facts to lines to read or to type. */

export type AdvisedFacts = ErrorFacts & NoteFacts;

type Row<F> = (facts: F, lines: CommandLines) => readonly string[];

/** Rows of some codes; advice.ts puts the tables together and has one row for each code. */
export type Rows = { readonly [C in keyof AdvisedFacts]?: Row<AdvisedFacts[C]> };

/** So many names still fit into one line when none of them is near. */
const MOST_SHOWN = 10;

/** What a person may have meant: near names, else all of a few, or how many there are. */
export function meant({ near = [], candidates = [], existing = 0 }: Partial<Candidates>): readonly string[] {
  if (near.length > 0) return [`did you mean ${near.join(', ')}?`];
  if (existing === 0) return [];
  if (existing <= MOST_SHOWN) return [`there is: ${[...candidates].sort().join(', ')}`];
  return [`none of the ${existing} names is close`];
}
