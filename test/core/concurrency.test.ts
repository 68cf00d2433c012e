import { expect, it } from 'vitest';

import { mapConcurrently } from '../../src/core/concurrency.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('runs at most four at the same time, and keeps the order', async () => {
  let running = 0;
  let most = 0;
  const results = await mapConcurrently([1, 2, 3, 4, 5, 6, 7, 8, 9], async (item) => {
    most = Math.max(most, ++running);
    // The first ones take the longest.
    for (let turns = item; turns < 10; turns++) await turn();
    running--;
    return item * 2;
  });
  expect(results).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18]);
  expect(most).toBe(4);
});

it('starts nothing after a failure', async () => {
  const begun: number[] = [];
  const result = mapConcurrently([1, 2, 3, 4, 5, 6, 7, 8, 9], async (item) => {
    begun.push(item);
    await turn();
    if (item === 2) throw new Error('refused');
  });
  await expect(result).rejects.toThrow('refused');
  for (let turns = 0; turns < 10; turns++) await turn();
  expect(begun.length).toBeLessThan(9);
});
