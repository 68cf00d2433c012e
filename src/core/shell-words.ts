/** Quoting for POSIX shells, for every command line that the tool prints, sends or writes into a file. */

/** The text in single quotes, between which a shell interprets nothing. NUL cannot be passed to a program at all. */
export const singleQuoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * One word of a command line, quoted only if necessary, so that any shell reads exactly `word`. The SSM agent's own
 * splitter reads the same; it knows the same quotes but runs no shell (SPEC.md §11.2).
 */
export const quoteWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : singleQuoted(word);

/** A command line that a shell splits into exactly these words. */
export const quoteWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');
