import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { describeDuration, describeElapsed, parseDuration } from '../../src/core/duration.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a duration on screen', () => {
  it.each([
    [-5, '0ms'],
    [0, '0ms'],
    [849.6, '850ms'],
    [1_000, '1.0s'],
    [4_240, '4.2s'],
    [59_949, '59.9s'],
    [59_950, '1m'],
    [3 * MINUTE + 5 * SECOND, '3m05s'],
    [HOUR - 1, '1h'],
    [2 * HOUR + 5 * MINUTE, '2h05m'],
    [8 * HOUR - 900, '8h'],
    [DAY - 1, '1d'],
    [3 * DAY + 4 * HOUR, '3d04h'],
  ])('%d ms is shown as %s', (ms, text) => {
    expect(describeElapsed(ms)).toBe(text);
  });
});

describe('an age on screen', () => {
  it.each([
    [-1, '0s'],
    [999, '0s'],
    [45_900, '45s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [10 * MINUTE + 1_999, '10m01s'],
    [2 * DAY, '2d'],
  ])('%d ms is shown as %s', (ms, text) => {
    expect(describeDuration(ms)).toBe(text);
  });

  it('can be typed as a duration, and its value is accurate to its smaller unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * DAY }), (ms) => {
        const unit = ms < HOUR ? SECOND : ms < DAY ? MINUTE : HOUR;
        expect(Math.abs((parseDuration(describeDuration(ms)) ?? Number.NaN) - ms)).toBeLessThanOrEqual(unit);
      }),
    );
  });
});

describe('a duration as typed', () => {
  it.each([
    ['45s', 45 * SECOND],
    ['90m', 90 * MINUTE],
    ['8h', 8 * HOUR],
    [' 1h30m ', 90 * MINUTE],
    ['2d4h', 2 * DAY + 4 * HOUR],
    ['0m', 0],
  ])('%s is parsed', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', ' ', '8', 'h', '-1h', '1.5h', '30m1h', '8hours', '1234d', '1e3s'])(
    '%j is rejected',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});
