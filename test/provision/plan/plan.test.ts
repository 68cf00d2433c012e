import { describe, expect, it } from 'vitest';

import type { Foreign, Inventory } from '../../../src/provision/bastion/inventory.ts';
import { TAG } from '../../../src/provision/bastion/names.ts';
import { describePlan } from '../../../src/cli/render/plan-text.ts';
import { planDown } from '../../../src/provision/plan/plan-down.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import type { GroupRule } from '../../../src/provision/ports/network.ts';
import type { BastionSpec } from '../../../src/provision/plan/spec.ts';
import {
  EMPTY as empty,
  FULL as full,
  GROUP as group,
  INSTANCE as instance,
  NOW,
  ORDERS_DB,
  sampleInstance,
  sampleSpec,
} from '../sample-spec.ts';

const tags = sampleSpec().tags;

const foreign = (kind: Foreign['kind'], id: string, more: Partial<Foreign> = {}): Foreign => ({
  kind,
  id,
  why: 'is not ours',
  holdsName: true,
  ...more,
});

const withDatabase = {
  databases: [
    { id: 'orders-db', host: 'orders-db.internal', port: 5432, groupId: 'sg-db', admit: true, ingress: [] },
  ],
};

const table = (inventory: Inventory, spec: Partial<BastionSpec> = {}): string =>
  `\n${describePlan(planUp(inventory, sampleSpec(spec), NOW, ruleAdmitting)).join('\n')}\n`;

