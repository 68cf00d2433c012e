import { describe, expect, it } from 'vitest';

import { failed, ToolError } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { applyUp } from '../../../src/provision/plan/apply.ts';
import type { ApplyDeps } from '../../../src/provision/plan/apply-deps.ts';
import { wantedEgress } from '../../../src/provision/network/egress.ts';
import { isEmpty, readInventory } from '../../../src/provision/bastion/inventory.ts';
import type { Applied } from '../../../src/provision/capacity/launch.ts';
import { isNoop } from '../../../src/provision/plan/plan.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import type { BastionSpec } from '../../../src/provision/plan/spec.ts';
import { refuseIfInUse, tearDown, type TeardownResult } from '../../../src/provision/teardown/teardown.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Crash, FakeAccount } from '../fake-account.ts';
import { NOW, OWNER, sampleSpec, SCOPE } from '../sample-spec.ts';

interface World {
  readonly clock: FakeClock;
  readonly account: FakeAccount;
  readonly events: ToolEvent[];
}

function world(): World {
  const clock = new FakeClock(NOW);
  return { clock, account: new FakeAccount(() => clock.now()), events: [] };
}

function depsOf({ clock, account, events }: World, change: Partial<ApplyDeps> = {}): ApplyDeps {
  let serial = 0;
  return {
    ec2: account.ec2,
    iam: account.iam,
    clock,
    random: () => 0.5,
    uuid: () => `uuid-${++serial}`,
    report: (event) => events.push(event),
    signal: new AbortController().signal,
    settleMs: 6_000,
    approveOnDemand: () => Promise.resolve(false),
    ...change,
  };
}

async function up(
  at: World,
  spec: BastionSpec = sampleSpec(),
  change: Partial<ApplyDeps> = {},
): Promise<Applied> {
  const work = async (): Promise<Applied> => {
    const inventory = await readInventory(at.account, SCOPE);
    const plan = planUp(inventory, spec, at.clock.now(), ruleAdmitting);
    return applyUp(plan, depsOf(at, change));
  };
  return at.clock.run(work());
}

async function down(at: World): Promise<TeardownResult> {
  const work = async (): Promise<TeardownResult> =>
    tearDown(await readInventory(at.account, SCOPE), SCOPE, depsOf(at));
  return at.clock.run(work());
}

const withDatabase = (): BastionSpec =>
  sampleSpec({
    databases: [
      { id: 'orders-db', host: 'orders-db.internal', port: 5432, groupId: 'sg-db', admit: true, ingress: [] },
    ],
  });

describe('two up at once', () => {
  it('a port that one run opened while the other was closing it is open at the end', async () => {
    const at = world();
    const { ec2 } = at.account;
    const other = withDatabase();
    const launchOther = async (): Promise<void> => {
      const plan = planUp(await readInventory(at.account, SCOPE), other, NOW, ruleAdmitting);
      await applyUp(plan, depsOf(at));
    };
    let launched = false;
    const slow: ApplyDeps['ec2'] = {
      ...ec2,
      createSecurityGroup: async (request) => {
        const id = await ec2.createSecurityGroup(request);
        await ec2.authorizeEgress(id, wantedEgress(other).slice(1), other.tags);
        return id;
      },
      revokeEgress: async (id, rules) => {
        if (!launched) {
          launched = true;
          await launchOther();
        }
        return ec2.revokeEgress(id, rules);
      },
    };
    await up(at, sampleSpec({ databases: [] }), { ec2: slow });
    const { groups } = await readInventory(at.account, SCOPE);
    expect(groups[0]?.egress.map((rule) => rule.fromPort)).toContain(5432);
  });
});

