import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteSecurityGroupCommand,
  DeleteTagsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeRegionsCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSpotPriceHistoryCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
  paginateDescribeSubnets,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import { DescribeDBClustersCommand, DescribeDBInstancesCommand } from '@aws-sdk/client-rds';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../../src/sandbox/world/seed.ts';
import { DATABASE_GROUP, SUBNET_A, VPC } from '../../../support/bastion-launch.ts';
import { errorName, sandboxClients } from '../../../support/sandbox-clients.ts';

let sandbox: Sandbox;
let clients: ReturnType<typeof sandboxClients>;
beforeAll(async () => {
  const seed = defaultSeed();
  const aurora = {
    ...seed.databases[0]!,
    id: 'reports',
    engine: 'aurora-postgresql',
    host: 'reports.cluster-c1x2.eu-west-1.rds.amazonaws.com',
    privateIp: '10.0.201.99',
  };
  const many = Array.from({ length: 45 }, (_, index) => ({
    ...seed.databases[0]!,
    id: `many-${String(index).padStart(2, '0')}`,
    privateIp: `10.0.202.${100 + index}`,
  }));
  sandbox = await startSandbox({ seed: { ...seed, databases: [...seed.databases, aurora, ...many] } });
  clients = sandboxClients(sandbox.env);
});
afterAll(() => sandbox.close());

const send: (typeof clients)['ec2']['send'] = ((command: never) => clients.ec2.send(command)) as never;
const filter = (Name: string, ...Values: string[]) => [{ Name, Values }];