describe('the plan of up', () => {
  it('for an empty account', () => {
    expect(table(empty)).toMatchInlineSnapshot(`
      "
      + create   boundary          fargate-connect-default-eu-west-1-boundary  limits what the role can ever be allowed to do
      + create   role              fargate-connect-default-eu-west-1           only EC2 can assume it
      + create   role-policy       fargate-connect-default-eu-west-1           allows the channels of the SSM agent, and ECS Exec in cluster demo
      + create   instance-profile  fargate-connect-default-eu-west-1           gives the instance its role
      + create   profile-role      fargate-connect-default-eu-west-1           puts the role into the profile
      + create   security-group    fargate-connect-default                     in vpc-1, without inbound rules
      + create   egress            fargate-connect-default                     allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
      = keep     database-rule     tcp/5432 in sg-db                           orders-db admits 10.0.0.0/16
      + create   launch-template   fargate-connect-default                     IMDSv2 only, encrypted root volume, no key pair, terminates on shutdown
      + create   instance          fargate-connect-default                     spot, one of t4g.micro, t3.micro in subnet-1
      "
    `);
  });
  it('for an account where everything exists and runs', () => {
    expect(table(full)).toMatchInlineSnapshot(`
      "
      = keep     boundary          fargate-connect-default-eu-west-1-boundary  exists
      = keep     role              fargate-connect-default-eu-west-1           exists
      = keep     role-policy       fargate-connect-default-eu-west-1           is up to date
      = keep     instance-profile  fargate-connect-default-eu-west-1           exists
      = keep     profile-role      fargate-connect-default-eu-west-1           holds the role
      = keep     security-group    fargate-connect-default                     exists
      = keep     egress            fargate-connect-default                     allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
      = keep     database-rule     tcp/5432 in sg-db                           orders-db admits 10.0.0.0/16
      = keep     launch-template   fargate-connect-default                     in use
      = keep     instance          i-1                                         t4g.micro, running
      = keep     lease             i-1                                         until 2026-11-21T18:00:00.000Z
      "
    `);
  });
  it('for a tunnel only, without boundary, on-demand', () => {
    const spec = sampleSpec();
    const role = spec.role.kind === 'own' ? { ...spec.role, boundary: { kind: 'none' } as const } : spec.role;
    expect(table(empty, { cluster: undefined, market: 'on-demand', role, databases: [] }))
      .toMatchInlineSnapshot(`
        "
        + create   role              fargate-connect-default-eu-west-1  without a permissions boundary, as asked
        + create   role-policy       fargate-connect-default-eu-west-1  allows the channels of the SSM agent only
        + create   instance-profile  fargate-connect-default-eu-west-1  gives the instance its role
        + create   profile-role      fargate-connect-default-eu-west-1  puts the role into the profile
        + create   security-group    fargate-connect-default            in vpc-1, without inbound rules
        + create   egress            fargate-connect-default            allows only tcp/443 to 0.0.0.0/0
        + create   launch-template   fargate-connect-default            IMDSv2 only, encrypted root volume, no key pair, terminates on shutdown
        + create   instance          fargate-connect-default            on-demand, one of t4g.micro, t3.micro in subnet-1
        "
      `);
  });
  it('with a role that an administrator created', () => {
    expect(table(empty, { role: { kind: 'given', profileArn: 'arn:p', profileName: 'ops-bastion' } }))
      .toMatchInlineSnapshot(`
        "
        = keep     instance-profile  ops-bastion              created by an administrator
        + create   security-group    fargate-connect-default  in vpc-1, without inbound rules
        + create   egress            fargate-connect-default  allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
        = keep     database-rule     tcp/5432 in sg-db        orders-db admits 10.0.0.0/16
        + create   launch-template   fargate-connect-default  IMDSv2 only, encrypted root volume, no key pair, terminates on shutdown
        + create   instance          fargate-connect-default  spot, one of t4g.micro, t3.micro in subnet-1
        "
      `);
  });
  it('for a bastion that terminated itself', () => {
    expect(table({ ...full, instances: [] })).toMatchInlineSnapshot(`
      "
      = keep     boundary          fargate-connect-default-eu-west-1-boundary  exists
      = keep     role              fargate-connect-default-eu-west-1           exists
      = keep     role-policy       fargate-connect-default-eu-west-1           is up to date
      = keep     instance-profile  fargate-connect-default-eu-west-1           exists
      = keep     profile-role      fargate-connect-default-eu-west-1           holds the role
      = keep     security-group    fargate-connect-default                     exists
      = keep     egress            fargate-connect-default                     allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
      = keep     database-rule     tcp/5432 in sg-db                           orders-db admits 10.0.0.0/16
      ± replace  launch-template   fargate-connect-default                     an earlier run created it with other settings
      + create   instance          fargate-connect-default                     spot, one of t4g.micro, t3.micro in subnet-1
      "
    `);
  });
  it('for a launch template that another up created a moment ago', () => {
    const templates = full.templates.map((template) => ({ ...template, createdAt: NOW - 5_000 }));
    expect(table({ ...empty, templates })).toMatchInlineSnapshot(`
      "
      + create   boundary          fargate-connect-default-eu-west-1-boundary  limits what the role can ever be allowed to do
      + create   role              fargate-connect-default-eu-west-1           only EC2 can assume it
      + create   role-policy       fargate-connect-default-eu-west-1           allows the channels of the SSM agent, and ECS Exec in cluster demo
      + create   instance-profile  fargate-connect-default-eu-west-1           gives the instance its role
      + create   profile-role      fargate-connect-default-eu-west-1           puts the role into the profile
      + create   security-group    fargate-connect-default                     in vpc-1, without inbound rules
      + create   egress            fargate-connect-default                     allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
      = keep     database-rule     tcp/5432 in sg-db                           orders-db admits 10.0.0.0/16
      = keep     launch-template   fargate-connect-default                     another \`up\` created it a moment ago, and this one uses it too
      + create   instance          fargate-connect-default                     spot, one of t4g.micro, t3.micro in subnet-1
      "
    `);
  });
  it('for a launch template whose security group no longer exists, even if it is new', () => {
    const templates = full.templates.map((template) => ({
      ...template,
      createdAt: NOW - 5_000,
      tags: { ...template.tags, [TAG.group]: 'sg-gone' },
    }));
    for (const inventory of [
      { ...empty, templates },
      { ...full, instances: [], templates },
    ])
      expect(table(inventory)).toMatch(
        /± replace +launch-template .* names security group sg-gone, which no longer exists/,
      );
    const named = templates.map((each) => ({ ...each, tags: { ...each.tags, [TAG.group]: group.id } }));
    expect(table({ ...full, instances: [], templates: named })).toMatch(
      /= keep +launch-template .* this one uses it too/,
    );
  });
  it('for a stopped instance, a changed policy, and a security group that allows all outbound traffic', () => {
    const everything = { protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '0.0.0.0/0' };
    expect(
      table({
        ...full,
        role: full.role === undefined ? undefined : { ...full.role, policy: '{}' },
        groups: [{ ...group, egress: [everything] }],
        instances: [{ ...instance, state: 'stopped' }],
      }),
    ).toMatchInlineSnapshot(`
      "
      = keep     boundary          fargate-connect-default-eu-west-1-boundary  exists
      = keep     role              fargate-connect-default-eu-west-1           exists
      ~ update   role-policy       fargate-connect-default-eu-west-1           differs from the wanted one, which allows the channels of the SSM agent, and ECS Exec in cluster demo
      = keep     instance-profile  fargate-connect-default-eu-west-1           exists
      = keep     profile-role      fargate-connect-default-eu-west-1           holds the role
      - delete   instance          i-1                                         is stopped, and is not started again
      = keep     security-group    fargate-connect-default                     exists
      ~ update   egress            fargate-connect-default                     open tcp/443 to 0.0.0.0/0, open tcp/5432 to sg-db, close everything to 0.0.0.0/0
      = keep     database-rule     tcp/5432 in sg-db                           orders-db admits 10.0.0.0/16
      ± replace  launch-template   fargate-connect-default                     an earlier run created it with other settings
      + create   instance          fargate-connect-default                     spot, one of t4g.micro, t3.micro in subnet-1
      "
    `);
  });
  it('for two instances of one bastion: the older one is kept', () => {
    const second = { ...instance, id: 'i-0', launchedAt: NOW };
    expect(table({ ...full, instances: [second, instance] })).toMatchInlineSnapshot(`
      "
      = keep     boundary          fargate-connect-default-eu-west-1-boundary  exists
      = keep     role              fargate-connect-default-eu-west-1           exists
      = keep     role-policy       fargate-connect-default-eu-west-1           is up to date
      = keep     instance-profile  fargate-connect-default-eu-west-1           exists
      = keep     profile-role      fargate-connect-default-eu-west-1           holds the role
      - delete   instance          i-0                                         is a second instance of this bastion
      = keep     security-group    fargate-connect-default                     exists
      = keep     egress            fargate-connect-default                     allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
      = keep     database-rule     tcp/5432 in sg-db                           orders-db admits 10.0.0.0/16
      = keep     launch-template   fargate-connect-default                     in use
      = keep     instance          i-1                                         t4g.micro, running
      = keep     lease             i-1                                         until 2026-11-21T18:00:00.000Z
      "
    `);
  });
  it('for a security group that an earlier run created in another VPC, with a database rule that admits it', () => {
    const rule = {
      id: 'sgr-1',
      groupId: 'sg-db',
      egress: false,
      fromPort: 5432,
      toPort: 5432,
      sourceGroupId: 'sg-9',
      tags,
    };
    expect(
      table(
        { ...empty, groups: [{ ...group, id: 'sg-9', vpcId: 'vpc-9' }], databaseRules: [rule] },
        withDatabase,
      ),
    ).toMatchInlineSnapshot(`
      "
      + create   boundary          fargate-connect-default-eu-west-1-boundary  limits what the role can ever be allowed to do
      + create   role              fargate-connect-default-eu-west-1           only EC2 can assume it
      + create   role-policy       fargate-connect-default-eu-west-1           allows the channels of the SSM agent, and ECS Exec in cluster demo
      + create   instance-profile  fargate-connect-default-eu-west-1           gives the instance its role
      + create   profile-role      fargate-connect-default-eu-west-1           puts the role into the profile
      - delete   database-rule     sgr-1                                       admits the group of another VPC
      - delete   security-group    fargate-connect-default                     belongs to vpc-9
      + create   security-group    fargate-connect-default                     in vpc-1, without inbound rules
      + create   egress            fargate-connect-default                     allows only tcp/443 to 0.0.0.0/0, tcp/5432 to sg-db
      + create   database-rule     tcp/5432 in sg-db                           admits the bastion to orders-db, as asked
      + create   launch-template   fargate-connect-default                     IMDSv2 only, encrypted root volume, no key pair, terminates on shutdown
      + create   instance          fargate-connect-default                     spot, one of t4g.micro, t3.micro in subnet-1
      "
    `);
  });
  it('creates no role for a bastion whose role was given', () => {
    const given = sampleInstance({ tags: { ...tags, [TAG.role]: 'given' } });
    const lines = table({ ...empty, groups: [group], instances: [given] });
    expect(lines).toMatch(/= keep +instance-profile +that of i-1 +created by an administrator/);
    expect(lines).not.toContain('+ create');
  });

  it('never shortens the lease of a bastion', () => {
    const sooner = { extends: true, expiresAt: NOW + 3_600_000 };
    expect(table(full, sooner)).toContain(
      '= keep     lease             i-1                                         until 2026-11-21T18:00:00.000Z',
    );
    const { lease, warnings } = planUp(full, sampleSpec(sooner), NOW, ruleAdmitting);
    expect(lease).toEqual({ expiresAt: NOW + 8 * 3_600_000, idleMinutes: 30 });
    expect(warnings).toEqual([
      {
        code: 'bastion-kept',
        message: expect.stringContaining(
          'it ends at 2026-11-21T18:00:00.000Z, later than asked for',
        ) as string,
        details: { name: 'default' },
      },
    ]);
  });

  it('extends the lease of a running bastion and opens a database', () => {
    expect(
      table(full, {
        extends: true,
        expiresAt: NOW + 10 * 3_600_000,
        databases: [
          { ...ORDERS_DB, ingress: [] },
          {
            id: 'billing-db',
            host: 'billing-db.internal',
            port: 3306,
            groupId: 'sg-db2',
            admit: true,
            ingress: [],
          },
        ],
      }),
    ).toMatchInlineSnapshot(`
      "
      = keep     boundary          fargate-connect-default-eu-west-1-boundary  exists
      = keep     role              fargate-connect-default-eu-west-1           exists
      = keep     role-policy       fargate-connect-default-eu-west-1           is up to date
      = keep     instance-profile  fargate-connect-default-eu-west-1           exists
      = keep     profile-role      fargate-connect-default-eu-west-1           holds the role
      = keep     security-group    fargate-connect-default                     exists
      ~ update   egress            fargate-connect-default                     open tcp/3306 to sg-db2
      + create   database-rule     tcp/3306 in sg-db2                          admits the bastion to billing-db, as asked
      = keep     launch-template   fargate-connect-default                     in use
      = keep     instance          i-1                                         t4g.micro, running
      ~ update   lease             i-1                                         from 2026-11-21T18:00:00.000Z to 2026-11-21T20:00:00.000Z
      "
    `);
  });

  it.each([
    [
      'a bastion that runs in another VPC',
      { ...full, instances: [{ ...instance, vpcId: 'vpc-9' }] },
      {},
      'bastion-elsewhere',
    ],
    [
      'a client security group that the running bastion does not have',
      full,
      { clientGroups: [{ id: 'sg-clients', vpcId: 'vpc-1', egress: [] }] },
      'bastion-differs',
    ],
    [
      'other IAM names than those in the tag',
      { ...full, iam: { path: '/team/', prefix: 't-' } },
      {},
      'bastion-differs',
    ],
    ['tunnels only, if the bastion runs for a cluster', full, { cluster: undefined }, 'bastion-differs'],
    ['another cluster', full, { cluster: 'prod' }, 'bastion-differs'],
    [
      'a launch template of another owner',
      { ...empty, foreign: [foreign('launch template', 'lt-9')] },
      {},
      'name-taken',
    ],
    [
      'a security group of another owner in the same VPC',
      { ...empty, foreign: [foreign('security group', 'sg-9', { vpcId: 'vpc-1' })] },
      {},
      'name-taken',
    ],
    ['a role of another owner', { ...empty, foreign: [foreign('role', 'r')] }, {}, 'name-taken'],
    [
      'an instance profile of another owner',
      { ...empty, foreign: [foreign('instance profile', 'p')] },
      {},
      'name-taken',
    ],
    ['a boundary of another owner', { ...empty, foreign: [foreign('policy', 'b')] }, {}, 'name-taken'],
  ] as const)('refuses %s', (_what, inventory, change, code) => {
    expect(() => planUp(inventory, sampleSpec(change), NOW, ruleAdmitting)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });
});

const FROM = { protocol: 'tcp', fromPort: 5432, toPort: 5432 } as const;

describe('a database that admits the bastion already', () => {
  it.each<[string, GroupRule, string]>([
    ['that admits a range', { ...FROM, cidr: '10.0.0.0/16' }, '10.0.0.0/16'],
    ['that admits a group of the bastion', { ...FROM, groupId: 'sg-7' }, 'sg-7, which the bastion has'],
    ['that admits its own group', { ...FROM, groupId: full.groups[0]?.id ?? '' }, "the bastion's own group"],
    [
      'that admits a prefix list',
      { ...FROM, prefixListId: 'pl-1' },
      'prefix list pl-1, whose entries were not read',
    ],
  ])('%s gets no rule, and the plan says why', (_, rule, by) => {
    const spec = sampleSpec({ databases: [{ ...ORDERS_DB, ingress: [] }] });
    const { steps } = planUp({ ...full, databaseRules: [] }, spec, NOW, () => rule);
    expect(steps.filter(({ kind }) => kind === 'database-rule')).toMatchObject([
      { action: 'keep', reason: `orders-db admits ${by}` },
    ]);
  });
});

describe('settings that cannot be applied to a running bastion', () => {
  const warnings = (change: Partial<BastionSpec>): readonly string[] =>
    planUp(full, sampleSpec(change), NOW, ruleAdmitting).warnings.map(({ message }) => message);
  const asked = { idle: true, types: true, subnets: true };
  const elsewhere = { ...sampleSpec().network, subnets: [] };
  it.each([
    ['on-demand', { market: 'on-demand' }, 'it runs as spot, although on-demand is asked for'],
    [
      'another type',
      { asked, types: ['t3.micro'] },
      'its type is t4g.micro, which is not one of those asked for',
    ],
    [
      'another subnet',
      { asked, network: elsewhere },
      'it runs in subnet-1, which is not one of those asked for',
    ],
    ['another idle time', { asked, idleMinutes: 60 }, 'it ends after 30 minutes without a session'],
  ] as const)('%s is reported', (_what, change, text) => {
    expect(warnings(change)).toEqual([expect.stringContaining(`bastion default is kept: ${text}`)]);
  });
  it('a bastion without IPv4 cannot reach every database', () => {
    const inventory = { ...full, instances: [sampleInstance({ privateIp: '2600:1f18:1:1::9' })] };
    const said = (change: Partial<BastionSpec>): readonly string[] =>
      planUp(inventory, sampleSpec(change), NOW, ruleAdmitting).warnings.map(({ message }) => message);
    expect(said({})).toEqual([
      expect.stringContaining('it has no IPv4 address in subnet-1, and cannot reach'),
    ]);
    expect(said({ databases: [] })).toEqual([]);
  });
  it('settings that were not given, or apply already, are not mentioned', () => {
    expect(warnings({ types: ['t3.micro'], network: elsewhere, idleMinutes: 60 })).toEqual([]);
    expect(warnings({ asked })).toEqual([]);
  });
});

describe('resources of others that do not prevent the plan', () => {
  const given = { kind: 'given', profileArn: 'arn:p', profileName: 'ops-bastion' } as const;
  it.each([
    ['a group of that name in another VPC', empty, foreign('security group', 'sg-9', { vpcId: 'vpc-9' }), {}],
    ['a group that only has our tag', empty, foreign('security group', 'sg-9', { holdsName: false }), {}],
    [
      'IAM names in a tag, if a role is given',
      { ...empty, iam: { path: '/team/', prefix: '' } },
      foreign('role', 'r'),
      { role: given },
    ],
    ['a role, if another role is given', empty, foreign('role', 'r'), { role: given }],
    ['a launch template, if nothing is launched', full, foreign('launch template', 'lt-9'), {}],
  ] as const)('%s', (_what, inventory, item, change) => {
    expect(() =>
      planUp({ ...inventory, foreign: [item] }, sampleSpec(change), NOW, ruleAdmitting),
    ).not.toThrow();
  });
});

describe('the plan of down', () => {
  it('deletes in the reverse order of creation', () => {
    const rule = {
      id: 'sgr-1',
      groupId: 'sg-db',
      egress: false,
      fromPort: 5432,
      toPort: 5432,
      sourceGroupId: 'sg-1',
      tags,
    };
    expect(`\n${describePlan(planDown({ ...full, databaseRules: [rule] })).join('\n')}\n`)
      .toMatchInlineSnapshot(`
        "
        - delete   database-rule     tcp/5432 in sg-db                           opened by up
        - delete   instance          i-1                                         t4g.micro, running
        - delete   fleet             fleet-1                                     created by up
        - delete   launch-template   fargate-connect-default                     created by up
        - delete   security-group    fargate-connect-default                     created by up
        - delete   profile-role      fargate-connect-default-eu-west-1           created by up
        - delete   instance-profile  fargate-connect-default-eu-west-1           created by up
        - delete   role-policy       fargate-connect-default-eu-west-1           created by up
        - delete   role              fargate-connect-default-eu-west-1           created by up
        - delete   boundary          fargate-connect-default-eu-west-1-boundary  created by up
        "
      `);
  });
  it('is empty for an empty account', () => {
    expect(planDown(empty).steps).toEqual([]);
  });
});
