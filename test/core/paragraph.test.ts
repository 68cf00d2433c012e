import { describe, expect, it } from 'vitest';
import { paragraph } from '../../src/core/paragraph.ts';

describe('a paragraph', () => {
  it('is broken between words, and only where necessary', () => {
    const text = '  one two three four five';
    expect(paragraph(text, 80, 4)).toEqual([text]);
    expect(paragraph(text, 14, 4)).toEqual(['  one two', '    three four', '    five']);
    expect(paragraph('a-word-that-is-longer than the line', 10, 2)).toEqual([
      'a-word-that-is-longer',
      '  than the',
      '  line',
    ]);
    expect(paragraph(text, Number.POSITIVE_INFINITY, 4)).toEqual([text]);
  });
});
