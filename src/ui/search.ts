import { fuzzyScore } from './fuzzy.ts';

/** Type-to-search in many rows: each word of the query must occur somewhere in the row. */

/** What is searched in a row. */
export interface Searched {
  readonly name: string;
  /** Further texts, e.g. ids, addresses, images. */
  readonly search: string;
  readonly rank?: number;
}

const WHOLE_NAME = 1000;
const START_OF_NAME = 600;
const WORD_OF_NAME = 400;
const IN_NAME = 250;
const WORD_OF_TEXT = 150;
const IN_TEXT = 100;
/** Letters of the name in their order, with others between them; lower than every occurrence in one piece. */
const MOST_SCATTERED = 90;

/** The words of a query; `orders/api` are two words, as names of services and containers are written. */
export const queryWords = (query: string): readonly string[] =>
  query
    .toLowerCase()
    .split(/[\s/]+/)
    .filter((word) => word !== '');

/**
 * How well the row matches all words; undefined if one of them does not occur. Words of a name count most, then words
 * of the other texts; `rank` (recency, health) decides between rows that match equally well. `lower` holds name and
 * texts in lower case.
 */
function score(words: readonly string[], lower: LowerCase): number | undefined {
  let sum = 0;
  for (const word of words) {
    const one = wordScore(word, lower);
    if (one === undefined) return undefined;
    sum += one;
  }
  return sum - lower.name.length / 100;
}

interface LowerCase {
  readonly name: string;
  readonly text: string;
}

function wordScore(word: string, { name, text }: LowerCase): number | undefined {
  if (name === word) return WHOLE_NAME;
  if (name.startsWith(word)) return START_OF_NAME;
  const at = name.indexOf(word);
  if (at > 0) return startsWord(name, at) ? WORD_OF_NAME : IN_NAME;
  const inText = text.indexOf(word);
  if (inText >= 0) return inText === 0 || startsWord(text, inText) ? WORD_OF_TEXT : IN_TEXT;
  if (!isScattered(word, name)) return undefined;
  const fuzzy = fuzzyScore(word, name);
  return fuzzy === undefined ? undefined : Math.min(MOST_SCATTERED, Math.max(1, fuzzy));
}

const startsWord = (text: string, at: number): boolean => !/[\p{L}\p{N}]/u.test(text[at - 1] ?? ' ');

function isScattered(word: string, text: string): boolean {
  let at = -1;
  for (const letter of word) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/** Searches rows of which only some change between two searches. */
export class RowSearch<R extends object> {
  readonly #read: (row: R) => Searched;
  readonly #lower = new WeakMap<R, LowerCase>();

  constructor(read: (row: R) => Searched) {
    this.#read = read;
  }

  /** The rows that match, best first; rows that match equally well keep their order. An empty query matches all. */
  search(query: string, rows: readonly R[]): readonly R[] {
    const words = queryWords(query);
    if (words.length === 0) return rows;
    const found: { row: R; order: number; score: number }[] = [];
    for (const [order, row] of rows.entries()) {
      const matched = score(words, this.#lowerOf(row));
      if (matched !== undefined) found.push({ row, order, score: matched + (this.#read(row).rank ?? 0) });
    }
    return found.sort((a, b) => b.score - a.score || a.order - b.order).map(({ row }) => row);
  }

  #lowerOf(row: R): LowerCase {
    const known = this.#lower.get(row);
    if (known !== undefined) return known;
    const { name, search } = this.#read(row);
    const lower = { name: name.toLowerCase(), text: search.toLowerCase() };
    this.#lower.set(row, lower);
    return lower;
  }
}
