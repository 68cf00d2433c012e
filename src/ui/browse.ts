import type { Question } from './question.ts';
import type { Column, Cell } from './table.ts';

/** Lists that are shown while they are still being loaded (docs/picker.md). */

export interface BrowseRow<T> {
  /** Stays the same while the row's cells become known, so that the cursor stays on the row. */
  readonly id: string;
  readonly value: T;
  /** The first cell is the name. */
  readonly cells: readonly Cell[];
  /** All texts by which the row can be found. */
  readonly search: string;
  /** Of two rows that match equally well, the one with the higher rank comes first. */
  readonly rank?: number;
  /** The reason why the row cannot be chosen. */
  readonly disabled?: string;
  /** What the person can do about `disabled`, one line each. */
  readonly remedy?: readonly string[];
  /** True if the question's flag cannot name this row. */
  readonly flagless?: boolean;
}

export interface BrowseList<T> {
  readonly columns: readonly Column[];
  /** The rows known by now, in the order in which they are shown without a filter. */
  rows(): readonly BrowseRow<T>[];
  /** How much is loaded; undefined = everything. `isListed`: no more rows will follow. */
  progress(): { readonly known: number; readonly total: number; readonly isListed: boolean } | undefined;
  /** Why the list is incomplete. */
  error(): unknown;
  /** These rows are on the screen; `isSearching`: all other rows are needed too. */
  shown(ids: readonly string[], isSearching: boolean): void;
  /** The listener is called when rows, progress or error have changed; the returned function removes it. */
  subscribe(listener: () => void): () => void;
  /** Loads everything; resolves when it is known or cannot be loaded. */
  loadAll(): Promise<void>;
  /** Stops loading. */
  close(): void;
}

/** A key that leaves the list for another one; shown in the last line. */
export interface BrowseKey {
  /** The letter that is pressed with Ctrl. */
  readonly letter: string;
  readonly label: string;
}

export interface BrowseQuestion<T> extends Question {
  readonly list: BrowseList<T>;
  readonly back: boolean;
  /** The filter with which the list opens, as if the person had typed it. */
  readonly typed?: string;
  /** The row on which the cursor stands at first, if there is such a row. */
  readonly cursor?: string;
  /** The only row of a complete list is chosen without a question. */
  readonly choosesOnly?: boolean;
  readonly keys?: readonly BrowseKey[];
}

export type BrowseAnswer<T> =
  /** `only`: the row was chosen without a question. */
  | { readonly type: 'chose'; readonly row: BrowseRow<T>; readonly filter: string; readonly only: boolean }
  | { readonly type: 'back' }
  | { readonly type: 'key'; readonly letter: string; readonly filter: string }
  /** The list is complete and has no row. */
  | { readonly type: 'empty' };

/** Asks questions one after the other, without giving up the terminal between them. */
export interface Browser {
  /**
   * Takes the terminal before the first question is known, so that what the person types meanwhile goes into it.
   */
  open(): void;
  /** Throws `input-needed`, `interrupted`, and the error of a list that has no rows. */
  ask<T>(question: BrowseQuestion<T>): Promise<BrowseAnswer<T>>;
  /** A line that is shown below the next list, e.g. why the question before it had no answer. */
  notice(text: string): void;
  /** Gives the terminal back; may be called several times. */
  close(): void;
}
