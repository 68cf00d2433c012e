import { expect, it } from 'vitest';

import { quoteWord, quoteWords, singleQuoted } from '../../src/core/shell-words.ts';

it.each([
  ['plain-word_1/2=3,4:5@6%7+8.9', 'plain-word_1/2=3,4:5@6%7+8.9'],
  ['', "''"],
  ['two words', "'two words'"],
  ["it's", String.raw`'it'\''s'`],
  ['$HOME `id` "x" \\', `'$HOME \`id\` "x" \\'`],
  ['*', "'*'"],
  ['~', "'~'"],
  ['a\nb', "'a\nb'"],
])('%j is quoted as %s', (word, quoted) => {
  expect(quoteWord(word)).toBe(quoted);
});

it('a list of arguments becomes one line', () => {
  expect(quoteWords(['aws', '--profile', 'the ops team'])).toBe("aws --profile 'the ops team'");
});

it('an argument that needs no quotes can be quoted too', () => {
  expect(singleQuoted('plain')).toBe("'plain'");
});
