import { expect, it } from 'vitest';

import { ConcurrencyLimit, type Permit } from '../../src/core/concurrency-limit.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts `count` calls; `started` holds the permits of those that run. */
async function start(limit: ConcurrencyLimit, count: number): Promise<Permit[]> {
  const started: Permit[] = [];
  for (let n = 0; n < count; n++) void limit.acquire().then((permit) => started.push(permit));
  await turn();
  return started;
}

it('limits nothing before the first refusal', async () => {
  const limit = new ConcurrencyLimit();
  expect(await start(limit, 50)).toHaveLength(50);
  expect(limit.limit).toBe(Infinity);
});

it('halves the calls that run, once for all refusals of the same moment', async () => {
  const limit = new ConcurrencyLimit();
  const running = await start(limit, 8);
  for (const permit of running) limit.refused(permit);
  expect(limit.limit).toBe(4);
  const [first] = running as [Permit];
  limit.attempt(first);
  limit.refused(first);
  expect(limit.limit).toBe(2);
});

it('never stops all calls', async () => {
  const limit = new ConcurrencyLimit();
  const [only] = (await start(limit, 1)) as [Permit];
  for (let n = 0; n < 5; n++) {
    limit.attempt(only);
    limit.refused(only);
  }
  expect(limit.limit).toBe(1);
});

it('starts waiting calls in order, as far as the limit allows', async () => {
  const limit = new ConcurrencyLimit();
  const running = await start(limit, 4);
  limit.refused(running[0] as Permit);
  expect(limit.limit).toBe(2);
  const later = await start(limit, 3);
  expect(later).toHaveLength(0);
  running[0]?.release();
  running[1]?.release();
  await turn();
  expect(later, 'two calls still run').toHaveLength(0);
  running[2]?.release();
  running[2]?.release();
  await turn();
  expect(later, 'a permit that is released twice counts once').toHaveLength(1);
  running[3]?.release();
  await turn();
  expect(later).toHaveLength(2);
});

it('allows one more call after as many successes as the limit, and a refusal starts the count again', async () => {
  const limit = new ConcurrencyLimit();
  const running = await start(limit, 6);
  limit.refused(running[0] as Permit);
  expect(limit.limit).toBe(3);
  for (let n = 0; n < 3; n++) limit.succeeded();
  expect(limit.limit).toBe(4);
  for (let n = 0; n < 3; n++) limit.succeeded();
  // An attempt from before the reduction: the limit stays, but AWS is not calm yet.
  limit.refused(running[1] as Permit);
  limit.succeeded();
  expect(limit.limit).toBe(4);
});

it('a call that is aborted while it waits takes no place', async () => {
  const limit = new ConcurrencyLimit();
  const [first] = (await start(limit, 1)) as [Permit];
  limit.refused(first);
  const aborter = new AbortController();
  const aborted = limit.acquire(aborter.signal);
  const [next] = [limit.acquire()];
  aborter.abort(new Error('interrupted'));
  await expect(aborted).rejects.toThrow('interrupted');
  first.release();
  await expect(next).resolves.toBeDefined();
  await expect(limit.acquire(aborter.signal)).rejects.toThrow('interrupted');
});
