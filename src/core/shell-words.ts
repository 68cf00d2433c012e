/**
 * One word of a POSIX shell command line, quoted so that any shell — and the agent's own splitter, which knows the same
 * quotes but no shell (SPEC.md §11.2) — gives back exactly `word`. NUL cannot be passed to a program at all.
 */
export function quoteWord(word: string): string {
  if (word !== '' && /^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

export const quoteWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');