describe('filters and pages', () => {
  test('the values of one filter are alternatives, several filters are combined with and, and wildcards work', async () => {
    const subnets = async (Filters: { Name: string; Values: string[] }[]) =>
      (await send(new DescribeSubnetsCommand({ Filters }))).Subnets!.length;
    const all = await subnets([]);
    const a = await subnets(filter('availability-zone', 'eu-west-1a'));
    const b = await subnets(filter('availability-zone', 'eu-west-1b'));
    expect(await subnets(filter('availability-zone', 'eu-west-1a', 'eu-west-1b'))).toBe(a + b);
    expect(await subnets(filter('availability-zone', 'eu-west-1?'))).toBe(all);
    expect(await subnets(filter('tag:Name', 'demo-private-*'))).toBe(3);
    expect(
      await subnets([...filter('tag:Name', 'demo-private-*'), ...filter('availability-zone', '*a')]),
    ).toBe(1);
    expect(await subnets(filter('tag-key', 'nothing'))).toBe(0);
  });

  test('an unknown filter, a filter without values and an invalid token are rejected', async () => {
    const describe = (input: object) => errorName(send(new DescribeSubnetsCommand(input)));
    expect(await describe({ Filters: filter('colour', 'red') })).toBe('InvalidParameterValue');
    expect(await describe({ Filters: [{ Name: 'vpc-id', Values: [] }] })).toBe('InvalidParameterValue');
    expect(await describe({ NextToken: 'abc', MaxResults: 5 })).toBe('InvalidNextToken');
    expect(await describe({ MaxResults: 4 })).toBe('InvalidParameterValue');
    expect(await describe({ SubnetIds: [SUBNET_A], MaxResults: 5 })).toBe('InvalidParameterCombination');
    expect(await describe({ SubnetIds: ['subnet-00000000000000000'] })).toBe('InvalidSubnetID.NotFound');
  });

  test('all pages together have every item once', async () => {
    const seen: string[] = [];
    for await (const page of paginateDescribeSubnets({ client: clients.ec2, pageSize: 5 }, {})) {
      seen.push(...page.Subnets!.map((subnet) => subnet.SubnetId!));
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(defaultSeed().subnets.length);
  });
});

describe('the network of the seed', () => {
  test('has the routes that belong to the kind of each subnet', async () => {
    const { RouteTables } = await send(new DescribeRouteTablesCommand({ Filters: filter('vpc-id', VPC) }));
    const tableOf = (subnetId: string) =>
      RouteTables!.find((table) => table.Associations!.some((item) => item.SubnetId === subnetId)) ??
      RouteTables!.find((table) => table.Associations!.some((item) => item.Main));
    const defaultRoute = (subnetId: string) =>
      tableOf(subnetId)!.Routes!.find((route) => route.DestinationCidrBlock === '0.0.0.0/0');
    expect(defaultRoute(SUBNET_A)?.NatGatewayId).toMatch(/^nat-/);
    expect(defaultRoute('subnet-0a20000000000001a')?.GatewayId).toMatch(/^igw-/);
    expect(defaultRoute('subnet-0a30000000000001a')).toBeUndefined();
  });

  test('is the same in every run', async () => {
    const other = await startSandbox({ seed: defaultSeed() });
    try {
      const tables = async (from: typeof clients) =>
        (await from.ec2.send(new DescribeRouteTablesCommand({}))).RouteTables!.map(
          (table) => table.RouteTableId,
        );
      expect(await tables(sandboxClients(other.env))).toEqual(await tables(clients));
    } finally {
      await other.close();
    }
  });

  test('has endpoints with full service names and security groups', async () => {
    const { VpcEndpoints } = await send(new DescribeVpcEndpointsCommand({}));
    expect(VpcEndpoints!.map((endpoint) => endpoint.ServiceName!).sort()).toEqual([
      'com.amazonaws.eu-west-1.ssm',
      'com.amazonaws.eu-west-1.ssmmessages',
    ]);
    expect(VpcEndpoints![0]!.Groups![0]!.GroupName).toBe('endpoints');
    expect(VpcEndpoints![0]!.NetworkInterfaceIds).toHaveLength(2);
  });

  test('is in one region; other regions are empty, and unknown ones do not exist', async () => {
    const { Regions } = await send(new DescribeRegionsCommand({}));
    const elsewhere = sandboxClients(sandbox.env, { region: 'us-east-1' });
    expect(Regions!.map((region) => region.RegionName)).toContain('us-east-1');
    expect((await elsewhere.ec2.send(new DescribeVpcsCommand({}))).Vpcs).toEqual([]);
    expect((await elsewhere.ec2.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
    const nowhere = sandboxClients(sandbox.env, { region: 'mars-north-1' });
    expect(await errorName(nowhere.ec2.send(new DescribeVpcsCommand({})))).toBe('InvalidAction');
  });
});

describe('instance type offerings', () => {
  test('are consistent with zones, types, images and prices', async () => {
    const { AvailabilityZones } = await send(new DescribeAvailabilityZonesCommand({}));
    expect(AvailabilityZones!.map((zone) => zone.ZoneId)).toEqual(['euw1-az1', 'euw1-az2', 'euw1-az3']);
    const { InstanceTypeOfferings } = await send(
      new DescribeInstanceTypeOfferingsCommand({
        LocationType: 'availability-zone',
        Filters: filter('instance-type', 't4g.micro'),
      }),
    );
    expect(InstanceTypeOfferings!.map((offering) => offering.Location)).toEqual([
      'eu-west-1a',
      'eu-west-1b',
      'eu-west-1c',
    ]);
    const { Images } = await send(
      new DescribeImagesCommand({ Owners: ['amazon'], Filters: filter('architecture', 'arm64') }),
    );
    expect(Images!.every((image) => image.RootDeviceName === '/dev/xvda')).toBe(true);
    sandbox.faults.market.setPrice({ instanceType: 't4g.micro', where: 'eu-west-1b' }, 0.0042);
    const { SpotPriceHistory } = await send(
      new DescribeSpotPriceHistoryCommand({
        InstanceTypes: ['t4g.micro'],
        ProductDescriptions: ['Linux/UNIX'],
      }),
    );
    expect(SpotPriceHistory!.map((price) => price.SpotPrice)).toEqual(['0.003100', '0.004200', '0.003100']);
  });
});

describe('security groups', () => {
  let GroupId: string;
  beforeAll(async () => {
    const created = await send(
      new CreateSecurityGroupCommand({ GroupName: 'rules', Description: 'for rules', VpcId: VPC }),
    );
    GroupId = created.GroupId!;
  });
  const tcp = (port: number, cidr = '10.0.0.0/16') => ({
    IpProtocol: 'tcp',
    FromPort: port,
    ToPort: port,
    IpRanges: [{ CidrIp: cidr, Description: 'd' }],
  });
  const group = async () =>
    (await send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }))).SecurityGroups![0]!;

  test('are created with all egress and no other rule', async () => {
    expect(await group()).toMatchObject({
      IpPermissions: [],
      IpPermissionsEgress: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
    });
    const twice = new CreateSecurityGroupCommand({ GroupName: 'rules', Description: 'again', VpcId: VPC });
    expect(await errorName(send(twice))).toBe('InvalidGroup.Duplicate');
  });

  test('have rules that are added and revoked by permission and by id', async () => {
    await send(
      new RevokeSecurityGroupEgressCommand({
        GroupId,
        IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
      }),
    );
    expect((await group()).IpPermissionsEgress).toEqual([]);
    const added = await send(
      new AuthorizeSecurityGroupEgressCommand({
        GroupId,
        IpPermissions: [
          tcp(443),
          {
            IpProtocol: 'tcp',
            FromPort: 5432,
            ToPort: 5432,
            UserIdGroupPairs: [{ GroupId: DATABASE_GROUP }],
          },
        ],
        TagSpecifications: [{ ResourceType: 'security-group-rule', Tags: [{ Key: 'k', Value: 'v' }] }],
      }),
    );
    expect(added.SecurityGroupRules).toHaveLength(2);
    const { SecurityGroupRules } = await send(
      new DescribeSecurityGroupRulesCommand({ Filters: filter('tag:k', 'v') }),
    );
    expect(
      SecurityGroupRules!.map((rule) => [
        rule.IsEgress,
        rule.FromPort,
        rule.CidrIpv4 ?? rule.ReferencedGroupInfo?.GroupId,
      ]),
    ).toEqual([
      [true, 443, '10.0.0.0/16'],
      [true, 5432, DATABASE_GROUP],
    ]);
    const again = new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: [tcp(443)] });
    expect(await errorName(send(again))).toBe('InvalidPermission.Duplicate');
    const ids = added.SecurityGroupRules!.map((rule) => rule.SecurityGroupRuleId!);
    const asIngress = new RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds: ids });
    expect(await errorName(send(asIngress))).toBe('InvalidSecurityGroupRuleId.NotFound');
    await send(new RevokeSecurityGroupEgressCommand({ GroupId, SecurityGroupRuleIds: ids }));
    expect((await group()).IpPermissionsEgress).toEqual([]);
    const gone = new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [tcp(443)] });
    expect(await errorName(send(gone))).toBe('InvalidPermission.NotFound');
  });

  test.each([
    [
      'a port out of range',
      { IpProtocol: 'tcp', FromPort: 0, ToPort: 70_000, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
      'InvalidParameterValue',
    ],
    ['an invalid CIDR', tcp(80, '10.0.0.0/99'), 'InvalidParameterValue'],
    [
      'a group of another VPC',
      { IpProtocol: 'tcp', FromPort: 1, ToPort: 1, UserIdGroupPairs: [{ GroupId: 'sg-0d00000000000de00' }] },
      'InvalidGroup.NotFound',
    ],
    ['a rule without a source', { IpProtocol: 'tcp', FromPort: 1, ToPort: 1 }, 'MissingParameter'],
  ])('%s is refused', async (_what, permission, code) => {
    const command = new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [permission] });
    expect(await errorName(send(command))).toBe(code);
  });

  test('cannot be deleted while another group refers to them', async () => {
    const named = await send(
      new CreateSecurityGroupCommand({ GroupName: 'named', Description: 'd', VpcId: VPC }),
    );
    const rule = {
      IpProtocol: 'tcp',
      FromPort: 22,
      ToPort: 22,
      UserIdGroupPairs: [{ GroupId: named.GroupId! }],
    };
    await send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] }));
    const remove = () => errorName(send(new DeleteSecurityGroupCommand({ GroupId: named.GroupId! })));
    expect(await remove()).toBe('DependencyViolation');
    await send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] }));
    expect(await remove()).toBe('resolved');
    expect(await remove()).toBe('InvalidGroup.NotFound');
    const standard = new DeleteSecurityGroupCommand({ GroupId: 'sg-0a00000000000de00' });
    expect(await errorName(send(standard))).toBe('CannotDelete');
  });
});

