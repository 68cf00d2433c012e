import {
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  DeleteLaunchTemplateCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
} from '@aws-sdk/client-iam';
import { afterEach, describe, expect, it } from 'vitest';

import { SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';

/** Several bastions at the same time, beside resources that only look like one, and in subnets with IPv6. */

const seed = defaultSeed();
const IPV6 = { [SUBNET.mainPrivateA]: false, [SUBNET.airgapA]: true } as const;
const sandbox = testSandbox({
  seed: {
    ...seed,
    subnets: seed.subnets.map((subnet) => {
      const only = (IPV6 as Readonly<Record<string, boolean>>)[subnet.id];
      return only === undefined ? subnet : { ...subnet, ipv6: { cidr: '2a05:d018:1:1::/64', only } };
    }),
  },
});
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

interface Row {
  readonly name: string;
  readonly region: string;
  readonly state: string;
  readonly vpc: string | null;
}
async function status(...args: readonly string[]): Promise<readonly Row[]> {
  const outcome = await run('status', '--json', ...args);
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  return (JSON.parse(outcome.stdout) as { readonly bastions: readonly Row[] }).bastions;
}

afterEach(() => run('down', '--all', '--yes', '--force'));

it('two bastions in two VPCs are both listed, and each can be removed without the other', async () => {
  const before = sandbox().snapshot();
  await run('up', '--cluster', 'demo', '--yes');
  const alone = sandbox().snapshot();
  await run('up', '--tunnel-only', '--name', 'other', '--vpc', VPC.default, '--yes', '--no-wait');
  expect((await status()).map(({ name, vpc }) => [name, vpc])).toEqual([
    ['default', VPC.main],
    ['other', VPC.default],
  ]);
  const down = await run('down', '--name', 'other', '--yes');
  expect(down.status).toBe(0);
  expect((await status()).map(({ name }) => name)).toEqual(['default']);
  expect(sandbox().snapshot()).toBe(alone);
  await run('down', '--yes');
  expect(sandbox().snapshot()).toBe(before);
});

it('for a name that no bastion has, the error names the bastion that runs', async () => {
  await run('up', '--tunnel-only', '--name', 'orders', '--vpc', VPC.default, '--yes', '--no-wait');
  const down = await run('down', '--yes');
  expect([down.status, down.stderr]).toEqual([0, expect.stringContaining('other bastions exist: orders')]);
  const shell = await run('shell', '--name', 'ordres', '--', 'id');
  expect([shell.status, shell.stderr]).toEqual([3, expect.stringContaining('did you mean orders?')]);
  const all = await run('down', '--all', '--yes');
  expect([all.status, all.stderr]).toEqual([0, expect.not.stringContaining('other bastions')]);
});

it('down keeps resources that match only by tag or only by name, and says why', async () => {
  const { ec2, iam } = sandboxClients(sandbox().env);
  await run('up', '--cluster', 'demo', '--yes', '--no-wait', '--tunnel-only');
  const rightTag = await ec2.send(
    new CreateSecurityGroupCommand({
      GroupName: 'web',
      Description: 'somebody copied the tags',
      VpcId: VPC.main,
      TagSpecifications: [
        { ResourceType: 'security-group', Tags: [{ Key: 'fargate-connect:bastion', Value: 'default' }] },
      ],
    }),
  );
  const rightName = await ec2.send(
    new CreateSecurityGroupCommand({
      GroupName: 'fargate-connect-default',
      Description: 'somebody copied the name',
      VpcId: VPC.default,
    }),
  );
  const down = await run('down', '--yes', '--json');
  expect(down.status).toBe(0);
  expect(JSON.parse(down.stdout)).toMatchObject({
    left: 0,
    kept: [
      { kind: 'security group', id: rightName.GroupId },
      { kind: 'security group', id: rightTag.GroupId },
    ],
  });
  expect(down.stderr).toContain('has the name fargate-connect-default, but not the tag of this bastion');
  expect(down.stderr).toContain('has the tag of this bastion, but its name is not fargate-connect-default');

  const RoleName = 'fargate-connect-default-eu-west-1';
  const AssumeRolePolicyDocument = JSON.stringify(shippedDocument('bastion-trust', {}));
  expect(await status()).toEqual([]);
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const again = await run('down', '--yes');
  expect([again.status, again.stderr]).toEqual([
    0,
    expect.stringContaining(
      `kept role ${RoleName}: it has the name that this bastion would use, but not its tag and path`,
    ),
  ]);
  expect(await status()).toEqual([]);
  const GroupIds = [rightTag.GroupId ?? '', rightName.GroupId ?? ''];
  const found = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds }));
  expect(found.SecurityGroups).toHaveLength(2);
  await iam.send(new DeleteRoleCommand({ RoleName }));
  for (const GroupId of GroupIds) await ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
});

