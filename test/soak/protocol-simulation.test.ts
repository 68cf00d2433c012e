import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { schedules } from '../support/schedules.ts';
import { runSchedule } from '../support/two-ends.ts';

/**
 * The simulation of test/protocol with many more runs: loss, duplication, reordering, delay, damage, cuts of both
 * sockets, pauses and suspended clocks. The seed changes each day, and fast-check prints it on failure; SOAK_SEED
 * repeats a run.
 */
const RUNS = 20_000;
const seed = Number(process.env['SOAK_SEED'] ?? Math.floor(Date.now() / 86_400_000));

test(`${RUNS} schedules, seed ${seed}`, () => {
  let results = { delivered: 0, closed: 0 };
  fc.assert(
    fc.property(schedules({ fates: 300, steps: 25 }), (schedule) => {
      const outcome = runSchedule(schedule);
      expect(outcome.violation).toBeUndefined();
      results = { ...results, [outcome.result]: results[outcome.result] + 1 };
    }),
    { numRuns: RUNS, seed },
  );
  // A generator that almost always closed its sessions would prove little.
  expect(results.delivered).toBeGreaterThan(RUNS / 2);
  expect(results.closed).toBeGreaterThan(0);
});
