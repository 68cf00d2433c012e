/** Offsets in bytes; `to` is not part of it. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Hands out the ranges of a file in order, those that were put back first. */
export class RangeQueue {
  readonly #size: number;
  readonly #length: number;
  readonly #completeTo: (offset: number) => void;
  readonly #returned: Range[] = [];
  readonly #ahead = new Map<number, number>();
  #next: number;
  #complete: number;

  constructor(from: number, size: number, length: number, completeTo: (offset: number) => void) {
    this.#next = from;
    this.#complete = from;
    this.#size = size;
    this.#length = length;
    this.#completeTo = completeTo;
  }

  get isEmpty(): boolean {
    return this.#returned.length === 0 && this.#next >= this.#size;
  }

  next(): Range | undefined {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    if (this.#next >= this.#size) return undefined;
    const from = this.#next;
    this.#next = Math.min(this.#size, from + this.#length);
    return { from, to: this.#next };
  }

  putBack(range: Range): void {
    if (range.from === range.to) return;
    this.#returned.push(range);
    this.#returned.sort((a, b) => a.from - b.from);
  }

  done({ from, to }: Range): void {
    this.#ahead.set(from, to);
    for (
      let end = this.#ahead.get(this.#complete);
      end !== undefined;
      end = this.#ahead.get(this.#complete)
    ) {
      this.#ahead.delete(this.#complete);
      this.#complete = end;
    }
    this.#completeTo(this.#complete);
  }
}