/** A command of another user that runs on the bastion until that session is terminated. */
async function connected() {
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const env = sandbox().createPrincipal({ userName: 'ada', policies: [everything] });
  const signals = new FakeSignals();
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const args = ['shell', '--', 'sh', '-c', 'echo ready; sleep 60'];
  const session = cli(args, { env, signals, onStdout: () => isReady() });
  await ready;
  return { env, session, signals };
}

it('status shows the time left: a session extends the idle time, never the end of the lease', async () => {
  await run('up', '--tunnel-only', '--vpc', VPC.main, '--yes');
  const clock = { ...systemClock, now: () => Date.now() + 12 * 60_000 };
  const left = async (): Promise<unknown> => {
    const shown = await cli(['status', '--json'], { env: sandbox().env, clock });
    return JSON.parse(shown.stdout) as unknown;
  };
  const row = (sessions: number, idleLeftMinutes: number, expiresAt: string): object => ({
    bastions: [{ sessions, idleMinutes: 30, idleLeftMinutes, expiresAt }],
  });
  const before = (await left()) as { readonly bastions: readonly [{ readonly expiresAt: string }] };
  const [{ expiresAt }] = before.bastions;
  expect(before).toMatchObject(row(0, 18, expiresAt));
  const { session, signals } = await connected();
  expect(await left()).toMatchObject(row(1, 30, expiresAt));
  signals.raise('SIGTERM');
  await session;
  expect(await left()).toMatchObject(row(0, 18, expiresAt));
});

it('down refuses while another user is connected, names that user, and can be forced', async () => {
  await run('up', '--tunnel-only', '--vpc', VPC.main, '--yes');
  const { env, session } = await connected();
  const refused = await run('down', '--yes');
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining('bastion default is in use by arn:aws:iam::111122223333:user/ada'),
  ]);
  expect((await cli(['down'], { env })).stderr).not.toContain('in use by');
  expect((await run('down', '--yes', '--force')).status).toBe(0);
  expect((await session).status).toBe(255);
});

it('resources that another caller still uses are listed for each bastion, with the command that deletes them, and counted', async () => {
  const before = sandbox().snapshot();
  const { ec2 } = sandboxClients(sandbox().env);
  for (const name of ['one', 'two'])
    await run('up', '--tunnel-only', '--vpc', VPC.main, '--yes', '--no-wait', '--name', name);
  const Filters = [{ Name: 'tag-key', Values: ['fargate-connect:bastion'] }];
  const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }));
  const groupIds = SecurityGroups.map((group) => group.GroupId ?? '');
  const { Instances = [] } = await ec2.send(
    new RunInstancesCommand({
      ImageId: 'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
      InstanceType: 't4g.micro',
      SubnetId: SUBNET.mainPrivateA,
      SecurityGroupIds: groupIds,
      MinCount: 1,
      MaxCount: 1,
    }),
  );
  const { env } = sandbox();
  const down = await cli(['down', '--all', '--yes', '--json'], { env, clock: hurried(300) });
  expect([down.status, JSON.parse(down.stdout)]).toMatchObject([5, { bastions: [], left: 2 }]);
  for (const id of groupIds)
    expect(down.stderr).toContain(`aws ec2 delete-security-group --group-id ${id} --region eu-west-1`);
  await ec2.send(
    new TerminateInstancesCommand({ InstanceIds: Instances.map((instance) => instance.InstanceId ?? '') }),
  );
  expect((await run('down', '--all', '--yes')).status).toBe(0);
  expect(sandbox().snapshot()).toBe(before);
});

