import { expect, test } from 'vitest';
import { startError } from '../../../src/sandbox/agent/start-error.ts';
import { MachineError } from '../../../src/sandbox/contracts.ts';

test.each([
  ['/bin/nosuch --x', 'fork/exec /bin/nosuch: no such file or directory'],
  ['nosuch --x', 'exec: "nosuch": executable file not found in $PATH'],
])('the error for %s is that of the official agent', (command, text) => {
  expect(startError(new MachineError('not-found', 'anything'), command)).toBe(text);
});
