import { expect, it } from 'vitest';

import { failed } from '../../src/core/errors.ts';
import { untilThrottled } from '../../src/core/partial-results.ts';

const throttled = failed('aws-throttled', 'AWS refuses ecs:ListClusters for now', {
  details: { action: 'ecs:ListClusters' },
});

it('resolves with all items of a complete listing', async () => {
  const listed = untilThrottled<number>(async (found) => {
    found([1, 2]);
    await Promise.resolve();
    found([3]);
  });
  expect(await listed).toEqual({ items: [1, 2, 3], incomplete: undefined });
});

it('resolves with the items found before AWS refused more calls', async () => {
  const listed = untilThrottled<number>((found) => {
    found([1, 2]);
    return Promise.reject(throttled);
  });
  expect(await listed).toEqual({ items: [1, 2], incomplete: throttled });
});

it('throws the refusal if nothing was found, and every other error', async () => {
  await expect(untilThrottled(() => Promise.reject(throttled))).rejects.toBe(throttled);
  const other = new Error('other');
  const listed = untilThrottled<number>((found) => {
    found([1]);
    return Promise.reject(other);
  });
  await expect(listed).rejects.toBe(other);
});
