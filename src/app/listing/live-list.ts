import { ListLoader, type ListSource, runLoaders } from '../../connect/target/list-loader.ts';
import type { PacedCalls } from '../../core/paced-calls.ts';
import type { BrowseList, BrowseRow } from '../../ui/browse.ts';
import type { Column } from '../../ui/table.ts';

/** A list of AWS resources that the picker shows while it is being loaded. */
export class LiveList<Item, T> implements BrowseList<T> {
  readonly columns: readonly Column[];
  readonly #loader: ListLoader<Item>;
  readonly #calls: PacedCalls;
  readonly #toRow: (id: string, item: Item | undefined) => BrowseRow<T> | undefined;
  readonly #compare: (a: BrowseRow<T>, b: BrowseRow<T>) => number;
  readonly #listeners = new Set<() => void>();
  readonly #rowOf = new Map<string, BrowseRow<T> | undefined>();
  #rows: readonly BrowseRow<T>[] | undefined;
  #running: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  #wantsAll = false;

  /**
   * `toRow` returns undefined for an item that the list does not show; it is called again when the item of an id becomes
   * known.
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
    this.#compare = options.compare ?? byRankThenId;
    this.#loader = new ListLoader(source, (items) => {
      for (const item of items) this.#rowOf.delete(source.idOf(item));
      this.changed();
    });
    this.#run();
  }

  rows(): readonly BrowseRow<T>[] {
    this.#rows ??= this.#loader.list.ids
      .flatMap((id) => {
        if (!this.#rowOf.has(id)) this.#rowOf.set(id, this.#toRow(id, this.#loader.list.row(id)));
        return this.#rowOf.get(id) ?? [];
      })
      .sort(this.#compare);
    return this.#rows;
  }

  item(id: string): Item | undefined {
    return this.#loader.list.row(id);
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
    this.#rowOf.clear();
    this.changed();
  }

  changed(): void {
    this.#rows = undefined;
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
