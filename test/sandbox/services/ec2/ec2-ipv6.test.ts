import {
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  GetConsoleOutputCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { beforeAll, describe, expect, test } from 'vitest';
import { GROUP, SEED_ENDPOINTS } from '../../../../src/sandbox/world/seed-network.ts';
import { ARM_IMAGE, createRole, SUBNET_A, VPC } from '../../../support/bastion-launch.ts';
import { ipv6Seed, SUBNET_OF } from '../../../support/ipv6-seed.ts';
import { eventually } from '../../../support/eventually.ts';
import { errorName, sandboxClients } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';

const timing = { profilePropagationMs: 0 };
const sandbox = testSandbox({ seed: ipv6Seed(), timing });
let clients: ReturnType<typeof sandboxClients>;
let profile = '';
let groupId = '';

async function prepare(env: Readonly<Record<string, string>>): Promise<void> {
  clients = sandboxClients(env);
  profile = await createRole(clients, 'agent');
  const created = await clients.ec2.send(
    new CreateSecurityGroupCommand({ GroupName: 'open', Description: 'as new groups are', VpcId: VPC }),
  );
  groupId = created.GroupId ?? '';
}
beforeAll(() => prepare(sandbox().env));

const runInstances = (SubnetId: string, more: Partial<RunInstancesCommand['input']> = {}) =>
  clients.ec2.send(
    new RunInstancesCommand({
      ImageId: ARM_IMAGE,
      InstanceType: 't4g.micro',
      MinCount: 1,
      MaxCount: 1,
      SubnetId,
      IamInstanceProfile: { Arn: profile },
      ...more,
    }),
  );

/** Returns the console output after the user data has written its last line. */
async function consoleOf(SubnetId: string, script: string): Promise<string> {
  const text = `#!/bin/bash\n{\n${script}\necho the-end\n} >"$FC_ROOT/dev/console" 2>&1\n`;
  const group = SubnetId === SUBNET_OF.endpoints ? {} : { SecurityGroupIds: [groupId] };
  const { Instances } = await runInstances(SubnetId, {
    ...group,
    UserData: Buffer.from(text).toString('base64'),
  });
  const InstanceId = Instances?.[0]?.InstanceId;
  return eventually(async () => {
    const { Output } = await clients.ec2.send(new GetConsoleOutputCommand({ InstanceId }));
    const output = Buffer.from(Output ?? '', 'base64').toString();
    return output.includes('the-end') ? output : undefined;
  });
}

const NAMES = { dualStack: 'eu-west-1.api.aws', elsewhere: 'us-east-1.api.aws' } as const;
const CONNECTED = 'Set up control channel successfully';
const CUT_OFF = 'RequestError: send request failed';

describe('an agent without IPv4', () => {
  test.each([
    ['its usual names', 'nat64', undefined, CONNECTED],
    ['its usual names', 'egressOnly', undefined, CUT_OFF],
    ['its usual names', 'internet', undefined, CUT_OFF],
    ['its usual names', 'nowhere', undefined, CUT_OFF],
    ['dual-stack names', 'nat64', 'dualStack', CUT_OFF],
    ['dual-stack names', 'egressOnly', 'dualStack', CONNECTED],
    ['dual-stack names', 'internet', 'dualStack', CONNECTED],
    ['dual-stack names', 'nowhere', 'dualStack', CUT_OFF],
    ["another region's names", 'egressOnly', 'elsewhere', CUT_OFF],
  ] as const)('with %s, in the subnet %s', async (_, where, names, expected) => {
    const config =
      names === undefined
        ? ''
        : `mkdir -p "$FC_ROOT/etc/amazon/ssm"
           echo '{"Ssm":{"Endpoint":"https://ssm.${NAMES[names]}"},"Mgs":{"Endpoint":"ssmmessages.${NAMES[names]}"}}' \
             >"$FC_ROOT/etc/amazon/ssm/amazon-ssm-agent.json"`;
    // The start by the image itself is not tested here.
    const output = await consoleOf(
      SUBNET_OF[where],
      `log="$FC_ROOT/var/log/amazon/ssm/amazon-ssm-agent.log"
       ${config}
       : >"$log"
       systemctl restart amazon-ssm-agent
       cat "$log"`,
    );
    expect(output).toContain(expected);
    expect(output).not.toContain(expected === CONNECTED ? CUT_OFF : CONNECTED);
  });

  test('reads its configuration only when it starts', async () => {
    const output = await consoleOf(
      SUBNET_OF.egressOnly,
      `mkdir -p "$FC_ROOT/etc/amazon/ssm"
       echo '{"Ssm":{"Endpoint":"https://ssm.${NAMES.dualStack}"},"Mgs":{"Endpoint":"https://ssmmessages.${NAMES.dualStack}"}}' \
         >"$FC_ROOT/etc/amazon/ssm/amazon-ssm-agent.json"
       systemctl enable --now amazon-ssm-agent
       cat "$FC_ROOT/var/log/amazon/ssm/amazon-ssm-agent.log"`,
    );
    expect(output).not.toContain(CONNECTED);
  });
});

test('instance metadata is available over IPv6 if the launch requests it', async () => {
  const token = `curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' 'http://[fd00:ec2::254]/latest/api/token'`;
  expect(await consoleOf(SUBNET_OF.nat64, `${token} || echo "curl: $?"`)).toContain('curl: 28');
});

describe('launches', () => {
  test('have only an IPv6 address in an IPv6-only subnet', async () => {
    const { Instances } = await runInstances(SUBNET_OF.egressOnly);
    const [instance] = Instances ?? [];
    expect(instance?.Ipv6Address).toMatch(/^2600:1f18:1:2::/);
    expect(instance?.NetworkInterfaces?.[0]).toMatchObject({
      Ipv6Addresses: [{ Ipv6Address: instance?.Ipv6Address }],
      PrivateIpAddresses: [],
    });
    expect([instance?.PrivateIpAddress, instance?.PublicIpAddress]).toEqual([undefined, undefined]);
    expect(instance?.PrivateDnsName).toBe(`${instance?.InstanceId}.eu-west-1.compute.internal`);
  });

  test('have an IPv6 address beside IPv4 only if requested', async () => {
    const plain = await runInstances(SUBNET_OF.dualStack);
    expect(plain.Instances?.[0]).toMatchObject({ PrivateIpAddress: expect.stringMatching(/^10\.0\.210\./) });
    expect(plain.Instances?.[0]?.Ipv6Address).toBeUndefined();
    const both = await runInstances(SUBNET_OF.dualStack, {
      NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: SUBNET_OF.dualStack, Ipv6AddressCount: 1 }],
    });
    expect(both.Instances?.[0]).toMatchObject({
      PrivateIpAddress: expect.stringMatching(/^10\.0\.210\./),
      Ipv6Address: expect.stringMatching(/^2600:1f18:1:5::/),
    });
  });

  test.each([
    ['a public IPv4 address without IPv4', SUBNET_OF.nat64, { AssociatePublicIpAddress: false }],
    ['an IPv6 address without IPv6', 'subnet-0a10000000000001a', { Ipv6AddressCount: 1 }],
  ])('are refused: %s', async (_, SubnetId, wish) => {
    const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId, ...wish }];
    expect(await errorName(runInstances(SubnetId, { NetworkInterfaces }))).toMatch(/^InvalidParameter/);
  });
});

