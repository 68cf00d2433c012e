import { expect, test } from 'vitest';

import { AwsTime } from '../../src/aws/aws-time.ts';

const MINUTE = 60_000;
const NOON = Date.parse('2026-03-01T12:00:00Z');

function timeOf(machineOffset: number) {
  const told: number[] = [];
  const machine = { now: () => NOON + machineOffset };
  const time = new AwsTime(machine, (skew) => told.push(skew));
  const answer = (): void => time.learn(new Date(NOON).toUTCString(), machine.now(), machine.now());
  return { time, told, answer };
}

test('before the first response of AWS, the clock of the machine is used', () => {
  expect(timeOf(20 * MINUTE).time.now()).toBe(NOON + 20 * MINUTE);
});

test.each([20 * MINUTE, -20 * MINUTE, 90 * MINUTE])(
  'a clock that is %d ms off is corrected and reported once',
  (off) => {
    const { time, told, answer } = timeOf(off);
    answer();
    answer();
    expect(Math.abs(time.now() - NOON)).toBeLessThanOrEqual(1_000);
    expect(told).toHaveLength(1);
    expect(Math.abs((told[0] ?? 0) - off)).toBeLessThanOrEqual(1_000);
  },
);

test('a clock that is a minute off is corrected without a report, and one within the precision of the header is not corrected', () => {
  const minute = timeOf(MINUTE);
  minute.answer();
  expect(Math.abs(minute.time.now() - NOON)).toBeLessThanOrEqual(1_000);
  expect(minute.told).toEqual([]);
  const second = timeOf(900);
  second.answer();
  expect(second.time.offsetMs).toBe(0);
});

test('a slow response gives less information: its duration counts as uncertainty', () => {
  const time = new AwsTime({ now: () => NOON });
  time.learn(new Date(NOON).toUTCString(), NOON - 30_000, NOON + 2_000);
  expect(time.offsetMs).toBe(0);
});

test.each([undefined, '', 'yesterday'])('the header %j is ignored', (header) => {
  const { time } = timeOf(0);
  time.learn(header, NOON, NOON);
  expect(time.offsetMs).toBe(0);
});
