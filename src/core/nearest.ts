/**
 * The candidates most similar to `word`, best first: those that contain it, those at an edit distance of at most a
 * third of its letters, and those with a part that is this similar (`ordrs` means `orders-api`). A word of two letters
 * is similar to a part of almost any name, and half of it cannot be a typing error (`cp` does not mean `up`, `db` does
 * not mean `sandbox`): it only matches the beginning of a name.
 */
export function nearest(word: string, candidates: Iterable<string>, limit = 3): readonly string[] {
  const wanted = word.toLowerCase();
  const scored: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of candidates) {
    const name = candidate.toLowerCase();
    const allowed = Math.floor(Math.max(name.length, wanted.length) / 3);
    const [short, long] = name.length < wanted.length ? [name, wanted] : [wanted, name];
    const contained = short.length > 2 ? long.includes(short) : short.length === 2 && long.startsWith(short);
    // Below 1, so better than any typing error; the fewer additional letters, the better.
    const surplus = 1 - Math.min(name.length, wanted.length) / Math.max(name.length, wanted.length);
    const distance = contained ? surplus : editDistance(wanted, name);
    if (distance <= allowed) scored.push({ candidate, distance });
    else if (wanted.length >= MIN_PART) {
      const partly = distanceToPart(wanted, name);
      if (partly <= Math.floor(wanted.length / 3)) scored.push({ candidate, distance: allowed + partly });
    }
  }
  return scored
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, limit)
    .map((entry) => entry.candidate);
}

/** Shorter words are similar to a part of almost any name. */
const MIN_PART = 4;

/** The smallest edit distance between `word` and any part of `name`. */
function distanceToPart(word: string, name: string): number {
  let last = Array.from({ length: name.length + 1 }, () => 0);
  for (let i = 1; i <= word.length; i++) {
    const row = [i];
    for (let j = 1; j <= name.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (word[i - 1] === name[j - 1] ? 0 : 1);
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced));
    }
    last = row;
  }
  return Math.min(...last);
}

/** Insertions, deletions, replacements and swaps of adjacent letters, each counted once (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
