import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../src/core/nearest.ts';

describe('nearest', () => {
  it.each([
    ['donw', ['up', 'down', 'demo'], ['down']],
    ['servcie', ['service', 'cluster'], ['service']],
    ['api', ['orders-api', 'payments-api', 'ledger'], ['orders-api', 'payments-api']],
    ['Orders-API', ['orders-api'], ['orders-api']],
    ['ordrs', ['orders-api', 'billing-worker'], ['orders-api']],
    ['storfront', ['storefront-web', 'orders-api'], ['storefront-web']],
    ['xyz', ['up', 'down'], []],
    ['', ['up'], []],
    ['cp', ['up', 'exec'], []],
    ['db', ['sandbox'], []],
    ['up', ['upload', 'setup'], ['upload']],
  ])('%j among %j is closest to %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toEqual(expected);
  });

  it('returns at most the requested number', () => {
    expect(nearest('task', ['task1', 'task2', 'task3', 'task4'], 2)).toHaveLength(2);
  });
});

describe('the edit distance', () => {
  it('is zero for equal words only, symmetric, and at most the length of the longer word', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});
