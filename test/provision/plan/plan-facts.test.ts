import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../../src/provision/bastion/inventory.ts';
import { TAG } from '../../../src/provision/bastion/names.ts';
import { launchTemplateContent } from '../../../src/provision/capacity/launch-template.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import type { PlanStep } from '../../../src/provision/plan/plan.ts';
import type { BastionSpec, BoundarySpec } from '../../../src/provision/plan/spec.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import {
  EMPTY,
  FULL,
  GROUP,
  INSTANCE,
  NAMES,
  NOW,
  ORDERS_DB,
  sampleInstance,
  sampleSpec,
} from '../sample-spec.ts';

/** What the steps of a plan hold for the AWS calls; plan.test.ts has the plan as a person reads it. */

const stepsOf = (
  inventory: Inventory,
  kind: PlanStep['kind'],
  change: Partial<BastionSpec> = {},
): readonly PlanStep[] =>
  planUp(inventory, sampleSpec(change), NOW, ruleAdmitting).steps.filter((step) => step.kind === kind);

const withoutInstances: Inventory = { ...FULL, instances: [] };

const withBoundary = (boundary: BoundarySpec): Partial<BastionSpec> => {
  const { role } = sampleSpec();
  return role.kind === 'own' ? { role: { ...role, boundary } } : {};
};

describe('a step that keeps a resource identifies it', () => {
  it.each<readonly [PlanStep['kind'], unknown]>([
    ['boundary', { id: 'arn:boundary' }],
    ['role', { id: 'arn:role', name: NAMES.role }],
    ['role-policy', { id: 'bastion', role: NAMES.role }],
    ['instance-profile', { id: 'arn:profile', name: NAMES.profile }],
    ['profile-role', { id: NAMES.role, profile: NAMES.profile }],
    ['security-group', { id: 'sg-1' }],
    ['egress', { id: 'sg-1' }],
    ['launch-template', { id: 'lt-1', name: NAMES.common }],
    ['instance', { id: 'i-1', market: 'spot', launched: false }],
    ['lease', { id: 'i-1' }],
  ])('%s', (kind, existing) => {
    expect(stepsOf(FULL, kind)).toMatchObject([{ action: 'keep', existing }]);
  });

  it('the lease that is extended, too', () => {
    const expiresAt = NOW + 9 * 3_600_000;
    expect(stepsOf(FULL, 'lease', { extends: true, expiresAt })).toMatchObject([
      { action: 'update', existing: { id: 'i-1' }, input: { instanceId: 'i-1', expiresAt } },
    ]);
  });

  it('a lease whose end no tag states is kept, and extended only if that is asked for', () => {
    const tags = Object.fromEntries(Object.entries(INSTANCE.tags).filter(([key]) => key !== TAG.expiresAt));
    const inventory = { ...FULL, instances: [{ ...INSTANCE, tags }] };
    expect(stepsOf(inventory, 'lease')).toMatchObject([{ action: 'keep', reason: 'until an unknown time' }]);
    const expiresAt = NOW + 3_600_000;
    expect(stepsOf(inventory, 'lease', { extends: true, expiresAt })).toMatchObject([
      { action: 'update', input: { expiresAt } },
    ]);
  });
});

