type Compare<T> = (a: T, b: T) => number;

/** One sorted list of several, each of which is sorted by `compare` already. */
export function mergeSorted<T>(lists: readonly (readonly T[])[], compare: Compare<T>): readonly T[] {
  const filled = lists.filter(({ length }) => length > 0);
  const [first = [], second, ...others] = filled;
  if (second === undefined) return first;
  if (others.length === 0) return mergeTwo(first, second, compare);
  const half = filled.length >> 1;
  return mergeTwo(
    mergeSorted(filled.slice(0, half), compare),
    mergeSorted(filled.slice(half), compare),
    compare,
  );
}

function mergeTwo<T>(a: readonly T[], b: readonly T[], compare: Compare<T>): readonly T[] {
  const merged: T[] = [];
  let next = 0;
  for (const item of a) {
    for (; next < b.length; next++) {
      const other = b[next] as T;
      if (compare(other, item) >= 0) break;
      merged.push(other);
    }
    merged.push(item);
  }
  return merged.concat(b.slice(next));
}
