import { DescribeInstancesCommand, DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';
import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { execa } from 'execa';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { GROUP, SEED_ENDPOINTS, SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { ipv6Seed, SUBNET_OF } from '../../support/ipv6-seed.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { databaseStandIns } from './database-stand-ins.ts';
import { shippedDocument } from '../../support/grants.ts';
import { reportSkip } from '../../support/on-path.ts';

/** Bastions that reach AWS over IPv6, from `up` to `down`, with the user data that they really run. */

const installed = await execa('aws', ['--version'], { reject: false });
if (installed.failed) reportSkip('IPv6 with the official AWS CLI', 'aws is not on PATH');

const sandbox = testSandbox({ seed: ipv6Seed() });
/** The usual IPv4 endpoints, in the VPC that has every kind of route. */
const shadowed = testSandbox({
  seed: {
    ...ipv6Seed(),
    endpoints: SEED_ENDPOINTS.map((endpoint) => ({
      ...endpoint,
      vpcId: VPC.main,
      subnetIds: [SUBNET.mainPrivateA],
      securityGroupIds: [GROUP.loadBalancer],
    })),
  },
});
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
const greetingOf = databaseStandIns(sandbox, ipv6Seed().databases);
const TUNNEL = ['up', '--tunnel-only', '--json'] as const;

const WHERE = { bastion: '*', cluster: 'demo', vpc: '*' };
const OPERATOR = [shippedDocument('operator-ec2', WHERE), shippedDocument('operator-iam', WHERE)];
beforeAll(() =>
  sandboxClients(sandbox().env).iam.send(
    new CreatePolicyCommand({
      PolicyName: 'fargate-connect-bastion-boundary',
      Path: '/fargate-connect/',
      PolicyDocument: JSON.stringify(shippedDocument('bastion-boundary', WHERE)),
    }),
  ),
);
afterEach(() => run('down', '--all', '--yes', '--force'));

async function up(...args: readonly string[]): Promise<string> {
  const outcome = await run(...args, '--yes');
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  const { instanceId, ready } = JSON.parse(outcome.stdout) as { instanceId: string; ready: boolean };
  expect(ready).toBe(!args.includes('--no-wait'));
  return instanceId;
}

const agentConfig = (): Promise<CliOutcome> =>
  run('shell', '--', 'sh', '-c', 'cat "$FC_ROOT/etc/amazon/ssm/amazon-ssm-agent.json"');

describe('up, work, down', () => {
  it('behind NAT64: every host has its usual name, for installations too', async () => {
    const before = sandbox().snapshot();
    await up('up', '--cluster', 'demo', '--subnet', SUBNET_OF.nat64, '--json');
    expect(await agentConfig()).toMatchObject({ status: 1, stdout: '' });
    const script = 'ecs_connect.sh orders-api app echo from-the-task';
    expect((await run('shell', '--', 'sh', '-c', script)).stdout).toContain('from-the-task');
    expect((await run('down', '--yes')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  });

  it('behind NAT64 with endpoints that have private DNS names but no IPv6: connections go to them through the NAT gateway', async () => {
    const { env } = shadowed();
    const before = shadowed().snapshot();
    const made = await cli([...TUNNEL, '--subnet', SUBNET_OF.nat64, '--yes'], { env });
    expect(JSON.parse(made.stdout)).toMatchObject({ ready: true });
    expect((await cli(['down', '--yes'], { env })).status).toBe(0);
    expect(shadowed().snapshot()).toBe(before);
    const refused = await cli([...TUNNEL, '--subnet', SUBNET_OF.egressOnly, '--yes'], { env });
    expect(refused.stderr).toContain('(ssm) answers over IPv4 only: make it dual-stack');
  });

  it.each([
    ['an egress-only gateway', SUBNET_OF.egressOnly, 'egress-only', 'private'],
    ['an internet gateway', SUBNET_OF.internet, 'ipv6-internet-gateway', 'public'],
    ['dual-stack endpoints', SUBNET_OF.endpoints, 'ipv6-endpoints', 'private'],
  ])('through %s: the agent is configured with dual-stack names', async (_, subnet, wayOut, exposure) => {
    const before = sandbox().snapshot();
    const dry = await run(...TUNNEL, '--subnet', subnet, '--dry-run');
    const { network } = JSON.parse(dry.stdout) as { network: Record<string, unknown> };
    expect(network).toMatchObject({ subnets: [subnet], publicIp: false, stack: 'ipv6' });
    expect(network['reason']).toMatch(
      new RegExp(`^${exposure}, over IPv6 through .* AWS's dual-stack names`),
    );
    expect(network['considered']).toContainEqual(expect.objectContaining({ subnet, wayOut }));

    // The user has no more permissions than the shipped documents grant.
    const env = sandbox().createPrincipal({ userName: `operator-${wayOut}`, policies: OPERATOR });
    const made = await cli([...TUNNEL, '--subnet', subnet, '--yes'], { env });
    expect([made.status, made.stderr]).toEqual([0, made.stderr]);
    const { instanceId } = JSON.parse(made.stdout) as { instanceId: string };
    expect((await agentConfig()).stdout).toContain('"https://ssmmessages.eu-west-1.api.aws"');
    const { ec2 } = sandboxClients(sandbox().env);
    const described = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const instance = described.Reservations?.[0]?.Instances?.[0];
    expect(instance).toMatchObject({
      SubnetId: subnet,
      Ipv6Address: expect.stringMatching(/^2600:1f18:/) as unknown,
      MetadataOptions: { HttpTokens: 'required', HttpProtocolIpv6: 'enabled' },
    });
    expect([instance?.PrivateIpAddress, instance?.PublicIpAddress]).toEqual([undefined, undefined]);
    const GroupIds = (instance?.SecurityGroups ?? []).flatMap((group) => group.GroupId ?? []);
    const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds }));
    expect(SecurityGroups).toMatchObject([
      { IpPermissions: [], IpPermissionsEgress: [{ FromPort: 443, ToPort: 443, IpRanges: [] }] },
    ]);
    expect((await run('down', '--yes')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  });

  it('a database with IPv6 is reached, and one without is refused before anything is created', async () => {
    const before = sandbox().snapshot();
    const refused = await run(...TUNNEL, '--subnet', SUBNET_OF.egressOnly, '--db', 'orders-db', '--yes');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('database-ipv4-only');
    expect(refused.stderr).toContain('--network-type DUAL');
    expect(sandbox().snapshot()).toBe(before);
    await up(...TUNNEL, '--subnet', SUBNET_OF.egressOnly, '--allow-db', 'billing-db');
    expect(await greetingOf('billing-db')).toBe('billing-db');
    expect(await greetingOf('orders-db')).toBe('');
    expect((await run('down', '--yes')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  });

  it('a dual-stack subnet without NAT: AWS over IPv6, databases over IPv4', async () => {
    const before = sandbox().snapshot();
    await up(...TUNNEL, '--subnet', SUBNET_OF.dualStack, '--db', 'orders-db');
    expect(await greetingOf('orders-db')).toBe('orders-db');
    expect((await run('down', '--yes')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  });
});

describe('up reports what is missing before anything is created', () => {
  it.each([
    ['no route at all', [...TUNNEL, '--subnet', SUBNET_OF.nowhere], 'no route for ::/0'],
    [
      'routes that allow tunnels only',
      ['up', '--cluster', 'demo', '--subnet', SUBNET_OF.egressOnly, '--json'],
      'fargate-connect up --tunnel-only',
    ],
  ])('%s', async (_, args, text) => {
    const before = sandbox().snapshot();
    const outcome = await run(...args, '--yes');
    expect([outcome.status, outcome.stdout]).toEqual([1, '']);
    expect(outcome.stderr).toContain('no-way-out');
    expect(outcome.stderr).toContain(text);
    expect(outcome.stderr).toContain('DNS64');
    expect(sandbox().snapshot()).toBe(before);
  });

  it('IPv6-only subnets are not used where other subnets have IPv4, and a message says so', async () => {
    const outcome = await run('up', '--cluster', 'demo', '--dry-run', '--vpc', 'vpc-0a1b2c3d4e5f60001');
    expect(outcome.stdout).toContain('subnets without IPv4 are not used');
  });
});

describe.skipIf(installed.failed)('the official AWS CLI', () => {
  async function aws(...args: readonly string[]): Promise<unknown> {
    const env = { ...sandbox().env, AWS_PAGER: '', AWS_CONFIG_FILE: '/dev/null' };
    const { stdout } = await execa('aws', ['ec2', ...args, '--output', 'json'], { env });
    return JSON.parse(stdout) as unknown;
  }

  it('shows the same: subnets, routes, endpoints, the instance', async () => {
    const instanceId = await up(...TUNNEL, '--subnet', SUBNET_OF.nat64, '--no-wait');
    const [subnet] = (await aws(
      'describe-subnets',
      '--subnet-ids',
      SUBNET_OF.nat64,
      '--query',
      'Subnets[].[Ipv6Native,EnableDns64,CidrBlock,Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock]',
    )) as unknown[];
    expect(subnet).toEqual([true, true, null, '2600:1f18:1:1::/64']);
    const query = 'RouteTables[].Routes[].[DestinationIpv6CidrBlock,NatGatewayId,GatewayId]';
    const filter = `Name=association.subnet-id,Values=${SUBNET_OF.nat64}`;
    expect(await aws('describe-route-tables', '--filters', filter, '--query', query)).toEqual([
      [null, null, 'local'],
      ['2600:1f18:1::/56', null, 'local'],
      ['64:ff9b::/96', expect.stringMatching(/^nat-/) as unknown, null],
    ]);
    expect(
      await aws('describe-instances', '--instance-ids', instanceId, '--query', 'Reservations[].Instances[]'),
    ).toMatchObject([
      {
        Ipv6Address: '2600:1f18:1:1::1000',
        PrivateDnsName: `${instanceId}.eu-west-1.compute.internal`,
        NetworkInterfaces: [
          { Ipv6Addresses: [{ Ipv6Address: '2600:1f18:1:1::1000' }], PrivateIpAddresses: [] },
        ],
      },
    ]);
    expect(
      await aws(
        'describe-vpc-endpoints',
        '--query',
        'VpcEndpoints[].[IpAddressType,DnsOptions.DnsRecordIpType]',
      ),
    ).toEqual([
      ['dualstack', 'dualstack'],
      ['dualstack', 'dualstack'],
    ]);
    expect(
      await aws(
        'describe-egress-only-internet-gateways',
        '--query',
        'EgressOnlyInternetGateways[].Attachments[0].State',
      ),
    ).toEqual(['attached']);
  });
});
