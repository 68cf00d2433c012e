import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mergeSorted } from '../../src/core/merge-sorted.ts';

const byNumber = (a: number, b: number): number => a - b;

it('equals the sorted items of all lists, however many lists there are', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 50 }))), (lists) => {
      const sorted = lists.map((list) => list.toSorted(byNumber));
      expect(mergeSorted(sorted, byNumber)).toEqual(lists.flat().sort(byNumber));
    }),
  );
});

it('keeps the order of the lists where items are equal', () => {
  const a = { key: 1 };
  const b = { key: 1 };
  const merged = mergeSorted([[a], [b]], (one, other) => one.key - other.key);
  expect(merged[0]).toBe(a);
  expect(merged[1]).toBe(b);
});
