import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type BastionFacts,
  chooseRoute,
  type RouteFacts,
  type TaskFacts,
} from '../../../src/connect/database/route-choice.ts';

const task = (over: Partial<TaskFacts> = {}): TaskFacts => ({
  service: 'orders-api',
  isNamed: true,
  execEnabled: true,
  agent: 'running',
  reach: 'admitted',
  ...over,
});
const bastion = (over: Partial<BastionFacts> = {}): BastionFacts => ({
  name: 'default',
  isNamed: false,
  reach: 'admitted',
  ...over,
});
const choose = (over: Partial<RouteFacts>) =>
  chooseRoute({ task: undefined, bastion: undefined, loggingDemanded: false, ...over });

/** The table of docs/databases.md. */
describe('--via auto', () => {
  it.each<[string, Partial<RouteFacts>, 'task' | 'bastion' | undefined]>([
    ['a named service, no bastion', { task: task() }, 'task'],
    ['a named service, and a bastion', { task: task(), bastion: bastion() }, 'task'],
    [
      'a named service whose ECS Exec is off',
      { task: task({ execEnabled: false }), bastion: bastion() },
      'bastion',
    ],
    ['a named service without an agent', { task: task({ agent: 'none' }), bastion: bastion() }, 'bastion'],
    [
      'a named service whose agent starts',
      { task: task({ agent: 'starting' }), bastion: bastion() },
      'bastion',
    ],
    ['the same, no bastion', { task: task({ agent: 'starting' }) }, 'task'],
    [
      'a named service that does not reach it',
      { task: task({ reach: 'refused' }), bastion: bastion() },
      'bastion',
    ],
    ['a bastion that does not reach it', { task: task(), bastion: bastion({ reach: 'refused' }) }, 'task'],
    [
      'a cluster that demands logging',
      { task: task(), bastion: bastion(), loggingDemanded: true },
      'bastion',
    ],
    ['the same, no bastion', { task: task(), loggingDemanded: true }, 'task'],
    ['a bastion that is named', { task: task(), bastion: bastion({ isNamed: true }) }, 'bastion'],
    ['a bastion alone', { bastion: bastion() }, 'bastion'],
    ['a bastion of which nothing is known', { bastion: bastion({ reach: 'unknown' }) }, 'bastion'],
    [
      'a service that was found, and a bastion of which nothing is known',
      { task: task({ isNamed: false }), bastion: bastion({ reach: 'unknown' }) },
      'task',
    ],
    [
      'a service that was found, and a bastion',
      { task: task({ isNamed: false }), bastion: bastion() },
      'bastion',
    ],
    ['neither', {}, undefined],
    ['both refused', { task: task({ reach: 'refused' }), bastion: bastion({ reach: 'refused' }) }, undefined],
  ])('%s', (_, facts, via) => {
    expect(choose(facts).via).toBe(via);
  });

  const reach = fc.constantFrom('admitted', 'refused', 'unknown' as const);
  const anyFacts: fc.Arbitrary<RouteFacts> = fc.record({
    task: fc.option(
      fc.record({
        service: fc.constant('orders-api'),
        isNamed: fc.boolean(),
        execEnabled: fc.boolean(),
        agent: fc.constantFrom('running', 'starting', 'none' as const),
        reach,
      }),
      { nil: undefined },
    ),
    bastion: fc.option(fc.record({ name: fc.constant('default'), isNamed: fc.boolean(), reach }), {
      nil: undefined,
    }),
    loggingDemanded: fc.boolean(),
  });
  const isTaskUsable = ({ task: each }: RouteFacts): boolean =>
    each !== undefined && each.execEnabled && each.agent !== 'none' && each.reach !== 'refused';
  const isBastionUsable = ({ bastion: each }: RouteFacts): boolean =>
    each !== undefined && each.reach !== 'refused';

  it('never chooses what cannot carry the connections, and always chooses what can', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { via } = chooseRoute(facts);
        if (via === 'task') expect(isTaskUsable(facts)).toBe(true);
        if (via === 'bastion') expect(isBastionUsable(facts)).toBe(true);
        expect(via === undefined).toBe(!isTaskUsable(facts) && !isBastionUsable(facts));
      }),
      { numRuns: 1000, seed: 12 },
    );
  });

  it('uses no task past the logging of the cluster where a bastion can do it', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { via } = chooseRoute({ ...facts, loggingDemanded: true });
        expect(via === 'task' && isBastionUsable(facts)).toBe(false);
      }),
      { numRuns: 500, seed: 13 },
    );
  });

  it('explains every choice in one line', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const choice = chooseRoute(facts);
        const lines = choice.via === undefined ? [choice.task, choice.bastion] : [choice.reason];
        for (const line of lines) expect(line).toMatch(/^[^\n.]{10,200}$/);
      }),
      { numRuns: 500, seed: 14 },
    );
  });
});
