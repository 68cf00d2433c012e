import { expect, test } from 'vitest';
import { SendWindow } from '../../src/protocol/send-window.ts';

const KIB = 1024;

test('starts small, and never exceeds half of the hard limit', () => {
  expect(new SendWindow(4096 * KIB).size).toBe(64 * KIB);
  expect(new SendWindow(20 * KIB).size).toBe(10 * KIB);
});

test('one loss halves it once, however many messages were due', () => {
  const window = new SendWindow(4096 * KIB);
  for (let i = 0; i < 448; i++) window.acknowledged(KIB, 10, window.size);
  expect(window.size).toBe(512 * KIB);
  for (const now of [0, 10, 20, 199]) window.timedOut(now, 200);
  expect(window.size).toBe(256 * KIB);
  window.timedOut(200, 200);
  expect(window.size).toBe(128 * KIB);
});

test('repeated losses do not take it below its minimum', () => {
  const window = new SendWindow(4096 * KIB);
  for (let now = 0; now < 10_000; now += 200) window.timedOut(now, 200);
  expect(window.size).toBe(32 * KIB);
});

test('doubles per round trip that used it fully', () => {
  const window = new SendWindow(4096 * KIB);
  for (let i = 0; i < 64; i++) window.acknowledged(KIB, 10, window.size);
  expect(window.size).toBe(128 * KIB);
  for (let i = 0; i < 10_000; i++) window.acknowledged(KIB, 10, window.size);
  expect(window.size).toBe(2048 * KIB);
});
