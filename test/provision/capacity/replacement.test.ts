import { describe, expect, it } from 'vitest';

import type { ToolError } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { runningOldestFirst } from '../../../src/provision/bastion/inventory.ts';
import { TAG } from '../../../src/provision/bastion/names.ts';
import type { FleetResult, FleetSpec, Instance } from '../../../src/provision/ports/ec2.ts';
import { bootDiagnosis } from '../../../src/diagnose/bastion/boot.ts';
import { replaceBastion } from '../../../src/provision/capacity/replacement.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeAccount } from '../fake-account.ts';
import { NOW, sampleInstance, sampleSpec } from '../sample-spec.ts';

const POOLS = [
  { instanceType: 't4g.micro', subnetId: 'subnet-1', imageId: 'ami-arm', priority: 0 },
  { instanceType: 't3.micro', subnetId: 'subnet-1', imageId: 'ami-x86', priority: 1 },
];

const NO_CAPACITY: FleetResult = {
  fleetId: 'fleet-empty',
  instanceIds: [],
  errors: [
    {
      code: 'InsufficientInstanceCapacity',
      message: 'none',
      instanceType: 't4g.micro',
      subnetId: 'subnet-1',
    },
  ],
};

/** A bastion whose instance EC2 interrupts; its launch template and fleet still exist. */
function interrupted(change: Partial<Instance> = {}) {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount(() => clock.now());
  const { tags } = sampleSpec();
  account.templates.set('lt-1', { id: 'lt-1', name: 'fargate-connect-default', createdAt: NOW, tags });
  account.fleets.set('fleet-1', { id: 'fleet-1', state: 'active', tags });
  account.pools.set('fleet-1', POOLS);
  const lost = sampleInstance({
    id: 'i-lost',
    launchedAt: NOW - 1,
    tags: { ...tags, 'aws:ec2:fleet-id': 'fleet-1' },
    ...change,
  });
  account.instanceMap.set(lost.id, { ...lost });
  const fleets: FleetSpec[] = [];
  const events: ToolEvent[] = [];
  const ending = new AbortController();
  const replace = (): Promise<Instance> =>
    replaceBastion(lost, {
      ec2: {
        ...account.ec2,
        createFleet: (spec) => {
          fleets.push(spec);
          return account.ec2.createFleet(spec);
        },
      },
      nodes: {
        nodes: (ids) =>
          Promise.resolve(
            ids.map((instanceId) => ({
              instanceId,
              pingStatus: 'Online' as const,
              agentVersion: '3.3.0.0',
              lastPingAt: NOW,
            })),
          ),
      },
      diagnosis: bootDiagnosis,
      region: 'eu-west-1',
      clock,
      random: () => 0.5,
      uuid: () => 'uuid',
      report: (event) => events.push(event),
      signal: ending.signal,
    });
  const failure = (): Promise<ToolError> =>
    clock.run(
      replace().then(
        () => Promise.reject(new Error('it did not fail')),
        (error: unknown) => error as ToolError,
      ),
    );
  return { clock, account, lost, fleets, events, ending, replace, failure };
}

