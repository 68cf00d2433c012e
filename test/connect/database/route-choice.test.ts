import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

type World = readonly [string, Partial<RouteFacts>, 'task' | 'bastion' | undefined];
const WORLDS: readonly World[] = [
  ['a service is named, no bastion runs', { task: task() }, 'task'],
  ['a service is named, a bastion runs', { task: task(), bastion: bastion() }, 'task'],
  ['a service and a bastion are named', { task: task(), bastion: bastion({ isNamed: true }) }, 'bastion'],
  [
    'a service is named, ECS Exec is off, a bastion runs',
    { task: task({ execEnabled: false }), bastion: bastion() },
    'bastion',
  ],
  ['a service is named, ECS Exec is off', { task: task({ execEnabled: false }) }, undefined],
  [
    'a service is named, no agent runs, a bastion runs',
    { task: task({ agent: 'none' }), bastion: bastion() },
    'bastion',
  ],
  [
    'a service is named, its agent starts, a bastion runs',
    { task: task({ agent: 'starting' }), bastion: bastion() },
    'bastion',
  ],
  ['a service is named, its agent starts', { task: task({ agent: 'starting' }) }, 'task'],
  [
    'a service is named that does not reach it, a bastion runs',
    { task: task({ reach: 'refused' }), bastion: bastion() },
    'bastion',
  ],
  [
    'a service is named, a bastion runs that does not reach it',
    { task: task(), bastion: bastion({ reach: 'refused' }) },
    'task',
  ],
  [
    'a service is named, a bastion runs, the cluster records sessions',
    { task: task(), bastion: bastion(), loggingDemanded: true },
    'bastion',
  ],
  ['a service is named, the cluster records sessions', { task: task(), loggingDemanded: true }, 'task'],
  ['a service is named, its security groups may not be read', { task: task({ reach: 'unknown' }) }, 'task'],
  ['a bastion runs', { bastion: bastion() }, 'bastion'],
  [
    'a bastion runs whose security groups may not be read',
    { bastion: bastion({ reach: 'unknown' }) },
    'bastion',
  ],
  ['nothing is named, one service reaches it', { task: task({ isNamed: false }) }, 'task'],
  [
    'nothing is named, one service reaches it, a bastion runs',
    { task: task({ isNamed: false }), bastion: bastion() },
    'bastion',
  ],
  [
    'the same, and the security groups of the bastion may not be read',
    { task: task({ isNamed: false }), bastion: bastion({ reach: 'unknown' }) },
    'task',
  ],
  ['nothing is named, no bastion runs', {}, undefined],
  ['a bastion runs that does not reach it', { bastion: bastion({ reach: 'refused' }) }, undefined],
  [
    'neither the named service nor the bastion reaches it',
    { task: task({ reach: 'refused' }), bastion: bastion({ reach: 'refused' }) },
    undefined,
  ],
];

/** A row of the table in docs/databases.md, with the sentence that `db` prints. */
function rowOf([world, facts]: World): string {
  const choice = choose(facts);
  const said =
    choice.via === undefined
      ? `nothing leads to orders-db: ${choice.task}; ${choice.bastion}`
      : `using ${choice.via === 'task' ? 'a task' : 'the bastion'}: ${choice.reason}`;
  return `| ${world} | ${choice.via ?? 'none'} | ${said} |`;
}

describe('--via auto', () => {
  it.each(WORLDS)('%s', (_, facts, via) => {
    expect(choose(facts).via).toBe(via);
  });

  it('is described in docs/databases.md by these worlds, and by no other', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/databases.md'), 'utf8');
    const section = page.slice(
      page.indexOf('### What `--via auto` decided'),
      page.indexOf('## The local port'),
    );
    const rows = section.split('\n').filter((line) => line.startsWith('|'));
    expect(rows.slice(2)).toEqual(WORLDS.map(rowOf));
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
