import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attack, attacks } from '../support/hostile-messages.ts';

/** The fuzzing of test/protocol/robustness with many more runs; SOAK_SEED repeats a run. */
const RUNS = 200_000;
const seed = Number(process.env['SOAK_SEED'] ?? Math.floor(Date.now() / 86_400_000));

test(`${RUNS} attacks, seed ${seed}`, () => {
  fc.assert(
    fc.property(attacks, (any) => {
      expect(attack(any)).toBeUndefined();
    }),
    { numRuns: RUNS, seed },
  );
});
