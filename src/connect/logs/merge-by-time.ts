/** A page of one source: its unread items, and the iterator that gives the next page. */
interface Head<T> {
  readonly iterator: AsyncIterator<readonly T[]>;
  page: readonly T[];
  at: number;
}

/**
 * Merges the pages of several sources into pages ordered by time. Each source must itself be ordered by time; items
 * with the same time come in the order of the sources. Holds at most one page of each source.
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
    // When the reader stops early, the sources are ended too.
    await Promise.all(heads.map(async ({ iterator }) => void (await iterator.return?.())));
  }
}

function earliest<T extends { readonly timestamp: number }>(heads: readonly Head<T>[]): Head<T> {
  return heads.reduce((best, head) => {
    const time = head.page[head.at]?.timestamp ?? Number.POSITIVE_INFINITY;
    return time < (best.page[best.at]?.timestamp ?? Number.POSITIVE_INFINITY) ? head : best;
  });
}

/**
 * Fetches the next page for each source whose page is read to its end, and leaves out the sources that have no more
 * pages.
 */
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
