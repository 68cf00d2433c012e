import { denied } from '../../support/denied.ts';
import { describe, expect, it } from 'vitest';

import { failed } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { applyUp } from '../../../src/provision/plan/apply.ts';
import { readInventory } from '../../../src/provision/bastion/inventory.ts';
import { endedByDown } from '../../../src/provision/bastion/removed-during-up.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeAccount } from '../fake-account.ts';
import { NOW, sampleSpec, SCOPE } from '../sample-spec.ts';

/** Runs `up` on an empty account; the resources that `remove` deletes at the first call of that name stay deleted. */
async function upUnder(
  call: string,
  remove: (account: FakeAccount) => void,
  change: (account: FakeAccount) => void = () => undefined,
): Promise<unknown> {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount(() => clock.now());
  const spec = sampleSpec();
  let once = false;
  account.gate = (name, when) => {
    if (name !== call || when !== 'before') return;
    if (!once) remove(account);
    once = true;
  };
  const events: ToolEvent[] = [];
  const work = async (): Promise<unknown> => {
    const plan = planUp(await readInventory(account, SCOPE), spec, clock.now(), ruleAdmitting);
    change(account);
    let serial = 0;
    return applyUp(plan, {
      ec2: account.ec2,
      iam: account.iam,
      clock,
      random: () => 0.5,
      uuid: () => `uuid-${++serial}`,
      report: (event) => events.push(event),
      signal: new AbortController().signal,
      settleMs: 6_000,
      approveOnDemand: () => Promise.resolve(false),
    }).catch((error: unknown) => error);
  };
  return clock.run(work());
}

/** Runs at the first PutRolePolicy, which is then refused. */
const refusing =
  (remove: (account: FakeAccount) => void) =>
  (account: FakeAccount): void => {
    account.iam.putRolePolicy = () => {
      remove(account);
      return Promise.reject(denied('iam:PutRolePolicy'));
    };
  };

describe('an up while a down deletes its resources', () => {
  it.each([
    ['role', 'putRolePolicy', (account: FakeAccount) => account.roles.clear(), ['role']],
    [
      'instance profile',
      'addRoleToInstanceProfile',
      (account: FakeAccount) => account.profiles.clear(),
      ['instance profile'],
    ],
    ['group', 'revokeEgress', (account: FakeAccount) => account.groups.clear(), ['security group']],
    ['template', 'createFleet', (account: FakeAccount) => account.templates.clear(), ['launch template']],
    [
      'everything',
      'createFleet',
      (account: FakeAccount) => {
        for (const map of [account.roles, account.profiles, account.groups, account.templates]) map.clear();
      },
      ['role', 'instance profile', 'security group', 'launch template'],
    ],
  ] as const)('%s: reports what was deleted and how to continue', async (_what, call, remove, gone) => {
    const error = await upUnder(call, remove);
    expect(error).toMatchObject({
      code: 'removed-during-up',
      exitStatus: 1,
      details: { name: 'default', gone },
    });
    expect(String(error)).toContain(`bastion default was deleted while up was running: ${gone.join(', ')}`);
  });

  it('is detected after a refusal too, because a grant that depends on tags is refused for a deleted resource', async () => {
    const remove = refusing((account) => account.roles.clear());
    expect(await upUnder('createRole', () => undefined, remove)).toMatchObject({
      code: 'removed-during-up',
      details: { gone: ['role'] },
    });
  });

  it('is not reported for a refusal alone, even if new resources appear late', async () => {
    const late = (account: FakeAccount): void => {
      const role = account.iam.role.bind(account.iam);
      let looks = 0;
      account.iam.role = (name) => (looks++ === 0 ? Promise.resolve(undefined) : role(name));
      account.iam.putRolePolicy = () => Promise.reject(denied('iam:PutRolePolicy'));
    };
    expect(await upUnder('createRole', () => undefined, late)).toMatchObject({ code: 'access-denied' });
  });

  it('is not reported if no resource was deleted', async () => {
    const answer = {
      fleetId: undefined,
      instanceIds: [],
      errors: [
        {
          code: 'InvalidGroup.NotFound',
          message: 'not yet',
          instanceType: undefined,
          subnetId: undefined,
        },
      ],
    };
    const error = await upUnder(
      'createFleet',
      () => undefined,
      (account) => {
        account.fleetAnswers = Array.from({ length: 200 }, () => answer);
      },
    );
    expect(error).toMatchObject({ code: 'not-settled' });
  });

  it('is not reported if the second check fails, and the first error is thrown', async () => {
    const error = await upUnder('putRolePolicy', (account) => {
      account.roles.clear();
      account.iam.role = () => Promise.reject(denied('iam:GetRole'));
    });
    expect(error).toMatchObject({ code: 'aws-error' });
  });
});

describe('an instance that was terminated while up waited for it', () => {
  const ended = (reason: string | undefined) =>
    failed('instance-ended', 'instance i-1 is terminated', {
      details: { instanceId: 'i-1', reason, message: undefined },
    });
  it.each([
    ['Client.UserInitiatedShutdown', 'removed-during-up'],
    ['Client.InstanceInitiatedShutdown', undefined],
    ['Server.SpotInstanceTermination', undefined],
    [undefined, undefined],
  ] as const)('with the reason %s has the error code %s', (reason, code) => {
    expect(endedByDown(ended(reason), 'default')?.code).toBe(code);
  });

  it('has an error that names the bastion, and no other failure has this error', () => {
    expect(endedByDown(ended('Client.UserInitiatedShutdown'), 'orders')?.details).toMatchObject({
      name: 'orders',
    });
    const other = failed('boot-failed', 'x', { details: { instanceId: 'i-1', name: 'orders', reason: 'x' } });
    expect(endedByDown(other, 'orders')).toBeUndefined();
  });
});