describe('up', () => {
  it('creates role and profile before the instance', async () => {
    const at = world();
    const applied = await up(at, withDatabase());
    expect(applied).toMatchObject({ launched: true, market: 'spot' });
    expect(at.account.writes).toEqual([
      'createPolicy',
      'createRole',
      'putRolePolicy',
      'createInstanceProfile',
      'addRoleToInstanceProfile',
      'createSecurityGroup',
      'revokeEgress',
      'authorizeEgress',
      'authorizeIngress',
      'createLaunchTemplate',
      'createFleet',
    ]);
  });

  it('removes the outbound rule that EC2 creates a security group with', async () => {
    const at = world();
    await up(at);
    const [group] = [...at.account.groups.values()];
    expect(group?.ingress).toEqual([]);
    expect(group?.egress).toEqual([
      { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' },
      { protocol: 'tcp', fromPort: 5432, toPort: 5432, groupId: 'sg-db' },
    ]);
  });

  it('waits before the launch after creating a role, and does not wait for an existing role', async () => {
    const at = world();
    const started = at.clock.now();
    await up(at);
    expect(at.clock.now() - started).toBe(6_000);
    const [instance] = [...at.account.instanceMap.values()];
    if (instance !== undefined) instance.state = 'terminated';
    const again = at.clock.now();
    await up(at, sampleSpec({ expiresAt: NOW + 9 * 3_600_000 }));
    expect(at.clock.now()).toBe(again);
  });

  it('writes nothing when everything exists', async () => {
    const at = world();
    const first = await up(at);
    const before = at.account.writes.length;
    const second = await up(at, sampleSpec({ expiresAt: NOW + 9 * 3_600_000 }));
    expect(second).toMatchObject({ launched: false, instanceId: first.instanceId });
    expect(at.account.writes.length).toBe(before);
  });

  it('extends a running bastion when a lifetime is given', async () => {
    const at = world();
    await up(at);
    await up(at, sampleSpec({ extends: true, expiresAt: NOW + 9 * 3_600_000 }));
    expect(at.account.writes.at(-1)).toBe('setTags');
    const [instance] = [...at.account.instanceMap.values()];
    expect(instance?.tags['fargate-connect:expires-at']).toBe('2026-11-21T19:00:00.000Z');
  });

  it('writes nothing to IAM with a role that an administrator created', async () => {
    const at = world();
    await up(at, sampleSpec({ role: { kind: 'given', profileArn: 'arn:p', profileName: 'p' } }));
    expect(at.account.writes.slice(0, 2)).toEqual(['createSecurityGroup', 'revokeEgress']);
    expect(at.account.roles.size + at.account.profiles.size + at.account.policies.size).toBe(0);
  });

  it('repeats the launch while EC2 does not see the profile', async () => {
    const at = world();
    const error = {
      code: 'InvalidParameterValue',
      message:
        'Value (arn:x) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN',
      instanceType: 't4g.micro',
      subnetId: 'subnet-1',
    };
    at.account.fleetAnswers = [1, 2].map(() => ({ fleetId: 'fleet-x', instanceIds: [], errors: [error] }));
    await expect(up(at)).resolves.toMatchObject({ launched: true });
    expect(at.account.writes.filter((call) => call === 'createFleet')).toHaveLength(3);
  });

  it('reports that it waits for the instance of another up, then launches one of its own', async () => {
    const at = world();
    const { ec2 } = at.account;
    const tokens = new Set<string>();
    const taken: ApplyDeps['ec2'] = {
      ...ec2,
      createFleet: (request) => {
        const first = tokens.size === 0;
        tokens.add(request.clientToken);
        return first ? Promise.reject(failed('already-exists', 'token')) : ec2.createFleet(request);
      },
    };
    await expect(up(at, sampleSpec(), { ec2: taken })).resolves.toMatchObject({ launched: true });
    expect(tokens.size).toBe(2);
    expect(at.events).toContainEqual(
      expect.objectContaining({
        type: 'step-progress',
        detail: expect.stringContaining('another `up` is launching'),
      }),
    );
  });

  const noCapacity = {
    fleetId: 'fleet-x',
    instanceIds: [],
    errors: [
      {
        code: 'InsufficientInstanceCapacity',
        message: 'no',
        instanceType: 't4g.micro',
        subnetId: 'subnet-1',
      },
    ],
  };

  it('fails if the answer of EC2 has only errors, and names each pool', async () => {
    const at = world();
    at.account.fleetAnswers = [noCapacity];
    await expect(up(at)).rejects.toMatchObject({
      code: 'no-capacity',
      details: {
        market: 'spot',
        pools: ['t4g.micro in subnet-1 (eu-west-1a): InsufficientInstanceCapacity'],
      },
    });
    const said = at.events.filter((event) => event.type === 'note').map((event) => event.message);
    expect(said).toEqual(['t4g.micro in subnet-1 (eu-west-1a): InsufficientInstanceCapacity']);
  });

  it('launches on-demand only after the user agreed, with another launch template', async () => {
    const at = world();
    at.account.fleetAnswers = [noCapacity];
    const applied = await up(at, sampleSpec(), { approveOnDemand: () => Promise.resolve(true) });
    expect(applied.market).toBe('on-demand');
    expect(at.account.writes.filter((call) => call.endsWith('LaunchTemplate'))).toEqual([
      'createLaunchTemplate',
      'deleteLaunchTemplate',
      'createLaunchTemplate',
    ]);
  });

  it('creates one instance beside a second up at the same time', async () => {
    const at = world();
    const spec = sampleSpec();
    const empty = await readInventory(at.account, SCOPE);
    const plan = planUp(empty, spec, at.clock.now(), ruleAdmitting);
    const both = Promise.all([applyUp(plan, depsOf(at)), applyUp(plan, depsOf(at))]);
    const [a, b] = await at.clock.run(both);
    expect(a.instanceId).toBe(b.instanceId);
    expect(at.account.instanceMap.size).toBe(1);
  });

  it('refuses names of resources that are not its own', async () => {
    const at = world();
    at.account.roles.set('fargate-connect-default-eu-west-1', {
      name: 'fargate-connect-default-eu-west-1',
      arn: 'arn:r',
      path: '/',
      boundaryArn: undefined,
      trust: undefined,
      tags: {},
    });
    await expect(up(at)).rejects.toMatchObject({ code: 'name-taken' });
    expect(at.account.writes).toEqual([]);
  });
});

describe('down', () => {
  it('deletes everything in the order that AWS requires', async () => {
    const at = world();
    await up(at, withDatabase());
    const before = at.account.writes.length;
    const result = await down(at);
    expect(at.account.snapshot()).toEqual([]);
    expect(result.kept).toEqual([]);
    expect(at.account.writes.slice(before)).toEqual([
      'revokeIngress',
      'terminateInstances',
      'deleteFleets',
      'deleteLaunchTemplate',
      'deleteSecurityGroup',
      'removeRoleFromInstanceProfile',
      'deleteInstanceProfile',
      'deleteRolePolicy',
      'deleteRole',
      'deletePolicy',
    ]);
  });

  it('does nothing on an empty account', async () => {
    const at = world();
    await expect(down(at)).resolves.toEqual({ deleted: [], kept: [] });
    expect(at.account.writes).toEqual([]);
  });

  it('keeps resources that only resemble a bastion’s', async () => {
    const at = world();
    await up(at);
    at.account.groups.set('sg-alien', {
      id: 'sg-alien',
      name: 'something-else',
      vpcId: 'vpc-1',
      tags: { 'fargate-connect:bastion': 'default' },
      ingress: [],
      egress: [],
    });
    const result = await down(at);
    expect(at.account.snapshot()).toEqual(['group sg-alien']);
    expect(result.kept).toMatchObject([{ kind: 'security group', id: 'sg-alien' }]);
  });

  it('names what it cannot delete, how to delete it and why it is left, exit 5', async () => {
    const at = world();
    await up(at);
    at.account.gate = (call, when) => {
      if (call === 'deleteSecurityGroup' && when === 'before') throw failed('still-in-use', 'in use');
    };
    const problem = await down(at).catch((error: unknown) => error);
    expect(problem).toMatchObject({ role: 'leftovers', code: 'leftovers' });
    expect(problem).toMatchObject({
      details: {
        names: ['default'],
        remaining: [
          {
            removal: {
              service: 'ec2',
              args: ['delete-security-group', '--group-id', expect.stringMatching(/^sg-\d+$/) as string],
              region: 'eu-west-1',
            },
            reason: 'in use',
          },
        ],
      },
    });
    expect(at.account.snapshot()).toHaveLength(1);
  });

  it('names the missing permission, exit 4, and deletes the rest', async () => {
    const at = world();
    await up(at);
    at.account.gate = (call, when) => {
      if (call === 'deletePolicy' && when === 'before')
        throw new ToolError('access', 'access-denied', 'not allowed to call iam:DeletePolicy');
    };
    await expect(down(at)).rejects.toMatchObject({
      role: 'access',
      message: expect.stringContaining('iam:DeletePolicy') as unknown,
    });
    expect(at.account.snapshot()).toHaveLength(1);
  });

  it('does not terminate an instance through its fleet after TerminateInstances was refused', async () => {
    const at = world();
    await up(at);
    at.account.gate = (call, when) => {
      if (call === 'terminateInstances' && when === 'before')
        throw new ToolError('access', 'access-denied', 'not allowed to call ec2:TerminateInstances');
    };
    await expect(down(at)).rejects.toMatchObject({
      role: 'access',
      message: expect.stringMatching(/ec2:TerminateInstances.*instance.*fleet/) as unknown,
    });
    expect(at.account.writes).not.toContain('deleteFleets');
  });

  it('refuses while another user is connected', async () => {
    const at = world();
    await up(at);
    const inventory = await readInventory(at.account, SCOPE);
    const sessions = (owner: string) => () => Promise.resolve([{ sessionId: 's-1', owner }]);
    await expect(refuseIfInUse(inventory, OWNER, sessions(OWNER))).resolves.toBeUndefined();
    await expect(
      refuseIfInUse(inventory, OWNER, sessions('arn:aws:iam::111122223333:user/eve')),
    ).rejects.toMatchObject({ code: 'sessions-active' });
  });
});

describe('a crash at any writing call', () => {
  const calls = 11;

  for (const when of ['before', 'after'] as const) {
    for (let k = 0; k < calls; k++) {
      it(`of up: call ${k + 1}, ${when} its effect; down removes everything`, async () => {
        const at = world();
        let count = 0;
        at.account.gate = (_call, phase) => {
          if (phase === when && count++ === k) throw new Crash('killed');
        };
        await expect(up(at, withDatabase())).rejects.toThrow('killed');
        at.account.gate = () => undefined;
        await down(at);
        expect(at.account.snapshot()).toEqual([]);
      });

      it(`of up: call ${k + 1}, ${when} its effect; up again completes it`, async () => {
        const at = world();
        let count = 0;
        at.account.gate = (_call, phase) => {
          if (phase === when && count++ === k) throw new Crash('killed');
        };
        await expect(up(at, withDatabase())).rejects.toThrow('killed');
        at.account.gate = () => undefined;
        await up(at, withDatabase());
        const inventory = await readInventory(at.account, SCOPE);
        expect(inventory.instances).toHaveLength(1);
        const plan = planUp(inventory, withDatabase(), at.clock.now(), ruleAdmitting);
        expect(isNoop(plan)).toBe(true);
        await down(at);
        expect(at.account.snapshot()).toEqual([]);
      });
    }

    for (let k = 0; k < 10; k++) {
      it(`of down: call ${k + 1}, ${when} its effect; a second down removes the rest`, async () => {
        const at = world();
        await up(at, withDatabase());
        let count = 0;
        const controller = new AbortController();
        at.account.gate = (_call, phase) => {
          if (phase !== when || count++ !== k) return;
          controller.abort(new Crash('killed'));
          throw new Crash('killed');
        };
        const work = async (): Promise<unknown> =>
          tearDown(await readInventory(at.account, SCOPE), SCOPE, depsOf(at, { signal: controller.signal }));
        await expect(at.clock.run(work())).rejects.toThrow('killed');
        at.account.gate = () => undefined;
        await down(at);
        expect(at.account.snapshot()).toEqual([]);
        expect(isEmpty(await readInventory(at.account, SCOPE))).toBe(true);
      });
    }
  }
});
