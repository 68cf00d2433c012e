import { expect, test } from 'vitest';
import { AwakeTime } from '../../src/core/awake-time.ts';

test('counts the time between two calls, a night as one minute, and a clock that is set back as no time', () => {
  const time = new AwakeTime(1_000);
  expect(time.elapsed(1_500)).toBe(500);
  expect(time.elapsed(31_500)).toBe(30_500);
  expect(time.elapsed(31_500 + 8 * 3_600_000)).toBe(90_500);
  expect(time.elapsed(0)).toBe(90_500);
  expect(time.elapsed(250)).toBe(90_750);
});
