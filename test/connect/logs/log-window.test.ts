import { expect, test } from 'vitest';

import { LATENESS_MS, LogWindow } from '../../../src/connect/logs/log-window.ts';
import type { LogEvent } from '../../../src/connect/ports.ts';

const NOW = 1_700_000_000_000;
const at = (timestamp: number, id = String(timestamp)): LogEvent => ({
  id,
  stream: 's',
  timestamp,
  ingestedAt: timestamp,
  message: id,
});
const window = (from = NOW - 900_000): LogWindow => {
  const made = new LogWindow();
  made.add('s', from);
  return made;
};

test('a log of one page is read from a minute before the previous read, and no event is returned twice', () => {
  const log = window();
  expect(log.begin(NOW)).toEqual({ streams: ['s'], from: NOW - 900_000 });
  expect(log.accept([at(NOW - 10), at(NOW - 10, 'same time')])).toHaveLength(2);
  log.finish(1);
  expect(log.begin(NOW + 2_000)).toEqual({ streams: ['s'], from: NOW - LATENESS_MS });
  expect(log.accept([at(NOW - 10), at(NOW - 20, 'late'), at(NOW - 10, 'same time')])).toEqual([
    at(NOW - 20, 'late'),
  ]);
});

test('a busy log is read from a few seconds back, and from a minute back every fifteen seconds', () => {
  const log = window();
  const from: (number | undefined)[] = [];
  for (let second = 0; second <= 32; second += 2) {
    from.push(log.begin(NOW + second * 1_000)?.from);
    log.finish(7);
  }
  const back = from.map((each, index) => NOW + index * 2_000 - (each ?? 0));
  const quick = Array.from({ length: 7 }, () => 7_000);
  expect(back).toEqual([900_000, ...quick, 16_000 + LATENESS_MS, ...quick, 16_000 + LATENESS_MS]);
});

test('a stream that is added is read from its own start, and no event of the others is returned again', () => {
  const log = window();
  log.begin(NOW);
  log.accept([at(NOW - 500_000, 'old')]);
  log.finish(1);
  log.add('t', NOW - 600_000);
  expect(log.begin(NOW + 2_000)?.from).toBe(NOW - 600_000);
  const joined = { ...at(NOW - 400_000, 'joined'), stream: 't' };
  expect(log.accept([at(NOW - 500_000, 'old'), joined])).toEqual([joined]);
});

test('a read that restarts after a hundred pages returns no event twice', () => {
  const log = window(0);
  log.add('gone', 0);
  log.begin(NOW);
  const events = Array.from({ length: 60_000 }, (_, index) => at(NOW - 600_000 + index * 10, `e${index}`));
  for (let page = 0; page < 60; page++) log.accept(events.slice(page * 1_000, page * 1_000 + 1_000));
  log.remove('gone');
  log.begin(NOW);
  expect(log.accept(events)).toEqual([]);
});

test('the ids of only one minute are kept, however old the log is', () => {
  const log = window(0);
  log.begin(NOW);
  // Five minutes with a line every 10 ms.
  for (let page = 0; page < 30; page++)
    log.accept(Array.from({ length: 1_000 }, (_, index) => at(NOW - 300_000 + page * 10_000 + index * 10)));
  expect(log.remembered).toBeLessThan(25_000);
  log.finish(30);
  expect(log.remembered).toBeLessThanOrEqual(LATENESS_MS / 10 + 1);
});
