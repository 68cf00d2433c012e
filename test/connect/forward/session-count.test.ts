import { describe, expect, test } from 'vitest';

import {
  leastLoaded,
  QUIET_MS,
  SessionCount,
  type SessionLimits,
} from '../../../src/connect/forward/session-count.ts';

const UP_TO_FOUR = { min: 1, max: 4 };
/** Bytes a second that the official agent was measured to send in one session. */
const OFFICIAL = 580_000;

/** A forward whose sessions bring `rate` bytes a second each. */
function forward(limits: SessionLimits = UP_TO_FOUR) {
  let now = 1_000;
  const count = new SessionCount(limits, now);
  const received: number[] = [];
  const keys: object[] = [];
  return {
    count,
    /** One sample for each second. */
    seconds: (number: number, open: readonly number[], rates: readonly number[]): number => {
      let wanted = count.wanted;
      for (let second = 0; second < number; second++) {
        now += 1_000;
        const loads = new Map(
          open.map((connections, index) => {
            received[index] = (received[index] ?? 0) + (rates[index] ?? 0);
            keys[index] ??= {};
            return [keys[index], { open: connections, received: received[index] }] as const;
          }),
        );
        wanted = count.sample(now, loads);
      }
      return wanted;
    },
  };
}

describe('more sessions', () => {
  test('after two seconds at the pace of the agent: as many as there are connections', () => {
    const { seconds } = forward();
    expect(seconds(1, [3], [OFFICIAL])).toBe(1);
    expect(seconds(1, [3], [OFFICIAL])).toBe(3);
  });

  test('at most the limit', () => {
    expect(forward().seconds(2, [9], [OFFICIAL])).toBe(4);
    expect(forward({ min: 1, max: 2 }).seconds(2, [9], [OFFICIAL])).toBe(2);
  });

  test.each([
    ['one connection, which would stay where it is', 1, OFFICIAL],
    ['little traffic', 5, 100_000],
    ['an agent without the pace', 5, 5_000_000],
    ['no traffic', 5, 0],
  ])('not for %s', (_, open, rate) => {
    expect(forward().seconds(10, [open], [rate])).toBe(1);
  });

  test('not for one second at the pace between others', () => {
    const { seconds } = forward();
    for (let round = 0; round < 5; round++) {
      expect(seconds(1, [4], [OFFICIAL])).toBe(1);
      expect(seconds(1, [4], [0])).toBe(1);
    }
  });

  test('not while one of the sessions has room', () => {
    const { seconds } = forward();
    expect(seconds(2, [2], [OFFICIAL])).toBe(2);
    expect(seconds(10, [3, 3], [OFFICIAL, 20_000])).toBe(2);
    expect(seconds(2, [3, 3], [OFFICIAL, OFFICIAL])).toBe(4);
  });

  test('a long time between two samples is not a high rate', () => {
    const count = new SessionCount(UP_TO_FOUR, 0);
    const session = {};
    count.sample(600_000, new Map([[session, { open: 3, received: OFFICIAL }]]));
    expect(count.sample(601_000, new Map([[session, { open: 3, received: 2 * OFFICIAL }]]))).toBe(1);
  });

  test('two samples at the same time are one', () => {
    const count = new SessionCount(UP_TO_FOUR, 0);
    const load = new Map([[{}, { open: 3, received: OFFICIAL }]]);
    for (let sample = 0; sample < 5; sample++) expect(count.sample(1_000, load)).toBe(1);
  });
});

describe('fewer sessions', () => {
  test('one is enough after a minute without a session at the pace, and not before', () => {
    const { seconds } = forward();
    expect(seconds(2, [4], [OFFICIAL])).toBe(4);
    const quiet = QUIET_MS / 1000;
    expect(seconds(quiet - 1, [1, 1, 1, 1], [10_000, 0, 0, 0])).toBe(4);
    expect(seconds(1, [1, 1, 1, 1], [10_000, 0, 0, 0])).toBe(1);
  });

  test('not while one of them is at the pace', () => {
    const { seconds } = forward();
    expect(seconds(2, [4], [OFFICIAL])).toBe(4);
    expect(seconds(300, [1, 0, 0, 0], [OFFICIAL, 0, 0, 0])).toBe(4);
  });

  test('a fixed number is kept', () => {
    const { count, seconds } = forward({ min: 8, max: 8 });
    expect(count.wanted).toBe(8);
    expect(seconds(600, [0], [0])).toBe(8);
  });
});

test('a new connection goes to the session with the fewest, and of several to the first', () => {
  expect(leastLoaded([{ open: 2 }, { open: 1 }, { open: 3 }])).toEqual({ open: 1 });
  const equal = [{ open: 1 }, { open: 1 }];
  expect(leastLoaded(equal)).toBe(equal[0]);
  expect(leastLoaded([])).toBeUndefined();
});
