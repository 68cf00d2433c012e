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
    // A third of the letters of the longer one may be wrong, not more.
    ['abcxyz', ['abcdef', 'abcxef'], ['abcxef']],
    ['abcdefxyz', ['abcdefghi'], ['abcdefghi']],
    ['wxyzefghi', ['abcdefghi'], []],
    // What contains the word comes first, the one with the fewest further letters before the others.
    ['order', ['orders-api', 'orders', 'ordet'], ['orders', 'orders-api', 'ordet']],
    ['orders-api', ['orders', 'api', 'orders-ap'], ['orders-ap', 'orders', 'api']],
    // Where two are equally near, the alphabet decides.
    ['task', ['task-b', 'task-a', 'task-c'], ['task-a', 'task-b', 'task-c']],
    ['tesk', ['tusk', 'task'], ['task', 'tusk']],
    // A part that is near comes after a whole name that is near.
    ['ordrs', ['orders-api-blue', 'orderz'], ['orderz', 'orders-api-blue']],
    // Four letters are enough to be like a part, three are not.
    ['ordx', ['my-order-service'], ['my-order-service']],
    ['oxd', ['my-order-service'], []],
    ['xxders', ['my-orders-service'], ['my-orders-service']],
    ['xxxers', ['my-orders-service'], []],
  ])('%j among %j is %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toEqual(expected);
  });

  it('returns at most the requested number', () => {
    expect(nearest('task', ['task1', 'task2', 'task3', 'task4'], 2)).toHaveLength(2);
  });
});

describe('the edit distance', () => {
  it.each([
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['donw', 'down', 1],
    ['abcd', 'badc', 2],
    ['abcdef', 'abdcef', 1],
    ['abc', 'bca', 2],
    // A swapped pair is not edited a second time.
    ['ca', 'abc', 3],
    ['aab', 'baa', 2],
  ])('of %j and %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  it('is zero for equal words only, symmetric, and bounded by the longer word', () => {
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
