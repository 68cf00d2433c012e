import * as fc from 'fast-check';
import type { Fate, Schedule, Step } from './two-ends.ts';

/** Schedules for `runSchedule` that shrink to few steps and an ideal link. */
export function schedules(size: { readonly fates: number; readonly steps: number }): fc.Arbitrary<Schedule> {
  const leg = fc.constantFrom('client' as const, 'agent' as const);
  const fate: fc.Arbitrary<Fate> = fc.oneof(
    { weight: 8, arbitrary: fc.constant<Fate>({ type: 'pass' }) },
    { weight: 3, arbitrary: fc.constant<Fate>({ type: 'drop' }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('delay' as const), ms: fc.nat(1500) }) },
    { weight: 2, arbitrary: fc.constant<Fate>({ type: 'duplicate' }) },
    { weight: 1, arbitrary: fc.constant<Fate>({ type: 'corrupt' }) },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('send' as const),
        from: leg,
        bytes: fc.integer({ min: 1, max: 6000 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(800) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('cut' as const),
        leg,
        ms: fc.integer({ min: 1, max: 3000 }),
        noticed: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('pause' as const),
        leg,
        ms: fc.integer({ min: 1, max: 3000 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ type: 'jump' }) },
  );
  const steps = fc.array(step, { maxLength: size.steps });
  return fc.record({
    session: fc.constantFrom('plain' as const, 'port' as const, 'encrypted' as const),
    payloadSize: fc.constantFrom(1024, 300, 64),
    fates: fc.array(fate, { maxLength: size.fates }),
    steps: fc.oneof(
      { weight: 6, arbitrary: steps },
      { weight: 1, arbitrary: steps.map((before) => [...before, { type: 'close' as const }]) },
    ),
  });
}
