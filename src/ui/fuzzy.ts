/** Type-to-filter: a query matches when its characters occur in order; their positions decide the rank. */

const START_OF_TEXT = 12;
const START_OF_WORD = 8;
const ADJACENT = 6;
const MATCH = 1;
const GAP_PENALTY = 1;
/** The first matching character costs more the later it is, up to this position. */
const FAR = 4;

/**
 * How well `query` matches `text`; undefined if it does not. Case is ignored; blanks separate queries that must all
 * match, in any order. Higher is better; an empty query matches every text with 0.
 */
export function fuzzyScore(query: string, text: string): number | undefined {
  let sum = 0;
  for (const part of query.toLowerCase().split(/\s+/)) {
    if (part === '') continue;
    const score = subsequenceScore(part, text);
    if (score === undefined) return undefined;
    sum += score;
  }
  return sum;
}

/**
 * Finds the best of all alignments, not the first: `web` in `worker-web` must match the word. One row per query
 * character: `best[i]` is the best score of an alignment whose last character is at text position `i`.
 */
function subsequenceScore(query: string, text: string): number | undefined {
  const lower = text.toLowerCase();
  if (query.length > lower.length) return undefined;
  const bonus = Array.from({ length: lower.length }, (_, index) => positionBonus(text, index));
  let best: (number | undefined)[] = [];
  for (let q = 0; q < query.length; q++) {
    const row: (number | undefined)[] = Array.from({ length: lower.length });
    // The best earlier alignment with at least one character in between; the gap reduces its score.
    let distant: number | undefined;
    for (let i = 0; i < lower.length; i++) {
      const before = i >= 2 ? best[i - 2] : undefined;
      distant = maximum(
        distant === undefined ? undefined : distant - GAP_PENALTY / lower.length,
        before === undefined ? undefined : before - GAP_PENALTY,
      );
      if (lower[i] !== query[q]) continue;
      const here = MATCH + (bonus[i] ?? 0);
      if (q === 0) {
        row[i] = here - Math.min(FAR, i) / (FAR * 4);
        continue;
      }
      const adjacent = i >= 1 ? best[i - 1] : undefined;
      const from = maximum(adjacent === undefined ? undefined : adjacent + ADJACENT, distant);
      if (from !== undefined) row[i] = from + here;
    }
    best = row;
  }
  let result: number | undefined;
  for (const score of best) result = maximum(result, score);
  // Of two equal matches the shorter text ranks higher.
  return result === undefined ? undefined : result - lower.length / 1000;
}

const maximum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b);

function positionBonus(text: string, index: number): number {
  if (index === 0) return START_OF_TEXT;
  const before = text[index - 1] ?? '';
  const here = text[index] ?? '';
  if (!isLetterOrDigit(before)) return START_OF_WORD;
  if (isUpperCase(here) && isLowerCase(before)) return START_OF_WORD;
  if (isDigit(here) && !isDigit(before)) return START_OF_WORD / 2;
  return 0;
}

// Names are ASCII nearly always, and a comparison of codes takes a tenth of the time of a regular expression.
const isAscii = (character: string): boolean => character < '\u0080';
const isLowerCase = (character: string): boolean =>
  isAscii(character) ? character >= 'a' && character <= 'z' : /\p{Ll}/u.test(character);
const isUpperCase = (character: string): boolean =>
  isAscii(character) ? character >= 'A' && character <= 'Z' : /\p{Lu}/u.test(character);
const isDigit = (character: string): boolean =>
  isAscii(character) ? character >= '0' && character <= '9' : /\p{N}/u.test(character);

/** True for a letter or a digit of any script. */
export const isLetterOrDigit = (character: string): boolean =>
  isAscii(character)
    ? isLowerCase(character) || isUpperCase(character) || isDigit(character)
    : /[\p{L}\p{N}]/u.test(character);

/** The items that match, best first; items with the same score keep their order. */
export function fuzzyFilter<T>(
  query: string,
  items: readonly T[],
  textOf: (item: T) => string,
): readonly T[] {
  if (query.trim() === '') return items;
  return items
    .map((item, order) => ({ item, order, score: fuzzyScore(query, textOf(item)) }))
    .filter((entry) => entry.score !== undefined)
    .sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.order - b.order)
    .map((entry) => entry.item);
}
