import { ListLoader, type ListSource, runLoaders } from '../../connect/target/list-loader.ts';
import type { PacedCalls } from '../../core/paced-calls.ts';
import { mergeSorted } from '../../core/merge-sorted.ts';
import type { BrowseList, BrowseRow } from '../../ui/browse.ts';
import type { Column } from '../../ui/table.ts';

/** A list of AWS resources that the picker shows while it is being loaded. */
export class LiveList<Item, T> implements BrowseList<T> {
  readonly columns: readonly Column[];
  readonly #loader: ListLoader<Item>;
  readonly #calls: PacedCalls;
  readonly #toRow: (id: string, item: Item | undefined) => BrowseRow<T> | undefined;
  readonly #compare: ((a: BrowseRow<T>, b: BrowseRow<T>) => number) | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #rowOf = new Map<string, BrowseRow<T> | undefined>();
  /** Ids whose rows are computed again before they are used. */
  readonly #changedIds = new Set<string>();
  #rows: readonly BrowseRow<T>[] = [];
  #hasChanged = true;
  /** How many of the listed ids have rows, and how many ids had gone by then. */
  #listed = 0;
  #gone = 0;
  #running: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  #wantsAll = false;

  /**
   * `toRow` returns undefined for an item that the list does not show; it is called again when the item of an id becomes
   * known. Rows are ordered by rank and id, or by `compare`, whose order may change as items become known.
   */
  constructor(options: {
    readonly columns: readonly Column[];
    readonly source: ListSource<Item>;
    readonly calls: PacedCalls;
    readonly toRow: (id: string, item: Item | undefined) => BrowseRow<T> | undefined;
    readonly compare?: (a: BrowseRow<T>, b: BrowseRow<T>) => number;
  }) {
    const { source } = options;
    this.columns = options.columns;
    this.#calls = options.calls;
    this.#toRow = options.toRow;
    this.#compare = options.compare;
    this.#loader = new ListLoader(source, (items) => {
      for (const item of items) this.#changedIds.add(source.idOf(item));
      this.changed();
    });
    this.#run();
  }

  rows(): readonly BrowseRow<T>[] {
    if (!this.#hasChanged) return this.#rows;
    this.#hasChanged = false;
    const { ids, gone } = this.#loader.list;
    // Thousands of rows are sorted once; afterwards only those that have changed are, and then merged with the others.
    if (this.#compare !== undefined || this.#gone !== gone) {
      this.#gone = gone;
      this.#rows = [];
      this.#listed = 0;
      this.#changedIds.clear();
    }
    for (; this.#listed < ids.length; this.#listed++) this.#changedIds.add(ids[this.#listed] ?? '');
    const stale = new Set<BrowseRow<T>>();
    const fresh: BrowseRow<T>[] = [];
    for (const id of this.#changedIds) {
      const before = this.#rowOf.get(id);
      if (before !== undefined) stale.add(before);
      const row = this.#toRow(id, this.#loader.list.row(id));
      this.#rowOf.set(id, row);
      if (row !== undefined) fresh.push(row);
    }
    this.#changedIds.clear();
    const compare = this.#compare ?? byRankThenId;
    const kept = stale.size === 0 ? this.#rows : this.#rows.filter((row) => !stale.has(row));
    this.#rows = mergeSorted([kept, fresh.sort(compare)], compare);
    return this.#rows;
  }

  item(id: string): Item | undefined {
    return this.#loader.list.row(id);
  }

  /** How many items are described so far. */
  known(): number {
    return this.#loader.list.described;
  }

  /** The items described so far. */
  items(): readonly Item[] {
    return this.#loader.list.rows();
  }

  progress(): ReturnType<BrowseList<T>['progress']> {
    const { list } = this.#loader;
    if (list.isComplete) return undefined;
    return { known: list.described, total: list.ids.length, isListed: list.isListed };
  }

  error(): unknown {
    return this.#loader.error;
  }

  shown(ids: readonly string[], isSearching: boolean): void {
    this.#loader.list.prefer(ids);
    if (isSearching && !this.#wantsAll) {
      this.#wantsAll = true;
      this.#loader.loadAll();
    }
    this.#run();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async loadAll(): Promise<void> {
    this.#loader.loadAll();
    this.#run();
    while (this.#running !== undefined) await this.#running;
  }

  close(): void {
    this.#loader.cancel();
    this.#listeners.clear();
  }

  /** All rows are computed again, because what they show has changed elsewhere. */
  refresh(): void {
    for (const id of this.#loader.list.ids) this.#changedIds.add(id);
    this.changed();
  }

  changed(): void {
    this.#hasChanged = true;
    for (const listener of this.#listeners) listener();
  }

  #run(): void {
    if (this.#running !== undefined) {
      this.#wake();
      return;
    }
    if (this.#loader.isOver || this.#loader.list.isComplete) return;
    const run = runLoaders(
      () => [this.#loader],
      this.#calls,
      (wake) => {
        this.#wake = wake;
      },
    ).finally(() => {
      this.#running = undefined;
      this.#wake = () => undefined;
      this.changed();
    });
    this.#running = run;
  }
}

/** By code units: a collator would take longer than the rest of a drawing in a list of thousands of rows. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order of rows: the highest rank first, and rows of one rank by id. */
export const byRankThenId = (a: BrowseRow<unknown>, b: BrowseRow<unknown>): number =>
  (b.rank ?? 0) - (a.rank ?? 0) || byText(a.id, b.id);

/** Rows that are all known. */
export function staticList<T>(columns: readonly Column[], rows: readonly BrowseRow<T>[]): BrowseList<T> {
  return {
    columns,
    rows: () => rows,
    progress: () => undefined,
    error: () => undefined,
    shown: () => undefined,
    subscribe: () => () => undefined,
    loadAll: () => Promise.resolve(),
    close: () => undefined,
  };
}

/** Rows that arrive together. */
export function laterList<T>(
  columns: readonly Column[],
  loading: Promise<readonly BrowseRow<T>[]>,
): BrowseList<T> {
  let rows: readonly BrowseRow<T>[] | undefined;
  let failure: unknown;
  const listeners = new Set<() => void>();
  const done = loading
    .then(
      (found) => {
        rows = found;
      },
      (error: unknown) => {
        failure = error;
      },
    )
    .then(() => {
      for (const listener of listeners) listener();
    });
  return {
    columns,
    rows: () => rows ?? [],
    progress: () =>
      rows === undefined && failure === undefined ? { known: 0, total: 0, isListed: false } : undefined,
    error: () => failure,
    shown: () => undefined,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    loadAll: () => done,
    close: () => listeners.clear(),
  };
}

/** How much of several lists is loaded, as if they were one; undefined = everything. */
export function progressOf(
  lists: readonly Pick<BrowseList<unknown>, 'progress' | 'rows'>[],
): ReturnType<BrowseList<unknown>['progress']> {
  const parts = lists.flatMap((list) => list.progress() ?? []);
  if (parts.length === 0) return undefined;
  const total = lists.reduce((sum, list) => sum + (list.progress()?.total ?? list.rows().length), 0);
  const open = parts.reduce((sum, part) => sum + part.total - part.known, 0);
  return { known: total - open, total, isListed: parts.every(({ isListed }) => isListed) };
}

/** The first error among several lists. */
export const errorOf = (lists: readonly Pick<BrowseList<unknown>, 'error'>[]): unknown =>
  lists.map((list) => list.error()).find((error) => error !== undefined);
