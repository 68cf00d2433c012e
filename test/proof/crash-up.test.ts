import { afterAll, describe, expect, it } from 'vitest';

import { testSandbox } from '../support/test-sandbox.ts';
import { callsOf, calm, DOWN, MISHAPS, QUICK, UP, withMishap } from './crash-matrix.ts';

let cases = 0;
let left = 0;
afterAll(() => void process.stdout.write(`crash matrix of up: ${cases} cases, ${left} left something\n`));

/**
 * Each mishap has an account of its own, because an account keeps terminated instances and each listing of them takes
 * longer.
 */
describe.each(MISHAPS)('%s', (mishap) => {
  const sandbox = testSandbox({ timing: QUICK });

  /** Polling makes the number of calls vary a little; a mishap after the last call of a run has no effect. */
  it('after a mishap at any API call of up, a fresh down leaves the account as it was', async () => {
    const before = sandbox().snapshot();
    const calls = await callsOf(sandbox(), UP);
    await calm(sandbox(), DOWN);
    expect(sandbox().snapshot()).toBe(before);
    const bad: string[] = [];
    for (let k = 1; k <= calls.length; k++) {
      await withMishap(sandbox(), UP, mishap, k);
      const down = await calm(sandbox(), DOWN);
      cases++;
      const same = sandbox().snapshot() === before;
      if (same && down.status === 0) continue;
      left++;
      const end = `down ${down.status}, ${same ? 'same' : 'left'}: ${down.stderr.slice(-300)}`;
      bad.push(`${mishap} at ${k} (${calls[k - 1] ?? ''}): ${end}`);
      if (!same) break;
    }
    expect(bad).toEqual([]);
  });
});
