import { expect, test } from 'vitest';
import { lineageOf } from '../../src/cli/process-lineage.ts';

const TTY = { isTTY: true };
const OTHER = {};
const file = { isFIFO: () => false, isSocket: () => false };
const pipe = { isFIFO: () => true, isSocket: () => false };
const socket = { isFIFO: () => false, isSocket: () => true };

test.each([
  ['a terminal', [TTY, TTY, TTY], [file, file, file], { isDetached: false, isChildOfProgram: false }],
  ['a background job', [TTY, OTHER, TTY], [file, file, file], { isDetached: false, isChildOfProgram: false }],
  [
    'nohup with a log',
    [OTHER, OTHER, OTHER],
    [file, file, file],
    { isDetached: true, isChildOfProgram: false },
  ],
  [
    'a closed stdin',
    [OTHER, OTHER, OTHER],
    [undefined, file, file],
    { isDetached: true, isChildOfProgram: false },
  ],
  [
    'a program with pipes',
    [OTHER, OTHER, OTHER],
    [pipe, pipe, pipe],
    { isDetached: false, isChildOfProgram: true },
  ],
  [
    'a program with sockets',
    [OTHER, OTHER, OTHER],
    [socket, socket, file],
    { isDetached: false, isChildOfProgram: true },
  ],
  [
    'a script’s output in a pipe',
    [OTHER, OTHER, OTHER],
    [file, pipe, file],
    { isDetached: false, isChildOfProgram: false },
  ],
] as const)('%s', (_, streams, stats, lineage) => {
  expect(lineageOf(streams, (descriptor) => stats[descriptor])).toEqual(lineage);
});
