/**
 * A list of AWS resources that is read piece by piece: first the ids, page by page, then the description of each in
 * batches, those on the screen first. Pure: it is told what was read, and says what to read next.
 */
export class PartialList<T> {
  readonly #batchSize: number;
  readonly #ids: string[] = [];
  readonly #rows = new Map<string, T>();
  /** Ids whose description was requested. */
  readonly #requested = new Set<string>();
  #urgent: readonly string[] = [];
  /** All ids before this index were requested. */
  #cursor = 0;
  #isListed = false;
  #gone = 0;

  /** `batchSize`: how many ids one call may describe. */
  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** Ids in the order of the pages. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** True when all pages were read. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** How many ids are described. */
  get described(): number {
    return this.#rows.size;
  }

  /** How many listed ids were removed again, because they had been deleted when they were described. */
  get gone(): number {
    return this.#gone;
  }

  get isComplete(): boolean {
    return this.#isListed && this.#rows.size === this.#ids.length;
  }

  row(id: string): T | undefined {
    return this.#rows.get(id);
  }

  /** The described rows, in the order of the pages. */
  rows(): readonly T[] {
    return this.#ids.flatMap((id) => {
      const row = this.#rows.get(id);
      return row === undefined ? [] : [row];
    });
  }

  addPage(ids: readonly string[]): void {
    for (const id of ids) this.#ids.push(id);
  }

  endOfPages(): void {
    this.#isListed = true;
  }

  /** These ids are described before all others. */
  prefer(ids: readonly string[]): void {
    this.#urgent = ids;
  }

  /**
   * The ids of the next describing call, empty if there is nothing to describe now. Without `all`, only preferred ids
   * lead to a call; ids that follow them in the list fill its batch.
   */
  nextBatch(all: boolean): readonly string[] {
    const batch = this.#urgent.filter((id) => !this.#requested.has(id)).slice(0, this.#batchSize);
    if (batch.length === 0 && !all) return [];
    const chosen = new Set(batch);
    const waiting: string[] = [];
    for (
      let at = this.#cursor;
      at < this.#ids.length && batch.length + waiting.length < this.#batchSize;
      at++
    ) {
      const id = this.#ids[at] ?? '';
      if (this.#requested.has(id)) {
        if (at === this.#cursor) this.#cursor++;
      } else if (!chosen.has(id)) waiting.push(id);
    }
    // A small batch costs as much as a full one; more ids may come with the next page.
    if (batch.length === 0 && waiting.length < this.#batchSize && !this.#isListed) return [];
    const ids = [...batch, ...waiting];
    for (const id of ids) this.#requested.add(id);
    return ids;
  }

  /** Stores the answer to a batch. Ids without a row have been deleted since they were listed. */
  describe(batch: readonly string[], rows: ReadonlyMap<string, T>): void {
    for (const id of batch) {
      const row = rows.get(id);
      if (row !== undefined) this.#rows.set(id, row);
    }
    const gone = new Set(batch.filter((id) => !rows.has(id)));
    if (gone.size === 0) return;
    this.#gone += gone.size;
    const kept = this.#ids.filter((id) => !gone.has(id));
    this.#ids.splice(0, this.#ids.length, ...kept);
    this.#cursor = 0;
  }
}
