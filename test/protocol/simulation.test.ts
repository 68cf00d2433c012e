import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules } from '../support/schedules.ts';
import { type Fate, runSchedule, type Schedule } from '../support/two-ends.ts';

const fates = (count: number, type: 'pass' | 'drop'): readonly Fate[] =>
  Array.from({ length: count }, () => ({ type }));

/**
 * The delivered bytes equal the sent bytes, in order, or both ends know that the session ended. test/soak runs 20 000
 * more.
 */
describe('two ends over an unreliable link', () => {
  test('deliver all bytes in 250 seeded schedules', () => {
    fc.assert(
      fc.property(schedules({ fates: 60, steps: 10 }), (schedule) => {
        expect(runSchedule(schedule).violation).toBeUndefined();
      }),
      { numRuns: 250, seed: 20_261_121 },
    );
  });

  test('a failing schedule shrinks to the steps that cause the failure', () => {
    // Simulates a defect that appears when data is sent to a disconnected client.
    const fails = ({ steps }: Schedule): boolean =>
      steps.some((step, i) => step.type === 'cut' && step.leg === 'client' && steps[i - 1]?.type === 'send');
    const { counterexample } = fc.check(
      fc.property(schedules({ fates: 60, steps: 10 }), (schedule) => !fails(schedule)),
      { numRuns: 500, seed: 20_261_121 },
    );
    expect(counterexample?.[0]).toEqual({
      session: 'plain',
      payloadSize: 1024,
      fates: [],
      steps: [
        { type: 'send', from: 'client', bytes: 1 },
        { type: 'cut', leg: 'client', ms: 1, noticed: false },
      ],
    });
  });

  const quiet: Schedule = { session: 'plain', payloadSize: 1024, fates: [], steps: [] };

  test('an ideal link needs no retransmission', () => {
    const outcome = runSchedule({ ...quiet, steps: [{ type: 'send', from: 'client', bytes: 6000 }] });
    expect(outcome).toEqual({ result: 'delivered', violation: undefined, elapsed: expect.any(Number) });
    expect(outcome.elapsed).toBeLessThan(100);
  });

  test('a burst that is lost completely is retransmitted within one timeout, not at one message per 100 ms', () => {
    const outcome = runSchedule({
      ...quiet,
      payloadSize: 64,
      fates: [...fates(2, 'pass'), ...fates(60, 'drop')],
      steps: [
        { type: 'wait', ms: 50 },
        { type: 'send', from: 'client', bytes: 3800 },
      ],
    });
    expect(outcome.violation).toBeUndefined();
    expect(outcome.elapsed).toBeLessThan(500);
  });

  test('a lost start_publication does not pause a session for ever', () => {
    const outcome = runSchedule({
      ...quiet,
      // Passed: session state, first output, its acknowledgement, pause_publication. Dropped: start_publication.
      fates: [...fates(4, 'pass'), { type: 'drop' }],
      steps: [
        { type: 'wait', ms: 50 },
        { type: 'pause', leg: 'client', ms: 10 },
        { type: 'wait', ms: 50 },
        { type: 'send', from: 'client', bytes: 100 },
      ],
    });
    expect(outcome.violation).toBeUndefined();
    expect(outcome.elapsed).toBeGreaterThan(4_000);
    expect(outcome.elapsed).toBeLessThan(6_000);
  });

  test('a session survives an hour of suspension', () => {
    const outcome = runSchedule({
      ...quiet,
      fates: [{ type: 'pass' }, { type: 'pass' }, { type: 'pass' }, { type: 'drop' }],
      steps: [
        { type: 'wait', ms: 50 },
        { type: 'send', from: 'client', bytes: 10 },
        { type: 'jump' },
        { type: 'cut', leg: 'client', ms: 20, noticed: true },
      ],
    });
    expect(outcome.violation).toBeUndefined();
  });
});