describe('a step that creates a resource refers to what exists, or to the step that will create it', () => {
  it('the boundary of the role', () => {
    const boundary = (inventory: Inventory, change: Partial<BastionSpec> = {}): unknown =>
      (stepsOf(inventory, 'role', change)[0] as { readonly input?: { readonly boundaryArn?: unknown } }).input
        ?.boundaryArn;
    expect(boundary(EMPTY)).toEqual({ outputOf: 'boundary' });
    expect(boundary({ ...EMPTY, boundary: FULL.boundary })).toEqual({ value: 'arn:boundary' });
    expect(boundary(EMPTY, withBoundary({ kind: 'none' }))).toBeUndefined();
    const existing = { kind: 'existing', arn: 'arn:company', why: 'as asked' } as const;
    expect(boundary(EMPTY, withBoundary(existing))).toEqual({ value: 'arn:company' });
    expect(stepsOf(EMPTY, 'boundary', withBoundary(existing))).toMatchObject([
      { action: 'keep', name: 'arn:company', reason: 'as asked' },
    ]);
    expect(stepsOf(EMPTY, 'boundary', withBoundary({ kind: 'none' }))).toEqual([]);
  });

  it('profile, group and template of the instance', () => {
    const launched = (inventory: Inventory, change: Partial<BastionSpec> = {}): unknown =>
      stepsOf(inventory, 'instance', change)[0];
    expect(launched(EMPTY)).toMatchObject({
      input: {
        launch: { mayRepeat: false, pools: [{ subnetId: 'subnet-1' }, { subnetId: 'subnet-1' }] },
        templateId: { outputOf: 'launch-template' },
        template: { profileArn: { outputOf: 'instance-profile' }, groupId: { outputOf: 'security-group' } },
      },
    });
    const digest = launchTemplateContent(sampleSpec()).tags[TAG.digest] ?? '';
    const templates = FULL.templates.map((each) => ({
      ...each,
      tags: { ...each.tags, [TAG.digest]: digest },
    }));
    const current = { ...withoutInstances, templates };
    expect(stepsOf(current, 'launch-template')).toMatchObject([
      { action: 'keep', reason: 'is up to date', existing: { id: 'lt-1' } },
    ]);
    expect(launched(current)).toMatchObject({
      input: {
        launch: { mayRepeat: true },
        templateId: { value: 'lt-1' },
        template: { profileArn: { value: 'arn:profile' }, groupId: { value: 'sg-1' } },
      },
    });
    expect(launched(withoutInstances)).toMatchObject({
      input: { launch: { mayRepeat: false }, templateId: { outputOf: 'launch-template' } },
    });
    const role = { kind: 'given', profileArn: 'arn:given', profileName: 'ops' } as const;
    expect(launched(withoutInstances, { role })).toMatchObject({
      input: { template: { profileArn: { value: 'arn:given' } } },
    });
  });

  it('a template that another run created a moment ago is used only if it is for the same cluster', () => {
    const templates = (age: number, cluster = 'demo') =>
      FULL.templates.map((each) => ({
        ...each,
        createdAt: NOW - age,
        tags: { ...each.tags, [TAG.cluster]: cluster },
      }));
    const action = (age: number, cluster?: string): unknown =>
      stepsOf({ ...EMPTY, templates: templates(age, cluster) }, 'launch-template')[0]?.action;
    expect([action(119_999), action(120_000), action(1, 'prod')]).toEqual(['keep', 'replace', 'replace']);
  });

  it('descriptions and a public address are those of the bastion', () => {
    const network = { ...sampleSpec().network, publicIp: true };
    expect(stepsOf(EMPTY, 'instance', { network })[0]?.reason).toMatch(/, with a public address$/);
    expect(stepsOf(EMPTY, 'boundary')).toMatchObject([
      { input: { description: 'fargate-connect: most that bastion default could ever do' } },
    ]);
    expect(stepsOf(EMPTY, 'role')).toMatchObject([
      { input: { description: 'fargate-connect: bastion default in eu-west-1' } },
    ]);
  });
});

describe('instances that are in the way', () => {
  it.each(['stopping', 'stopped'] as const)('one that is %s is terminated', (state) => {
    expect(stepsOf({ ...FULL, instances: [{ ...INSTANCE, state }] }, 'instance')).toMatchObject([
      {
        action: 'delete',
        reason: `is ${state}, and is not started again`,
        existing: { id: 'i-1', market: 'spot', launched: false },
      },
      { action: 'create' },
    ]);
  });
});

