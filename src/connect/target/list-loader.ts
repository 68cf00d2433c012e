import type { PacedCalls } from '../../core/paced-calls.ts';
import type { PageIterator } from '../ports.ts';
import { PartialList } from './partial-list.ts';

/** Where a list comes from: pages of ids, and a call that describes some of them. */
export interface ListSource<T> {
  /** After an error `next` of the iterator may be called again. */
  pages(signal: AbortSignal): AsyncIterable<readonly string[]>;
  describe(ids: readonly string[], signal: AbortSignal): Promise<readonly T[]>;
  idOf(row: T): string;
  readonly batchSize: number;
}

/**
 * Reads one list from AWS while it is used: pages and descriptions overlap, what is on the screen is described first,
 * and the rest only if `loadAll` was called. Several loaders may share one `PacedCalls`.
 */
export class ListLoader<T> {
  readonly list: PartialList<T>;
  readonly #source: ListSource<T>;
  readonly #onChange: (rows: readonly T[]) => void;
  readonly #stop = new AbortController();
  readonly #pages: PageIterator<string>;
  #isPaging = false;
  #wantsAll = false;
  #error: unknown;

  /** `onChange` receives the rows that were described; none after a page of ids. */
  constructor(source: ListSource<T>, onChange: (rows: readonly T[]) => void = () => undefined) {
    this.#source = source;
    this.#onChange = onChange;
    this.list = new PartialList(source.batchSize);
    this.#pages = source.pages(this.#stop.signal)[Symbol.asyncIterator]();
  }

  /** The error that ended this list before it was complete; other lists go on. */
  get error(): unknown {
    return this.#error;
  }

  get isOver(): boolean {
    return this.#error !== undefined || this.#stop.signal.aborted;
  }

  loadAll(): void {
    this.#wantsAll = true;
  }

  /** Aborts the running calls; their answers are ignored. */
  cancel(): void {
    this.#stop.abort();
  }

  /** The most urgent call of this list: for `PacedCalls.run`. */
  nextCall(): (() => Promise<void>) | undefined {
    if (this.isOver) return undefined;
    const urgent = this.list.nextBatch(false);
    if (urgent.length > 0) return () => this.#describe(urgent);
    if (!this.list.isListed && !this.#isPaging) {
      this.#isPaging = true;
      return () => this.#readPage();
    }
    const batch = this.list.nextBatch(this.#wantsAll);
    return batch.length === 0 ? undefined : () => this.#describe(batch);
  }

  /** `error` ended all lists: stores it as the reason why this one is incomplete. */
  fail(error: unknown): void {
    if (!this.isOver && !this.list.isComplete) this.#error = error;
  }

  async #readPage(): Promise<void> {
    const page = await this.#pages.next();
    this.#isPaging = false;
    if (this.isOver) return;
    if (page.done !== true) this.list.addPage(page.value);
    if (page.done === true || this.#pages.isAtEnd === true) this.list.endOfPages();
    this.#onChange([]);
  }

  async #describe(batch: readonly string[]): Promise<void> {
    const rows = await this.#source.describe(batch, this.#stop.signal);
    if (this.isOver) return;
    this.list.describe(batch, new Map(rows.map((row) => [this.#source.idOf(row), row])));
    this.#onChange(rows);
  }
}

/**
 * Loads several lists to their end with one pace. A list that fails for another reason than throttling keeps its error
 * and the others go on; when AWS refuses all calls for too long, every incomplete list keeps that error.
 */
export async function loadLists<T>(loaders: readonly ListLoader<T>[], calls: PacedCalls): Promise<void> {
  for (const loader of loaders) loader.loadAll();
  await runLoaders(() => loaders, calls);
}

/** A list that is being loaded, whatever its rows are. */
export type LoadingList = Pick<ListLoader<unknown>, 'nextCall' | 'fail'>;

/** Runs the calls that the loaders need now, in the order of the loaders. */
export async function runLoaders(
  loaders: () => readonly LoadingList[],
  calls: PacedCalls,
  onStart?: (wake: () => void) => void,
): Promise<void> {
  try {
    await calls.run(() => {
      for (const loader of loaders()) {
        const call = loader.nextCall();
        if (call !== undefined) return () => settled(loader, call, calls);
      }
      return undefined;
    }, onStart);
  } catch (error) {
    for (const loader of loaders()) loader.fail(error);
  }
}

/** An error of one list ends that list only. */
async function settled(loader: LoadingList, call: () => Promise<void>, calls: PacedCalls): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (calls.isRefusal(error)) throw error;
    loader.fail(error);
  }
}
