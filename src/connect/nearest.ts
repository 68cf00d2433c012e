/** What a person may have meant: for `no-match` errors. */

const MOST = 5;

/** Up to five candidates, closest first: those that contain what was typed, then those a few typing errors away. */
export function nearest(typed: string, candidates: readonly string[]): readonly string[] {
  const wanted = typed.toLowerCase();
  return candidates
    .map((name) => ({ name, distance: distance(wanted, name.toLowerCase()) }))
    .filter((entry) => entry.distance <= Math.max(3, Math.ceil(wanted.length / 2)))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, MOST)
    .map((entry) => entry.name);
}

/** For an error's hints: the nearest names, or all of a few, or how many there are. */
export function candidateHints(
  typed: string,
  candidates: readonly string[],
  list: string,
): readonly string[] {
  const near = nearest(typed, candidates);
  if (near.length > 0) return [`did you mean ${near.join(', ')}?`, list];
  if (candidates.length === 0) return [list];
  if (candidates.length <= MOST) return [`there is: ${[...candidates].sort().join(', ')}`, list];
  return [`none of the ${candidates.length} names is close`, list];
}

/** 0–1 when one contains the other (shorter surplus is nearer), else the edit distance with transpositions, plus one. */
function distance(a: string, b: string): number {
  if (a === b) return 0;
  if (a !== '' && (b.includes(a) || a.includes(b)))
    return 1 - Math.min(a.length, b.length) / Math.max(a.length, b.length);
  return 1 + editDistance(a, b);
}

function editDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