describe('the replacement of a bastion', () => {
  it('uses the same launch template and pools, as spot, with the same tags and the same end of the lease', async () => {
    const { clock, account, lost, fleets, replace } = interrupted();
    const next = await clock.run(replace());
    expect(fleets).toEqual([
      {
        clientToken: 'lt-1-spot-0-i-lost-0',
        launchTemplateId: 'lt-1',
        market: 'spot',
        overrides: POOLS,
        tags: { ...sampleSpec().tags, [TAG.replaces]: 'i-lost' },
      },
    ]);
    expect(next.tags[TAG.expiresAt]).toBe(lost.tags[TAG.expiresAt]);
    // The interrupted instance is not terminated: its connections can use the rest of the two minutes.
    expect(account.writes).toEqual(['createFleet']);
  });

  it('is shared by all clients that need it', async () => {
    const { clock, fleets, replace } = interrupted();
    const [a, b] = await clock.run(Promise.all([replace(), replace()]));
    expect(a.id).toBe(b.id);
    expect(new Set(fleets.map((fleet) => fleet.clientToken)).size).toBe(1);
    expect((await clock.run(replace())).id).toBe(a.id);
    expect(fleets).toHaveLength(2);
  });

  it('waits for spot capacity, reports each error of a pool once, and never launches on-demand', async () => {
    const { clock, account, fleets, events, replace } = interrupted();
    account.fleetAnswers = [NO_CAPACITY, NO_CAPACITY];
    await clock.run(replace());
    expect(fleets.map(({ market, clientToken }) => [market, clientToken])).toEqual([
      ['spot', 'lt-1-spot-0-i-lost-0'],
      ['spot', 'lt-1-spot-0-i-lost-1'],
      ['spot', 'lt-1-spot-0-i-lost-2'],
    ]);
    const notes = events.filter((event) => event.type === 'note');
    expect(notes.map((event) => event.message)).toEqual([
      't4g.micro in subnet-1: InsufficientInstanceCapacity',
    ]);
  });

  it('stops waiting for capacity after some minutes', async () => {
    const { clock, account, failure } = interrupted();
    account.fleetAnswers = Array.from({ length: 100 }, () => NO_CAPACITY);
    expect((await failure()).code).toBe('no-capacity');
    expect(clock.now() - NOW).toBeGreaterThan(6 * 60_000);
    expect(clock.now() - NOW).toBeLessThan(9 * 60_000);
  });

  it('is not launched when the lease is over', async () => {
    const tags = { ...sampleSpec().tags, [TAG.expiresAt]: new Date(NOW + 30_000).toISOString() };
    const { account, failure } = interrupted({ tags });
    expect((await failure()).code).toBe('lease-over');
    expect(account.writes).toEqual([]);
  });

  it('is launched again when the previous replacement was terminated too, because EC2 would only repeat its response', async () => {
    const { clock, account, fleets, replace } = interrupted();
    const first = await clock.run(replace());
    account.instanceMap.set(first.id, { ...first, state: 'terminated' });
    const second = await clock.run(replace());
    expect(second.id).not.toBe(first.id);
    expect(second.state).toBe('running');
    expect(fleets.map((fleet) => fleet.clientToken)).toEqual([
      'lt-1-spot-0-i-lost-0',
      'lt-1-spot-0-i-lost-0',
      'uuid',
    ]);
  });

  it('is not launched after another user has run down', async () => {
    const { account, failure } = interrupted();
    account.templates.clear();
    const error = await failure();
    expect([error.code, error.details['missing']]).toEqual(['replacement-impossible', 'launch template']);
    expect(account.writes).toEqual([]);
  });

  it('stops waiting for capacity after Ctrl-C', async () => {
    const { clock, account, fleets, ending, replace } = interrupted();
    account.fleetAnswers = Array.from({ length: 100 }, () => NO_CAPACITY);
    const replacing = replace();
    const over = expect(replacing).rejects.toThrow('enough');
    await clock.advance(1_000);
    ending.abort(new Error('enough'));
    await over;
    expect(fleets).toHaveLength(1);
  });
});

describe('running bastions', () => {
  const at = (id: string, launchedAt: number, tags = {}, state: Instance['state'] = 'running') =>
    ({ id, launchedAt, tags, state }) as Instance;
  it.each([
    ['the oldest first', [at('b', 2), at('a', 1)], ['a', 'b']],
    [
      'without instances that are ending',
      [at('a', 1, {}, 'shutting-down'), at('b', 2, {}, 'pending')],
      ['b'],
    ],
    [
      'without an instance whose replacement exists',
      [at('a', 1), at('b', 2, { [TAG.replaces]: 'a' })],
      ['b'],
    ],
    [
      'with an instance whose replacement is terminated',
      [at('a', 1), at('b', 2, { [TAG.replaces]: 'a' }, 'terminated')],
      ['a'],
    ],
  ])('%s', (_, instances, expected) => {
    expect(runningOldestFirst(instances).map((instance) => instance.id)).toEqual(expected);
  });
});
