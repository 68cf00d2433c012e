import { fuzzyScore, isLetterOrDigit } from './fuzzy.ts';

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

/** A row as it is searched, and what the last search found in it. */
interface SearchedRow {
  /** In lower case, as `text` is. */
  readonly name: string;
  readonly text: string;
  readonly rank: number;
  /** Number of the query of `score`. */
  query: number;
  /** Undefined = a word of the query does not occur. */
  score: number | undefined;
}

/** How well the row matches all words; undefined if one of them does not occur. Words of a name count most. */
function score(words: readonly string[], row: SearchedRow): number | undefined {
  let sum = 0;
  for (const word of words) {
    const one = wordScore(word, row);
    if (one === undefined) return undefined;
    sum += one;
  }
  // Recency and health decide between rows that match equally well.
  return sum - row.name.length / 100 + row.rank;
}

function wordScore(word: string, { name, text }: SearchedRow): number | undefined {
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

const startsWord = (text: string, at: number): boolean => !isLetterOrDigit(text[at - 1] ?? ' ');

function isScattered(word: string, text: string): boolean {
  let at = -1;
  for (const letter of word) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/**
 * Searches many rows while a person types, and while rows become known: a row is searched again only if it has changed
 * or matches the query so far.
 */
export class RowSearch<R extends object> {
  readonly #read: (row: R) => Searched;
  readonly #known = new WeakMap<R, SearchedRow>();
  #words: readonly string[] = [];
  #query = 0;
  /** The rows of the last search, and the same rows as they are searched. */
  #rows: readonly R[] = [];
  #all: readonly SearchedRow[] = [];

  constructor(read: (row: R) => Searched) {
    this.#read = read;
  }

  /** The rows that match, best first; rows that match equally well keep their order. An empty query matches all. */
  search(query: string, rows: readonly R[]): readonly R[] {
    const words = queryWords(query);
    if (words.length === 0) return rows;
    const isNarrower = this.#words.every((word, index) => words[index]?.startsWith(word) === true);
    if (!isNarrower || words.join(' ') !== this.#words.join(' ')) this.#query++;
    this.#words = words;
    if (this.#rows !== rows) this.#all = rows.map((row) => this.#searched(row));
    this.#rows = rows;
    const keys = new Float64Array(rows.length);
    let count = 0;
    for (const [order, searched] of this.#all.entries()) {
      if (searched.query !== this.#query) {
        const cannotMatch = isNarrower && searched.query === this.#query - 1 && searched.score === undefined;
        if (!cannotMatch) searched.score = score(words, searched);
        searched.query = this.#query;
      }
      if (searched.score !== undefined) keys[count++] = sortKey(searched.score, order);
    }
    // Numbers without a comparison function are sorted ten times as fast as rows with one.
    const sorted = keys.subarray(0, count).sort();
    return Array.from(sorted, (key) => rows[key % MOST_ROWS]).filter((row) => row !== undefined);
  }

  #searched(row: R): SearchedRow {
    const known = this.#known.get(row);
    if (known !== undefined) return known;
    const { name, search, rank = 0 } = this.#read(row);
    const searched = {
      name: name.toLowerCase(),
      text: search.toLowerCase(),
      rank,
      query: NEVER,
      score: undefined,
    };
    this.#known.set(row, searched);
    return searched;
  }
}

/** The query of a row that was not searched yet. */
const NEVER = -1;

const MOST_ROWS = 2 ** 20;
const MOST_SCORE = 2 ** 32 - 1;
/** Scores are compared in thousandths; the lowest one is just below zero. */
const SCORE_UNIT = 1000;
const LOWEST_SCORE = -100;

/** One number for each row that is smaller the better it matches and, of two with the same score, the earlier it is. */
const sortKey = (score: number, order: number): number => {
  const steps = Math.round((score - LOWEST_SCORE) * SCORE_UNIT);
  return (MOST_SCORE - Math.min(MOST_SCORE, Math.max(0, steps))) * MOST_ROWS + order;
};