describe('a name that is already used is noticed before anything is created:', () => {
  type Clients = ReturnType<typeof sandboxClients>;
  const common = 'fargate-connect-default';
  const global = `${common}-eu-west-1`;
  const trust = JSON.stringify(shippedDocument('bastion-trust', {}));
  const cases: readonly (readonly [string, (at: Clients) => Promise<unknown>])[] = [
    [
      'security group',
      ({ ec2 }) =>
        ec2.send(
          new CreateSecurityGroupCommand({ GroupName: common, Description: 'theirs', VpcId: VPC.main }),
        ),
    ],
    [
      'launch template',
      ({ ec2 }) =>
        ec2.send(
          new CreateLaunchTemplateCommand({
            LaunchTemplateName: common,
            LaunchTemplateData: { InstanceType: 't4g.micro' },
          }),
        ),
    ],
    [
      'role',
      ({ iam }) => iam.send(new CreateRoleCommand({ RoleName: global, AssumeRolePolicyDocument: trust })),
    ],
    [
      'instance profile',
      ({ iam }) => iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: global })),
    ],
  ];
  const elsewhere = testSandbox({ seed });

  it.each(cases)('%s', async (kind, make) => {
    const { env } = elsewhere();
    const at = sandboxClients(env);
    await make(at);
    const before = elsewhere().snapshot();
    for (const mode of ['--dry-run', '--yes']) {
      const up = await cli(['up', '--cluster', 'demo', mode], { env });
      expect([mode, up.status, up.stderr]).toEqual([mode, 1, expect.stringContaining(`${kind} `)]);
      expect(up.stderr).toContain('a name that bastion default needs is taken');
      expect(up.stderr).toContain('fargate-connect up --name OTHER');
    }
    expect(elsewhere().snapshot()).toBe(before);
    const other = await cli(['up', '--cluster', 'demo', '--name', 'other', '--yes', '--no-wait'], { env });
    expect(other.status).toBe(0);
    expect((await cli(['down', '--name', 'other', '--yes'], { env })).status).toBe(0);
    expect(elsewhere().snapshot()).toBe(before);
    await Promise.all([
      at.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateName: common })).catch(() => undefined),
      at.iam.send(new DeleteRoleCommand({ RoleName: global })).catch(() => undefined),
      at.iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: global })).catch(() => undefined),
      groupCalled(at, common).then((GroupId) =>
        GroupId === undefined ? undefined : at.ec2.send(new DeleteSecurityGroupCommand({ GroupId })),
      ),
    ]);
  });

  async function groupCalled({ ec2 }: Clients, name: string): Promise<string | undefined> {
    const Filters = [{ Name: 'group-name', Values: [name] }];
    return (await ec2.send(new DescribeSecurityGroupsCommand({ Filters }))).SecurityGroups?.[0]?.GroupId;
  }
});

it('status --all-regions finds resources that a crash left in another region, and down removes them there', async () => {
  const before = sandbox().snapshot();
  const { ec2 } = sandboxClients(sandbox().env, { region: 'us-east-1' });
  const tags = { 'fargate-connect:bastion': 'orphan', Name: 'fargate-connect-orphan' };
  await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: 'fargate-connect-orphan',
      LaunchTemplateData: { InstanceType: 't4g.micro' },
      TagSpecifications: [
        {
          ResourceType: 'launch-template',
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        },
      ],
    }),
  );
  expect(await status()).toEqual([]);
  expect(await status('--all-regions')).toMatchObject([
    { name: 'orphan', region: 'us-east-1', state: 'leftovers' },
  ]);
  const down = await run('down', '--name', 'orphan', '--region', 'us-east-1', '--yes');
  expect(down.status).toBe(0);
  expect(await status('--all-regions')).toEqual([]);
  expect(sandbox().snapshot()).toBe(before);
});

describe('IPv6', () => {
  it('a dual-stack subnet is used like others and reached over IPv4', async () => {
    const args = ['up', '--cluster', 'demo', '--subnet', SUBNET.mainPrivateA];
    const dry = await run(...args, '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toMatchObject({
      network: { subnets: [SUBNET.mainPrivateA], publicIp: false, considered: expect.any(Array) as unknown },
    });
    const before = sandbox().snapshot();
    const up = await run(...args, '--yes', '--json');
    expect(JSON.parse(up.stdout)).toMatchObject({ ready: true, subnet: SUBNET.mainPrivateA });
    expect((await run('down', '--yes')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  });

  it('an IPv6-only subnet without a route to AWS is refused before anything is created, with the reason', async () => {
    const before = sandbox().snapshot();
    const dry = await run('up', '--tunnel-only', '--vpc', VPC.airgap, '--dry-run');
    expect(dry.status).toBe(1);
    expect(dry.stderr).toContain('no subnet of');
    expect(dry.stderr).toContain(
      'IPv6 only: no route for ::/0, no dual-stack endpoint for ssm, ssmmessages, no NAT64: DNS64 is off',
    );
    expect(sandbox().snapshot()).toBe(before);
  });
});
