/** Quoting for POSIX shells: one set for every command line that the tool prints, sends or writes into a file. */

/** In single quotes, between which a shell interprets nothing. NUL cannot be passed to a program at all. */
export const singleQuoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * One word of a command line, quoted only where it has to be, so that any shell — and the SSM agent's own splitter, which
 * knows the same quotes but runs no shell (SPEC.md §11.2) — reads exactly `word`.
 */
export const quoteWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : singleQuoted(word);

export const quoteWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');
