import { expect, test } from 'vitest';

import { LogRenderer, type LogStyle } from '../../src/cli/render/log-lines.ts';
import type { LogLine } from '../../src/connect/logs/service-logs.ts';

const NOW = Date.UTC(2026, 10, 30, 12, 0, 0);
const line = (over: Partial<LogLine> = {}): LogLine => ({
  timestamp: NOW - 1_500,
  ingestedAt: NOW,
  message: 'hello',
  id: '7',
  service: 'orders-api',
  task: '1f0e9d8c7b6a45948372615049382716',
  container: 'app',
  region: 'eu-west-1',
  group: '/ecs/orders-api',
  stream: 'ecs/app/1f0e9d8c7b6a45948372615049382716',
  ...over,
});
const rendered = (lines: readonly LogLine[], style: Partial<LogStyle> = {}): string =>
  new LogRenderer({ json: false, isTty: true, color: false, utc: true, now: NOW, ...style }).render(lines);

test('on a terminal, a line has a short time, the start of the task id and the container', () => {
  expect(rendered([line()])).toBe('11:59:58.500 1f0e9d8c/app hello\n');
  expect(rendered([line({ timestamp: NOW - 86_400_000 })])).toBe('11-29 12:00:00.000 1f0e9d8c/app hello\n');
});

test('in a pipe, a line has the full time with its time zone, and the unchanged message', () => {
  const message = '\u001b[31mred\u001b[0m \u0007';
  expect(rendered([line({ message })], { isTty: false })).toBe(
    `2026-11-30T11:59:58.500Z 1f0e9d8c/app ${message}\n`,
  );
  const minutes = -new Date(NOW).getTimezoneOffset();
  const local = new Date(NOW - 1_500 + minutes * 60_000).toISOString().slice(0, 23);
  expect(rendered([line()], { isTty: false, utc: false })).toMatch(
    new RegExp(`^${local.replaceAll('.', '\\.')}[+-]\\d\\d:\\d\\d 1f0e9d8c/app hello\\n$`),
  );
});

test('every line of a message has the prefix, and an empty message is an empty line', () => {
  expect(rendered([line({ message: 'Error\n    at x\r\n' })])).toBe(
    '11:59:58.500 1f0e9d8c/app Error\n11:59:58.500 1f0e9d8c/app     at x\n',
  );
  expect(rendered([line({ message: '' })])).toBe('11:59:58.500 1f0e9d8c/app \n');
});

test('a line cannot control the terminal; its colours are kept and reset at its end', () => {
  const message = '\u001b[31mred\u001b[2J\u001b]0;title\u0007\ttab';
  expect(rendered([line({ message })])).toContain('app red\\x1b[2J\\x1b]0;title\\x07\ttab\n');
  expect(rendered([line({ message })], { color: true })).toContain(
    '\u001b[31mred\\x1b[2J\\x1b]0;title\\x07\ttab\u001b[0m\n',
  );
});

test('tasks have different colours, and each keeps its colour', () => {
  const [a, b] = [line(), line({ task: '2a3b4c5d6e7f48091a2b3c4d5e6f7081' })];
  const [first, second, third] = rendered([a, b, a], { color: true }).split('\n');
  expect(first).toBe(third);
  expect(first).toContain('\u001b[36m1f0e9d8c/app');
  expect(second).toContain('\u001b[33m2a3b4c5d/app');
});

test('with --json there is one object per line, with the documented fields', () => {
  const text = rendered([line({ message: 'a\nb' }), line({ service: undefined })], { json: true });
  const objects = text
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each) as object);
  expect(objects[0]).toEqual({
    time: '2026-11-30T11:59:58.500Z',
    ingested: '2026-11-30T12:00:00.000Z',
    service: 'orders-api',
    task: '1f0e9d8c7b6a45948372615049382716',
    container: 'app',
    message: 'a\nb',
    region: 'eu-west-1',
    group: '/ecs/orders-api',
    stream: 'ecs/app/1f0e9d8c7b6a45948372615049382716',
    eventId: '7',
  });
  expect(objects[1]).toMatchObject({ service: null });
});
