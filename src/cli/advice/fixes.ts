import type { ErrorDetails } from '../../core/facts/fact.ts';
import type { Fix } from '../../diagnose/change.ts';
import { renderChange } from '../render/change-commands.ts';
import type { CommandLines } from './command-lines.ts';

/** Turns the changes that a diagnosis names into the commands to type. */

/** The fixes of the finding that an error or a note was made of; diagnose/errors.ts puts them into the details. */
export const fixesIn = (details: ErrorDetails): readonly Fix[] =>
  (details['fixes'] as readonly Fix[] | undefined) ?? [];

/** The commands of all changes of the best fix, in the order in which they have to be made; empty if there is no fix. */
export const bestFix = (details: ErrorDetails, lines: CommandLines): readonly string[] =>
  fixLines(fixesIn(details)[0] ?? [], lines);

/** The commands of every fix, the best one first. */
export const allFixes = (details: ErrorDetails, lines: CommandLines): readonly string[] =>
  fixesIn(details).flatMap((fix, index) => [...(index === 0 ? [] : ['or:']), ...fixLines(fix, lines)]);

export const fixLines = (fix: Fix, lines: CommandLines): readonly string[] =>
  fix.flatMap((change) => {
    const { command, instruction } = renderChange(change, lines);
    return [command, instruction].flatMap((line) => line ?? []);
  });
