import { expect, it } from 'vitest';

import { testSandbox } from '../../support/test-sandbox.ts';
import { callsOf, calm, DOWN, MISHAPS, UP, withMishap } from './crash-matrix.ts';

const sandbox = testSandbox();

/** Polls make the number of calls vary a little; calls beyond the end of a run change nothing. */
it('whatever happens at any API call of up, a fresh down leaves the account as it was', async () => {
  const before = sandbox().snapshot();
  const calls = await callsOf(sandbox(), UP);
  await calm(sandbox(), DOWN);
  expect(sandbox().snapshot()).toBe(before);
  let cases = 0;
  const bad: string[] = [];
  for (const mishap of MISHAPS) {
    for (let k = 1; k <= calls.length; k++) {
      await withMishap(sandbox(), UP, mishap, k);
      const down = await calm(sandbox(), DOWN);
      cases++;
      const same = sandbox().snapshot() === before;
      if (!same || down.status !== 0) {
        bad.push(
          `${mishap} at ${k} (${calls[k - 1] ?? ''}): down ${down.status}, ${same ? 'same' : 'left'}: ${down.stderr.slice(-300)}`,
        );
        if (!same) break;
      }
    }
  }
  process.stdout.write(
    `crash matrix of up: ${cases} cases (${calls.length} calls), ${bad.length} left something\n`,
  );
  expect(bad).toEqual([]);
}, 900_000);
