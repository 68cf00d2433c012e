/** How many calls of one kind run at the same time (docs/reference/api-limits.md §2). */
const CONCURRENCY = 4;

/**
 * Runs `work` for each item, `limit` (four) at a time; results are in the order of the items. When one call fails, rejects with
 * its error and starts no others.
 */
export async function mapConcurrently<In, Out>(
  items: readonly In[],
  work: (item: In) => Promise<Out>,
  limit = CONCURRENCY,
): Promise<readonly Out[]> {
  const results = new Map<number, Out>();
  const entries = items.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) {
      if (failed) return;
      results.set(index, await work(item));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  } catch (error) {
    failed = true;
    throw error;
  }
  return items.flatMap((_, index) => (results.has(index) ? [results.get(index) as Out] : []));
}