describe('tags', () => {
  test('are set, found and removed', async () => {
    const Resources = [SUBNET_A];
    await send(new CreateTagsCommand({ Resources, Tags: [{ Key: 'team', Value: 'orders' }] }));
    const found = async () =>
      (await send(new DescribeSubnetsCommand({ Filters: filter('tag:team', 'orders') }))).Subnets!.length;
    expect(await found()).toBe(1);
    await send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'team', Value: 'other' }] }));
    expect(await found()).toBe(1);
    await send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'team' }] }));
    expect(await found()).toBe(0);
  });

  test('in the namespace of AWS, or on no resource, are rejected', async () => {
    const own = new CreateTagsCommand({ Resources: [SUBNET_A], Tags: [{ Key: 'aws:x', Value: '' }] });
    expect(await errorName(send(own))).toBe('InvalidParameterValue');
    const nothing = new CreateTagsCommand({
      Resources: ['i-0000000000000000f'],
      Tags: [{ Key: 'x', Value: '' }],
    });
    expect(await errorName(send(nothing))).toBe('InvalidID');
  });
});

describe('DryRun', () => {
  test('changes nothing and reports that the call would have succeeded', async () => {
    const before = sandbox.snapshot();
    const dry = new CreateSecurityGroupCommand({
      GroupName: 'dry',
      Description: 'd',
      VpcId: VPC,
      DryRun: true,
    });
    expect(await errorName(send(dry))).toBe('DryRunOperation');
    expect(sandbox.snapshot()).toBe(before);
  });
});

