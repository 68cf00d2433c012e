import fc from 'fast-check';

/**
 * Any character but U+0000. fast-check's own unit `binary` builds a table of all characters first, which takes a second.
 */
const character = fc
  .oneof(
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 0x7f }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 0xd7ff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xe000, max: 0x10_ffff }) },
  )
  .map((codePoint) => String.fromCodePoint(codePoint));

/** An argument of a command, which may hold every character that an argument can hold. */
export const anyWord = fc.string({ unit: character, maxLength: 30 });
