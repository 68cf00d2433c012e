import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leadsOutside, parseTree } from '../../../src/connect/copy/tree-paths.ts';

const SEPARATOR = 'f00d';
const listOf = (...records: readonly string[]): Buffer =>
  Buffer.from(records.map((record) => `${SEPARATOR} ${record}\n`).join(''), 'latin1');

describe('what a container lists', () => {
  it('is read with any bytes in the names', () => {
    const name = fc
      .string({ unit: 'binary-ascii', minLength: 1, maxLength: 12 })
      .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..' && !text.includes(SEPARATOR));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 6 }), (names) => {
        const entries = parseTree(listOf(...names.map((each) => `81a4 12 1700000000 ./${each}`)), SEPARATOR);
        expect(entries.map(({ path }) => path.toString('latin1'))).toEqual(names);
        expect(
          entries.every(({ kind, size, mode }) => kind === 'file' && size === 12 && mode === 0o644),
        ).toBe(true);
      }),
    );
  });

  it('has the kinds of stat, and of test where there is no stat', () => {
    const kinds = parseTree(
      listOf(
        '41ed 4096 1 .',
        'a1ff 3 1 ./l',
        '1180 0 1 ./p',
        'd - - ./d',
        'f - - ./f',
        'l - - ./m',
        'o - - ./o',
      ),
      SEPARATOR,
    ).map(({ kind }) => kind);
    expect(kinds).toEqual(['directory', 'link', 'other', 'directory', 'file', 'link', 'other']);
  });

  it.each([
    '../x',
    '/etc/passwd',
    './a/../../x',
    './a//b',
    './..',
    '',
    'a/./b',
    `./${'n'.repeat(5000)}`,
    './a\0b',
  ])('is refused with the path %j', (path) => {
    expect(() => parseTree(listOf(`81a4 1 1 ${path}`), SEPARATOR)).toThrowError(
      expect.objectContaining({ code: 'copy-path-refused' }),
    );
  });

  it('is refused beyond its limit of entries', () => {
    const three = Buffer.from(`${SEPARATOR} f - - ./a\n`.repeat(3));
    expect(parseTree(three, SEPARATOR, 3)).toHaveLength(3);
    expect(() => parseTree(three, SEPARATOR, 2)).toThrowError(
      expect.objectContaining({ code: 'copy-too-many' }),
    );
  });
});

it.each([
  ['a', 'b', false],
  ['a/b', '../c', false],
  ['a/b', '../../c', true],
  ['a', '../c', true],
  ['a', '/c', true],
  ['a/b/c', '../../../a', true],
  ['a/b/c', './../../a', false],
  ['a', 'x/../../c', true],
])('a link at %s to %s leads outside: %s', (path, target, outside) => {
  expect(leadsOutside(Buffer.from(path), Buffer.from(target))).toBe(outside);
});
