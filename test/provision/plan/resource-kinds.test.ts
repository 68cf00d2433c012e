import { expect, it } from 'vitest';

import { readInventory } from '../../../src/provision/bastion/inventory.ts';
import { TAG } from '../../../src/provision/bastion/names.ts';
import { applyUp } from '../../../src/provision/plan/apply.ts';
import { quoteWords } from '../../../src/core/shell-words.ts';
import { planDown } from '../../../src/provision/plan/plan-down.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import { isNoop, type PlanStep } from '../../../src/provision/plan/plan.ts';
import { RESOURCE_KINDS } from '../../../src/provision/plan/resource-kinds.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeAccount } from '../fake-account.ts';
import { EMPTY, NOW, sampleSpec, SCOPE } from '../sample-spec.ts';

const SPEC = sampleSpec({
  databases: sampleSpec().databases.map((database) => ({ ...database, admit: true })),
});

async function upIn(account: FakeAccount, clock: FakeClock, steps: readonly PlanStep[]): Promise<unknown> {
  const plan = { ...planUp(EMPTY, SPEC, NOW, ruleAdmitting), steps };
  let serial = 0;
  const work = applyUp(plan, {
    ec2: account.ec2,
    iam: account.iam,
    clock,
    random: () => 0.5,
    uuid: () => `uuid-${++serial}`,
    report: () => undefined,
    signal: new AbortController().signal,
    settleMs: 0,
    approveOnDemand: () => Promise.resolve(false),
  });
  return clock.run(work);
}

it('the plan alone, without the spec, creates everything that a second plan keeps', async () => {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount(() => clock.now());
  await upIn(account, clock, planUp(EMPTY, SPEC, NOW, ruleAdmitting).steps);
  const after = await readInventory(account, SCOPE);
  expect(isNoop(planUp(after, SPEC, NOW, ruleAdmitting))).toBe(true);
});

it('a step that needs the id of a resource which no step creates is refused', async () => {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount(() => clock.now());
  const steps = planUp(EMPTY, SPEC, NOW, ruleAdmitting).steps.filter(
    ({ kind }) => kind === 'launch-template',
  );
  await expect(upIn(account, clock, steps)).rejects.toMatchObject({ code: 'plan-incomplete' });
  expect(account.writes).toEqual([]);
});

/** All `tags` and `instanceTags` in the input of a creating call. */
function tagsIn(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): readonly unknown[] =>
    /^(tags|instanceTags)$/.test(key) ? [inner] : tagsIn(inner),
  );
}

it('every creating call is given the tag by which down finds the resource', () => {
  for (const step of planUp(EMPTY, SPEC, NOW, ruleAdmitting).steps) {
    const tags = 'input' in step ? tagsIn(step.input) : [];
    // An inline policy and the association of a profile with a role cannot have tags.
    const canHaveTags = step.kind !== 'role-policy' && step.kind !== 'profile-role';
    expect([step.kind, tags.length > 0]).toEqual([step.kind, canHaveTags]);
    for (const each of tags) expect(each).toMatchObject({ [TAG.bastion]: 'default' });
  }
});

it('what is to be deleted has a name and ids, and of what does not exist nothing is deleted', async () => {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount(() => clock.now());
  await upIn(account, clock, planUp(EMPTY, SPEC, NOW, ruleAdmitting).steps);
  const inventory = await readInventory(account, SCOPE);
  for (const { title, removal } of Object.values(RESOURCE_KINDS)) {
    expect([title, removal?.find(EMPTY) ?? []]).toEqual([title, []]);
    for (const { name, existing } of removal?.find(inventory) ?? [])
      expect([title, name, ...Object.values(existing)]).not.toContain('');
  }
});

it('every resource can be deleted by hand with a command of the AWS CLI', async () => {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount(() => clock.now());
  await upIn(account, clock, planUp(EMPTY, SPEC, NOW, ruleAdmitting).steps);
  const inventory = await readInventory(account, SCOPE);
  const lines = planDown(inventory).steps.map((step) => {
    const command = RESOURCE_KINDS[step.kind].removal?.command(step.existing as never);
    if (command === undefined) return step.kind;
    return quoteWords([command.service, ...command.args]);
  });
  expect(lines).toMatchInlineSnapshot(`
    [
      "ec2 revoke-security-group-ingress --group-id sg-db --security-group-rule-ids sgr-0002",
      "ec2 terminate-instances --instance-ids i-0005",
      "ec2 delete-fleets --terminate-instances --fleet-ids fleet-0004",
      "ec2 delete-launch-template --launch-template-id lt-0003",
      "ec2 delete-security-group --group-id sg-0001",
      "iam remove-role-from-instance-profile --instance-profile-name fargate-connect-default-eu-west-1 --role-name fargate-connect-default-eu-west-1",
      "iam delete-instance-profile --instance-profile-name fargate-connect-default-eu-west-1",
      "iam delete-role-policy --role-name fargate-connect-default-eu-west-1 --policy-name bastion",
      "iam delete-role --role-name fargate-connect-default-eu-west-1",
      "iam delete-policy --policy-arn arn:aws:iam::111122223333:policy/fargate-connect/fargate-connect-default-eu-west-1-boundary",
    ]
  `);
});