describe('security groups', () => {
  const sample = { egress: false, fromPort: 5432, toPort: 5432, tags: {} } as const;
  const own = { ...sample, id: 'sgr-1', groupId: 'sg-db', sourceGroupId: 'sg-1' };
  const asked = { databases: [{ ...ORDERS_DB, admit: true, ingress: [] }] };

  it('a rule that admits the bastion already is kept', () => {
    expect(stepsOf({ ...FULL, databaseRules: [own] }, 'database-rule', asked)).toMatchObject([
      {
        action: 'keep',
        name: 'tcp/5432 in sg-db',
        reason: 'admits the bastion to orders-db',
        existing: { id: 'sgr-1', groupId: 'sg-db' },
        parent: 'orders-db',
      },
    ]);
  });

  it.each([
    ['in another group', { groupId: 'sg-other' }],
    ['from another port', { fromPort: 5431 }],
    ['to another port', { toPort: 5433 }],
    ['for another source', { sourceGroupId: 'sg-other' }],
  ])('a rule %s is not that rule', (_, change) => {
    const databaseRules = [{ ...own, ...change }];
    expect(stepsOf({ ...FULL, databaseRules }, 'database-rule', asked)).toMatchObject([
      {
        action: 'create',
        input: {
          groupId: 'sg-db',
          sourceGroupId: { value: 'sg-1' },
          port: 5432,
          description: 'fargate-connect: bastion default',
        },
      },
    ]);
  });

  it('a group in another VPC is removed with the rules that name it, and with no others, before a launch only', () => {
    const groups = [{ ...GROUP, id: 'sg-9', vpcId: 'vpc-9' }];
    const databaseRules = [
      { ...own, sourceGroupId: 'sg-9' },
      { ...own, id: 'sgr-2', sourceGroupId: 'sg-8' },
    ];
    const inventory = { ...EMPTY, groups, databaseRules };
    const deleted = (of: Inventory): readonly PlanStep[] =>
      planUp(of, sampleSpec(), NOW, ruleAdmitting).steps.filter(({ action }) => action === 'delete');
    expect(deleted(inventory)).toMatchObject([
      { kind: 'database-rule', existing: { id: 'sgr-1', groupId: 'sg-db' }, parent: 'sg-db' },
      { kind: 'security-group', existing: { id: 'sg-9' } },
    ]);
    expect(deleted({ ...inventory, groups: [GROUP, ...groups], instances: [INSTANCE] })).toEqual([]);
  });

  it('inbound rules that another person added are counted', () => {
    const ingress = [{ protocol: 'tcp', fromPort: 22, toPort: 22, cidr: '0.0.0.0/0' }];
    expect(stepsOf({ ...FULL, groups: [{ ...GROUP, ingress }] }, 'security-group')[0]?.reason).toBe(
      'exists; another person has added 1 inbound rules',
    );
  });

  it('a port that is not asked for stays open while an instance runs, and is closed before a launch', () => {
    const redis = { protocol: 'tcp', fromPort: 6379, toPort: 6379, cidr: '10.0.0.0/16' };
    const groups = [{ ...GROUP, egress: [...GROUP.egress, redis] }];
    expect(stepsOf({ ...FULL, groups }, 'egress')[0]?.action).toBe('keep');
    expect(stepsOf({ ...withoutInstances, groups }, 'egress')).toMatchObject([
      { action: 'update', reason: 'close tcp/6379 to 10.0.0.0/16' },
    ]);
  });
});

describe('warnings about a running bastion', () => {
  const warnings = (change: Partial<BastionSpec>, inventory = FULL): readonly string[] =>
    planUp(inventory, sampleSpec(change), NOW, ruleAdmitting).warnings.map(({ message }) =>
      message.replace('bastion default is kept: ', ''),
    );
  const running = (
    tags: Readonly<Record<string, string>>,
    market: 'spot' | 'on-demand' = 'spot',
  ): Inventory => ({
    ...FULL,
    instances: [sampleInstance({ market, tags: { ...INSTANCE.tags, ...tags } })],
  });

  it('a tag that it lacks, or has with another value', () => {
    const givenTags = { team: 'web', stage: 'prod', owner: 'ann' };
    expect(warnings({ givenTags }, running({ stage: 'dev', owner: 'ann' }))).toEqual([
      'it has no tag team, although the tag team=web is asked for',
      'it has the tag stage=dev, although the tag stage=prod is asked for',
    ]);
  });

  it('nothing about a market, type, subnet, end or idle time that it has', () => {
    const asked = { idle: true, types: true, subnets: true };
    expect(warnings({ asked, extends: true })).toEqual([]);
    expect(warnings({ market: 'on-demand' }, running({}, 'on-demand'))).toEqual([]);
    expect(planUp(EMPTY, sampleSpec(), NOW, ruleAdmitting).warnings).toEqual([]);
  });

  it('an earlier end, only if an end was asked for', () => {
    const expiresAt = NOW + 3_600_000;
    expect(warnings({ expiresAt })).toEqual([]);
    expect(warnings({ expiresAt, extends: true })).toHaveLength(1);
  });

  it('an idle time that is never over', () => {
    const asked = { idle: true, types: false, subnets: false };
    expect(warnings({ asked }, running({ [TAG.idle]: '0' }))).toEqual([
      'it does not end without a session, and keeps that idle time',
    ]);
    expect(warnings({ asked }, running({ [TAG.idle]: 'x' }))).toEqual([]);
  });

  it('no IPv4 address, if it is to reach ports or databases', () => {
    const ipv6 = { ...FULL, instances: [sampleInstance({ privateIp: '2600::9' })] };
    const text = 'it has no IPv4 address in subnet-1, and cannot reach a host without IPv6';
    expect(warnings({ databases: [], egressPorts: [6379] }, ipv6)).toEqual([text]);
    expect(warnings({ databases: [ORDERS_DB], egressPorts: [6379] }, ipv6)).toEqual([text]);
    expect(warnings({ databases: [], egressPorts: [] }, ipv6)).toEqual([]);
  });
});