test('a new group allows all egress over both address families if the VPC has both', async () => {
  const { SecurityGroups } = await clients.ec2.send(
    new DescribeSecurityGroupsCommand({ GroupIds: [groupId] }),
  );
  const [rule] = SecurityGroups?.[0]?.IpPermissionsEgress ?? [];
  expect([rule?.IpRanges?.[0]?.CidrIp, rule?.Ipv6Ranges?.[0]?.CidrIpv6]).toEqual(['0.0.0.0/0', '::/0']);
});

describe('an endpoint with private DNS takes over the name of the service, whatever other route exists', () => {
  const seed = ipv6Seed();
  const shadowed = testSandbox({
    timing,
    seed: {
      ...seed,
      endpoints: SEED_ENDPOINTS.map((endpoint) => ({
        ...endpoint,
        vpcId: VPC,
        subnetIds: [SUBNET_OF.dualStack],
        securityGroupIds: [GROUP.storefront],
        ipAddressType: 'dualstack',
      })),
      securityGroups: seed.securityGroups.map((group) =>
        group.id === GROUP.storefront
          ? {
              ...group,
              ingress: [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '2600:1f18:1:1::/64' }],
            }
          : group,
      ),
    },
  });
  beforeAll(() => prepare(shadowed().env));

  test.each([
    ['over IPv6, admitted', SUBNET_OF.nat64, CONNECTED],
    ['over IPv6, not admitted', SUBNET_OF.egressOnly, CUT_OFF],
    ['over IPv4 behind NAT, not admitted', SUBNET_A, CUT_OFF],
  ])('%s', async (_, subnet, expected) => {
    expect(await consoleOf(subnet, 'cat "$FC_ROOT/var/log/amazon/ssm/amazon-ssm-agent.log"')).toContain(
      expected,
    );
  });
});
