import type { ToolError } from '../../core/errors.ts';

/** What `ls` lists. */

/** A JSON object as `ls --json` prints it; absent values are null, so that the field list never varies. */
export type ListRecord = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** A list that could not be read to its end. */
export interface IncompleteList {
  /** What is missing: `40 of 60 services of cluster demo`, `services of cluster demo after the first 300`. */
  readonly missing: string;
  readonly error: ToolError;
}

export interface Items {
  readonly records: readonly ListRecord[];
  readonly incomplete: readonly IncompleteList[];
}
