/** A page under way: what is left of it, and where the next one comes from. */
interface Head<T> {
  readonly iterator: AsyncIterator<readonly T[]>;
  page: readonly T[];
  at: number;
}

/**
 * Pages of several sources as pages of one, in the order of time. Each source is in that order itself; items of one time
 * come in the order of the sources. No more than one page of each source is held.
 */
export async function* mergeByTime<T extends { readonly timestamp: number }>(
  sources: readonly AsyncIterable<readonly T[]>[],
): AsyncGenerator<readonly T[]> {
  const heads: Head<T>[] = sources.map((source) => ({
    iterator: source[Symbol.asyncIterator](),
    page: [],
    at: 0,
  }));
  try {
    let open = await refilled(heads);
    while (open.length > 0) {
      const merged: T[] = [];
      while (open.every(({ page, at }) => at < page.length)) {
        const next = earliest(open);
        merged.push(next.page[next.at] as T);
        next.at++;
      }
      if (merged.length > 0) yield merged;
      open = await refilled(open);
    }
  } finally {
    // A reader that stops early ends the sources too.
    await Promise.all(heads.map(({ iterator }) => iterator.return?.()));
  }
}

function earliest<T extends { readonly timestamp: number }>(heads: readonly Head<T>[]): Head<T> {
  return heads.reduce((best, head) => {
    const time = head.page[head.at]?.timestamp ?? Number.POSITIVE_INFINITY;
    return time < (best.page[best.at]?.timestamp ?? Number.POSITIVE_INFINITY) ? head : best;
  });
}

/** Fetches the next page where one is read to its end; without the sources that have none. */
async function refilled<T>(heads: readonly Head<T>[]): Promise<readonly Head<T>[]> {
  const left = await Promise.all(
    heads.map(async (head) => {
      while (head.at >= head.page.length) {
        const next = await head.iterator.next();
        if (next.done === true) return undefined;
        head.page = next.value;
        head.at = 0;
      }
      return head;
    }),
  );
  return left.filter((head) => head !== undefined);
}
