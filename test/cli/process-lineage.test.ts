import { afterEach, expect, test, vi } from 'vitest';
import { lineageOf, watchParent } from '../../src/cli/process-lineage.ts';

const TTY = { isTTY: true };
const RAW = { isTTY: true, isRaw: true };
const OTHER = {};
const file = { isFIFO: () => false, isSocket: () => false, dev: 1, ino: 2 };
const pipe = { isFIFO: () => true, isSocket: () => false, dev: 1, ino: 3 };
const socket = { isFIFO: () => false, isSocket: () => true, dev: 1, ino: 4 };

test.each([
  ['a terminal', [TTY, TTY, TTY], [file, file, file], { isDetached: false, isAbandoned: false }],
  ['keys of a terminal', [RAW, TTY, TTY], [file, file, file], { isDetached: false, isAbandoned: true }],
  ['a background job', [TTY, OTHER, TTY], [file, file, file], { isDetached: false, isAbandoned: false }],
  ['nohup with a log', [OTHER, OTHER, OTHER], [file, file, file], { isDetached: true, isAbandoned: false }],
  [
    'a closed stdin',
    [OTHER, OTHER, OTHER],
    [undefined, file, file],
    { isDetached: true, isAbandoned: false },
  ],
  [
    'a program with pipes',
    [OTHER, OTHER, OTHER],
    [pipe, pipe, pipe],
    { isDetached: false, isAbandoned: true },
  ],
  [
    'a program with sockets',
    [OTHER, OTHER, OTHER],
    [socket, socket, file],
    { isDetached: false, isAbandoned: true },
  ],
  [
    'a program that reads sockets and gives no stdin',
    [OTHER, OTHER, OTHER],
    [file, socket, socket],
    { isDetached: false, isAbandoned: true },
  ],
  ['output in a pipe', [OTHER, OTHER, OTHER], [file, pipe, file], { isDetached: false, isAbandoned: true }],
] as const)('%s', (_, streams, stats, { isDetached, isAbandoned }) => {
  const lineage = lineageOf(streams, undefined, { stat: (at) => stats[at], hasReader: () => false });
  expect(lineage.isDetached).toBe(isDetached);
  expect(lineage.isAbandoned()).toBe(isAbandoned);
});

test('a reader of the output keeps the process alive: `forward | tee log &`', () => {
  const lineage = lineageOf([OTHER, OTHER, OTHER], undefined, {
    stat: (at) => (at === 0 ? file : pipe),
    hasReader: (at) => at === 2,
  });
  expect(lineage.isAbandoned()).toBe(false);
});

test('the journal of a service does not keep the process alive', () => {
  const lineage = lineageOf([OTHER, OTHER, OTHER], '1:4', {
    stat: (at) => (at === 0 ? file : socket),
    hasReader: () => false,
  });
  expect(lineage.isDetached).toBe(true);
  expect(lineage.isAbandoned()).toBe(false);
});

afterEach(() => {
  vi.useRealTimers();
});

test('the parent is watched until it has died and no reader of the output is left', () => {
  vi.useFakeTimers();
  const state = { parent: 41, isAbandoned: true, calls: 0 };
  const stop = watchParent(
    () => state.parent,
    { isAbandoned: () => state.isAbandoned },
    () => state.calls++,
  );
  vi.advanceTimersByTime(10_000);
  expect(state.calls).toBe(0);
  Object.assign(state, { parent: 1, isAbandoned: false });
  vi.advanceTimersByTime(10_000);
  expect(state.calls).toBe(0);
  state.isAbandoned = true;
  vi.advanceTimersByTime(10_000);
  expect(state.calls).toBe(1);
  stop();
});
