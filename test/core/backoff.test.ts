import { describe, expect, it } from 'vitest';
import { backoffDelay, poll, retry } from '../../src/core/backoff.ts';
import { FakeClock } from '../support/fake-clock.ts';

const STEADY = { baseMs: 100, capMs: 10_000 };

describe('the delay before a retry', () => {
  it.each([
    [0, 50, 100],
    [1, 100, 200],
    [3, 400, 800],
    [6, 3_200, 6_400],
  ])('doubles with each attempt: %i is between %i and %i ms', (attempt, least, most) => {
    expect(backoffDelay(attempt, { ...STEADY, random: () => 0 })).toBe(least);
    expect(backoffDelay(attempt, { ...STEADY, random: () => 1 })).toBe(most);
    expect(backoffDelay(attempt, { ...STEADY, random: () => 0.5 })).toBe((least + most) / 2);
  });

  it('stays within the cap, however many attempts there were', () => {
    for (const attempt of [7, 30, 31, 5_000]) {
      expect(backoffDelay(attempt, { ...STEADY, random: () => 0 })).toBe(5_000);
      expect(backoffDelay(attempt, { ...STEADY, random: () => 1 })).toBe(10_000);
    }
  });

  it('is a whole number of milliseconds', () => {
    expect(backoffDelay(0, { baseMs: 101, capMs: 1_000, random: () => 0.3 })).toBe(66);
  });
});

describe('retry', () => {
  const refusals = (count: number) => {
    let calls = 0;
    const work = async (): Promise<number> => {
      calls++;
      if (calls <= count) throw new Error(`refusal ${calls}`);
      return calls;
    };
    return { work, calls: () => calls };
  };
  const options = (clock: FakeClock) => ({
    ...STEADY,
    clock,
    random: () => 0,
    deadlineMs: 1_000,
    shouldRetry: () => true,
  });

  it('repeats the work with growing delays until it succeeds', async () => {
    const clock = new FakeClock(0);
    const delays: number[] = [];
    const { work } = refusals(3);
    const onRetry = (_: unknown, delayMs: number): void => void delays.push(delayMs);
    expect(await clock.run(retry(work, { ...options(clock), onRetry }))).toBe(4);
    expect(delays).toEqual([50, 100, 200]);
    expect(clock.now()).toBe(350);
  });

  it('throws the last error unchanged when the next delay would end after the deadline', async () => {
    const clock = new FakeClock(0);
    const { work, calls } = refusals(100);
    // 50 + 100 + 200 + 400 = 750; the next delay of 800 ms would end at 1550.
    await expect(clock.run(retry(work, options(clock)))).rejects.toThrow('refusal 5');
    expect([calls(), clock.now()]).toEqual([5, 750]);
  });

  it('still retries when the delay ends exactly at the deadline', async () => {
    const clock = new FakeClock(0);
    const { work, calls } = refusals(100);
    await expect(clock.run(retry(work, { ...options(clock), deadlineMs: 750 }))).rejects.toThrow();
    expect(calls()).toBe(5);
  });

  it('does not retry a permanent error', async () => {
    const clock = new FakeClock(0);
    const { work, calls } = refusals(100);
    await expect(retry(work, { ...options(clock), shouldRetry: () => false })).rejects.toThrow('refusal 1');
    expect([calls(), clock.pendingTimers]).toEqual([1, 0]);
  });

  it('ends with the reason of the signal when it is aborted during a delay', async () => {
    const clock = new FakeClock(0);
    const abort = new AbortController();
    const { work, calls } = refusals(100);
    const done = retry(work, { ...options(clock), signal: abort.signal });
    done.catch(() => undefined);
    await clock.advance(10);
    abort.abort(new Error('Ctrl-C'));
    await expect(done).rejects.toThrow('Ctrl-C');
    expect(calls()).toBe(1);
  });
});

describe('poll', () => {
  const onTimeout = (): Error => new Error('it did not come');

  it('returns the first result that is not undefined, also a falsy one', async () => {
    const clock = new FakeClock(0);
    let calls = 0;
    const probe = async (): Promise<number | undefined> => (++calls < 3 ? undefined : 0);
    const found = poll(probe, { clock, intervalMs: 100, deadlineMs: 1_000, onTimeout });
    expect(await clock.run(found)).toBe(0);
    expect([calls, clock.now()]).toEqual([3, 200]);
  });

  it('checks once more at the deadline and then throws the error of the caller', async () => {
    const clock = new FakeClock(0);
    let calls = 0;
    const probe = async (): Promise<undefined> => void calls++;
    const never = poll(probe, { clock, intervalMs: 100, deadlineMs: 300, onTimeout });
    await expect(clock.run(never)).rejects.toThrow('it did not come');
    expect([calls, clock.now()]).toEqual([4, 300]);
  });
});
