import { expect, test } from 'vitest';
import { RetransmissionTimeout } from '../../src/protocol/retransmission-timeout.ts';

/** vectors.test.ts has the table of the reference. */

test('the timeout is at most 1000 ms and at least 10 ms above the round trip', () => {
  const timeout = new RetransmissionTimeout();
  for (let i = 0; i < 50; i++) timeout.add(5000);
  expect(timeout.value).toBe(1000);
  for (let i = 0; i < 200; i++) timeout.add(20);
  expect(timeout.value).toBeCloseTo(30, 5);
});

test('a sample of an hour has no effect after a few dozen samples', () => {
  const timeout = new RetransmissionTimeout();
  timeout.add(3_600_000);
  for (let i = 0; i < 60; i++) timeout.add(20);
  expect(timeout.value).toBeLessThan(100);
});

test('a clock that is set back between sending and acknowledgement gives a sample of zero', () => {
  const timeout = new RetransmissionTimeout();
  timeout.add(-3_600_000);
  expect(timeout.rtt).toBe(87.5);
});