describe('RDS', () => {
  test('describes instances in pages, by id and by engine', async () => {
    const first = await clients.rds.send(new DescribeDBInstancesCommand({ MaxRecords: 20 }));
    const second = await clients.rds.send(
      new DescribeDBInstancesCommand({ MaxRecords: 20, Marker: first.Marker! }),
    );
    const third = await clients.rds.send(
      new DescribeDBInstancesCommand({ MaxRecords: 20, Marker: second.Marker! }),
    );
    const ids = [first, second, third].flatMap((page) =>
      page.DBInstances!.map((item) => item.DBInstanceIdentifier),
    );
    expect(new Set(ids).size).toBe(50);
    expect(third.Marker).toBeUndefined();
    const one = await clients.rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'orders-db' }));
    expect(one.DBInstances![0]).toMatchObject({
      Engine: 'postgres',
      Endpoint: { Port: 5432 },
      VpcSecurityGroups: [{ VpcSecurityGroupId: DATABASE_GROUP }],
      DBSubnetGroup: { VpcId: VPC },
      IAMDatabaseAuthenticationEnabled: true,
    });
    const engine = await clients.rds.send(
      new DescribeDBInstancesCommand({ Filters: filter('engine', 'aurora-postgresql') }),
    );
    expect(engine.DBInstances!.map((item) => item.DBClusterIdentifier)).toEqual([
      'catalog-db',
      'catalog-db',
      'reports',
    ]);
    const none = new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'none' });
    expect(await errorName(clients.rds.send(none))).toBe('DBInstanceNotFoundFault');
  });

  test('describes an Aurora cluster with its endpoints', async () => {
    const { DBClusters } = await clients.rds.send(
      new DescribeDBClustersCommand({ DBClusterIdentifier: 'reports' }),
    );
    expect(DBClusters).toHaveLength(1);
    expect(DBClusters![0]).toMatchObject({
      DBClusterIdentifier: 'reports',
      ReaderEndpoint: 'reports.cluster-ro-c1x2.eu-west-1.rds.amazonaws.com',
      DBClusterMembers: [{ DBInstanceIdentifier: 'reports-writer', IsClusterWriter: true }],
    });
  });
});
