import { describe, expect, it } from 'vitest';
import type { HopKind } from '../../../src/diagnose/network/hops.ts';
import { judgePaths } from '../../../src/diagnose/network/path.ts';
import { type PathFacts, type PathSource, type PathTarget } from '../../../src/diagnose/network/path-ends.ts';
import type {
  GroupRule,
  Route,
  SecurityGroup,
  Subnet,
  VpcEndpoint,
} from '../../../src/provision/ports/network.ts';
import type { NetworkAcl, NetworkAclEntry, VpcFacts } from '../../../src/provision/ports/path-facts.ts';

/** Each hop of a path: a change that blocks it, and that the path is open without the change. */

const subnet = (id: string, cidr: string, more: Partial<Subnet> = {}): Subnet => ({
  id,
  vpcId: 'vpc-1',
  zone: 'eu-west-1a',
  ownerId: undefined,
  freeAddresses: 100,
  cidr,
  ipv6Cidr: undefined,
  dns64: false,
  tags: {},
  ...more,
});
const APP = subnet('subnet-app', '10.0.1.0/24', { ipv6Cidr: '2600:1:1:1::/64' });
const DATA = subnet('subnet-data', '10.0.2.0/24', { ipv6Cidr: '2600:1:1:2::/64' });
const PUBLIC = subnet('subnet-public', '10.0.9.0/24');

const rule = (more: Partial<GroupRule>): GroupRule => ({
  protocol: 'tcp',
  fromPort: 0,
  toPort: 65_535,
  ...more,
});
const ALL = rule({ protocol: '-1', cidr: '0.0.0.0/0' });
const group = (
  id: string,
  ingress: readonly GroupRule[],
  egress: readonly GroupRule[] = [ALL],
): SecurityGroup => ({
  id,
  name: id,
  vpcId: 'vpc-1',
  tags: {},
  ingress,
  egress,
});
const route = (destination: string, target: Route['target'], targetId: string, blackhole = false): Route => ({
  destination,
  target,
  targetId,
  blackhole,
});
const entry = (number: number, egress: boolean, allow: boolean, more: Partial<NetworkAclEntry> = {}) => ({
  number,
  egress,
  allow,
  protocol: '-1',
  fromPort: 0,
  toPort: 65_535,
  cidr: '0.0.0.0/0',
  ...more,
});
const OPEN = [
  entry(100, true, true),
  entry(100, false, true),
  entry(101, true, true, { cidr: '::/0' }),
  entry(101, false, true, { cidr: '::/0' }),
];
const acl = (
  id: string,
  subnets: readonly Subnet[],
  entries: readonly NetworkAclEntry[] = OPEN,
): NetworkAcl => ({
  id,
  isDefault: true,
  subnetIds: subnets.map((each) => each.id),
  entries,
});
const LOCAL = route('10.0.0.0/16', 'local', 'local');
const NAT_ROUTE = route('0.0.0.0/0', 'nat-gateway', 'nat-1');
const tables = (app: readonly Route[]) => [
  { id: 'rtb-main', main: true, subnetIds: [], routes: [LOCAL] },
  { id: 'rtb-app', main: false, subnetIds: [APP.id], routes: [LOCAL, ...app] },
  {
    id: 'rtb-public',
    main: false,
    subnetIds: [PUBLIC.id],
    routes: [LOCAL, route('0.0.0.0/0', 'internet-gateway', 'igw-1')],
  },
];
const endpoint = (more: Partial<VpcEndpoint> = {}): VpcEndpoint => ({
  id: 'vpce-1',
  vpcId: 'vpc-1',
  service: 'ssmmessages',
  type: 'Interface',
  state: 'available',
  privateDns: true,
  addresses: ['ipv4'],
  subnetIds: [DATA.id],
  securityGroupIds: ['sg-endpoint'],
  policy: '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}',
  ...more,
});

const vpc = (more: Partial<VpcFacts> = {}): VpcFacts => ({
  region: 'eu-west-1',
  vpc: { id: 'vpc-1', isDefault: false, tags: {}, cidrs: ['10.0.0.0/16'], ipv6Cidrs: [] },
  subnets: [APP, DATA, PUBLIC],
  routeTables: tables([NAT_ROUTE]),
  endpoints: [],
  groups: [
    group('sg-app', []),
    group('sg-db', [rule({ fromPort: 5432, toPort: 5432, groupId: 'sg-app' })]),
    group('sg-endpoint', [rule({ fromPort: 443, toPort: 443, cidr: '10.0.0.0/16' })]),
  ],
  networkAcls: [acl('acl-app', [APP]), acl('acl-data', [DATA]), acl('acl-public', [PUBLIC])],
  natGateways: [{ id: 'nat-1', subnetId: PUBLIC.id, state: 'available', isPublic: true }],
  ...more,
});
const withGroups = (...changed: readonly SecurityGroup[]): Partial<VpcFacts> => ({
  groups: [...changed, ...vpc().groups.filter(({ id }) => !changed.some((each) => each.id === id))],
});
const withAcls = (...changed: readonly NetworkAcl[]): Partial<VpcFacts> => ({
  networkAcls: [
    ...changed,
    ...(vpc().networkAcls ?? []).filter(({ id }) => !changed.some((each) => each.id === id)),
  ],
});

const TASK: PathSource = {
  name: 'task 1f0e9d8c',
  subnet: APP,
  address: { ipv4: '10.0.1.21' },
  publicIp: false,
  groupIds: ['sg-app'],
};
const AWS: PathTarget = { kind: 'aws-service', name: 'ssmmessages', service: 'ssmmessages' };
const DB: PathTarget = {
  kind: 'interface',
  name: 'orders-db',
  port: 5432,
  vpcId: 'vpc-1',
  subnets: [DATA],
  groupIds: ['sg-db'],
  isPublic: false,
  status: { value: 'available', isReady: true },
};

function judge(
  target: PathTarget,
  facts: Partial<VpcFacts> = {},
  source = TASK,
  more: Partial<PathFacts> = {},
) {
  const own = vpc(facts);
  const [path] = judgePaths(source, target, { source: own, target: own, peerings: [], ...more });
  if (path === undefined) throw new Error('no path');
  return path;
}

interface Case {
  readonly title: string;
  readonly target: PathTarget;
  readonly hop: HopKind;
  readonly rule: RegExp;
  /** The number of alternatives that remove the cause. */
  readonly fixes: number;
  readonly facts?: Partial<VpcFacts>;
  readonly source?: PathSource;
  /** The same facts without harm. */
  readonly sibling?: Partial<VpcFacts>;
  readonly siblingSource?: PathSource;
}

const DENY_DB = entry(90, false, false, { protocol: '6', fromPort: 5432, toPort: 5432, cidr: '10.0.1.0/24' });
const WITH_ENDPOINT: Partial<VpcFacts> = { endpoints: [endpoint()], routeTables: tables([]) };

const CASES: readonly Case[] = [
  {
    title: 'an interface without an address of the family',
    target: DB,
    hop: 'source-interface',
    rule: /no IPv4 address/,
    fixes: 0,
    source: { ...TASK, address: {} },
  },
  {
    title: 'a security group without an egress rule',
    target: AWS,
    hop: 'source-group',
    rule: /no outbound rule for port 443 to the internet/,
    fixes: 1,
    facts: withGroups(group('sg-app', [], [rule({ fromPort: 80, toPort: 80, cidr: '0.0.0.0/0' })])),
    sibling: withGroups(group('sg-app', [], [rule({ fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' })])),
  },
  {
    title: 'an egress rule that leaves the database out',
    target: DB,
    hop: 'source-group',
    rule: /no outbound rule for port 5432 to sg-db/,
    fixes: 1,
    facts: withGroups(group('sg-app', [], [rule({ fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' })])),
    sibling: withGroups(group('sg-app', [], [rule({ fromPort: 5432, toPort: 5432, groupId: 'sg-db' })])),
  },
  {
    title: 'a network ACL that lets nothing out',
    target: AWS,
    hop: 'source-acl-out',
    rule: /outbound rule \* denies port 443/,
    fixes: 1,
    facts: withAcls(acl('acl-app', [APP], [entry(100, false, true)])),
    sibling: withAcls(
      acl(
        'acl-app',
        [APP],
        [entry(100, false, true), entry(100, true, true, { protocol: '6', fromPort: 443, toPort: 443 })],
      ),
    ),
  },
  {
    title: 'a network ACL that lets no reply in',
    target: AWS,
    hop: 'source-acl-in',
    rule: /inbound rule \* denies ports 32768-60999/,
    fixes: 1,
    facts: withAcls(
      acl(
        'acl-app',
        [APP],
        [entry(100, true, true), entry(100, false, true, { protocol: '6', fromPort: 443, toPort: 443 })],
      ),
    ),
    sibling: withAcls(
      acl(
        'acl-app',
        [APP],
        [entry(100, true, true), entry(100, false, true, { protocol: '6', fromPort: 1024, toPort: 65_535 })],
      ),
    ),
  },
  {
    title: 'a network ACL that lets only some replies in',
    target: DB,
    hop: 'source-acl-in',
    rule: /denies ports 32768-49151 of the ports 32768-60999/,
    fixes: 1,
    facts: withAcls(
      acl(
        'acl-app',
        [APP],
        [
          entry(100, true, true),
          entry(100, false, true, { protocol: '6', fromPort: 49_152, toPort: 65_535 }),
        ],
      ),
    ),
    sibling: withAcls(
      acl(
        'acl-app',
        [APP],
        [
          entry(100, true, true),
          entry(90, false, true, { protocol: '6', fromPort: 32_768, toPort: 49_151 }),
          entry(100, false, true, { protocol: '6', fromPort: 49_152, toPort: 65_535 }),
        ],
      ),
    ),
  },
  {
    title: 'no default route',
    target: AWS,
    hop: 'source-route',
    rule: /no route for 0\.0\.0\.0\/0/,
    fixes: 2,
    facts: { routeTables: tables([]) },
    sibling: WITH_ENDPOINT,
  },
  {
    title: 'a default route whose target is gone',
    target: AWS,
    hop: 'source-route',
    rule: /nat-1, which no longer exists/,
    fixes: 1,
    facts: { routeTables: tables([route('0.0.0.0/0', 'nat-gateway', 'nat-1', true)]) },
  },
  {
    title: 'an internet gateway without a public address',
    target: AWS,
    hop: 'source-route',
    rule: /has no public address/,
    fixes: 2,
    facts: { routeTables: tables([route('0.0.0.0/0', 'internet-gateway', 'igw-1')]) },
    sibling: { routeTables: tables([route('0.0.0.0/0', 'internet-gateway', 'igw-1')]) },
    siblingSource: { ...TASK, publicIp: true },
  },
  {
    title: 'a NAT gateway that is deleted',
    target: AWS,
    hop: 'nat-gateway',
    rule: /it is deleted/,
    fixes: 0,
    facts: { natGateways: [{ id: 'nat-1', subnetId: PUBLIC.id, state: 'deleted', isPublic: true }] },
  },
  {
    title: 'a private NAT gateway',
    target: AWS,
    hop: 'nat-gateway',
    rule: /private/,
    fixes: 0,
    facts: { natGateways: [{ id: 'nat-1', subnetId: PUBLIC.id, state: 'available', isPublic: false }] },
  },
  {
    title: 'a NAT gateway in a subnet without an internet gateway',
    target: AWS,
    hop: 'nat-route',
    rule: /no route to an internet gateway/,
    fixes: 0,
    facts: { natGateways: [{ id: 'nat-1', subnetId: DATA.id, state: 'available', isPublic: true }] },
  },
  {
    title: 'a network ACL at the NAT gateway that lets no reply in',
    target: AWS,
    hop: 'nat-acl',
    rule: /denies ports 1024-32767 of the ports 1024-65535/,
    fixes: 1,
    facts: withAcls(
      acl(
        'acl-public',
        [PUBLIC],
        [
          entry(100, true, true),
          entry(100, false, true, { protocol: '6', fromPort: 32_768, toPort: 65_535 }),
        ],
      ),
    ),
    sibling: withAcls(
      acl(
        'acl-public',
        [PUBLIC],
        [entry(100, true, true), entry(100, false, true, { protocol: '6', fromPort: 1024, toPort: 65_535 })],
      ),
    ),
  },
  {
    title: 'an endpoint whose groups do not admit the task',
    target: AWS,
    hop: 'target-group',
    rule: /no inbound rule for port 443 from sg-app/,
    fixes: 1,
    facts: {
      ...WITH_ENDPOINT,
      ...withGroups(group('sg-endpoint', [rule({ fromPort: 443, toPort: 443, cidr: '10.0.7.0/24' })])),
    },
    sibling: {
      ...WITH_ENDPOINT,
      ...withGroups(group('sg-endpoint', [rule({ fromPort: 443, toPort: 443, groupId: 'sg-app' })])),
    },
  },
  {
    title: 'an endpoint whose policy leaves the actions out',
    target: AWS,
    hop: 'endpoint-policy',
    rule: /does not allow ssmmessages:CreateControlChannel/,
    fixes: 1,
    facts: {
      ...WITH_ENDPOINT,
      endpoints: [
        endpoint({
          policy: '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}',
        }),
      ],
    },
    sibling: {
      ...WITH_ENDPOINT,
      endpoints: [
        endpoint({
          policy:
            '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ssmmessages:*","Resource":"*"}]}',
        }),
      ],
    },
  },
  {
    title: 'an endpoint without private DNS where nothing else leads out',
    target: AWS,
    hop: 'source-route',
    rule: /no route for 0\.0\.0\.0\/0/,
    fixes: 2,
    facts: { endpoints: [endpoint({ privateDns: false })], routeTables: tables([]) },
    sibling: { endpoints: [endpoint({ privateDns: false })] },
  },
  {
    title: 'a network ACL of the database subnet that denies the port',
    target: DB,
    hop: 'target-acl-in',
    rule: /inbound rule 90 denies port 5432 from 10\.0\.1\.21/,
    fixes: 1,
    facts: withAcls(acl('acl-data', [DATA], [DENY_DB, ...OPEN])),
    sibling: withAcls(acl('acl-data', [DATA], [...OPEN, { ...DENY_DB, number: 200 }])),
  },
  {
    title: 'a network ACL of the database subnet that lets no reply out',
    target: DB,
    hop: 'target-acl-out',
    rule: /outbound rule \* denies ports 32768-60999 to 10\.0\.1\.21/,
    fixes: 1,
    facts: withAcls(acl('acl-data', [DATA], [entry(100, false, true)])),
  },
  {
    title: 'a database whose groups do not admit the task',
    target: DB,
    hop: 'target-group',
    rule: /no inbound rule for port 5432 from sg-app or 10\.0\.1\.21/,
    fixes: 1,
    facts: withGroups(group('sg-db', [rule({ fromPort: 3306, toPort: 3306, groupId: 'sg-app' })])),
    sibling: withGroups(group('sg-db', [rule({ fromPort: 5432, toPort: 5432, cidr: '10.0.1.0/24' })])),
  },
  {
    title: 'a database that is stopped',
    target: { ...DB, status: { value: 'stopped', isReady: false } },
    hop: 'target-status',
    rule: /it is stopped/,
    fixes: 0,
  },
];

describe('a hop that blocks', () => {
  it.each(CASES)('$title', ({ target, hop, rule: text, fixes, facts, source, sibling, siblingSource }) => {
    const path = judge(target, facts, source);
    const blocking = path.hops.filter(({ verdict }) => verdict === 'blocked');
    expect(blocking.map(({ kind }) => kind)).toEqual([hop]);
    expect(blocking[0]?.rule).toMatch(text);
    expect(blocking[0]?.fixes).toHaveLength(fixes);
    expect(path.verdict).toBe('blocked');
    const open = target.kind === 'interface' ? { ...DB } : target;
    expect(judge(open, sibling, siblingSource).verdict).toBe('passes');
  });
});

describe('what cannot be seen', () => {
  const unseen = (path: ReturnType<typeof judge>) => {
    expect(path.verdict).toBe('not-visible');
    return path.hops.filter(({ verdict }) => verdict === 'not-visible').map(({ rule: text }) => text);
  };
  it('a transit gateway, whose routes are not in the VPC', () => {
    const facts = { routeTables: tables([route('0.0.0.0/0', 'transit-gateway', 'tgw-1')]) };
    expect(unseen(judge(AWS, facts))).toEqual(["where tgw-1 leads is not in this VPC's routes"]);
  });
  it('network ACLs and NAT gateways that the caller may not read', () => {
    const texts = unseen(judge(AWS, { networkAcls: undefined, natGateways: undefined }));
    expect(texts.join()).toContain('ec2:DescribeNetworkAcls');
    expect(texts.join()).toContain('ec2:DescribeNatGateways');
  });
  it('a rule with a prefix list', () => {
    const facts = withGroups(
      group('sg-app', [], [rule({ fromPort: 443, toPort: 443, prefixListId: 'pl-1' })]),
    );
    expect(unseen(judge(AWS, facts))[0]).toContain('entries of a prefix list are not read');
  });
  it('a rule for a part of the range in which the address is', () => {
    const facts = withGroups(group('sg-db', [rule({ fromPort: 5432, toPort: 5432, cidr: '10.0.1.128/25' })]));
    const subnetSource = { ...TASK, address: undefined, groupIds: undefined };
    expect(unseen(judge(DB, facts, subnetSource))[0]).toContain('for a part of 10.0.1.0/24 only');
  });
  it('an endpoint policy with conditions', () => {
    const policy =
      '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}';
    expect(unseen(judge(AWS, { ...WITH_ENDPOINT, endpoints: [endpoint({ policy })] }))[0]).toContain(
      'aws:PrincipalOrgID',
    );
  });
  it('a host whose address is not known', () => {
    expect(unseen(judge({ kind: 'host', name: 'api.example.com', port: 443 }))[0]).toContain(
      'no describe call',
    );
  });
});

describe('a host whose address is not known may be in this VPC', () => {
  const host: PathTarget = { kind: 'host', name: 'cache.internal', port: 5432 };
  const towards = (egress: readonly GroupRule[], more: Partial<VpcFacts> = {}) =>
    judge(host, { ...withGroups(group('sg-app', [], egress)), ...more });

  it.each([
    ['a rule for one group', towards([rule({ fromPort: 5432, toPort: 5432, groupId: 'sg-db' })])],
    ['a subnet without a route to the internet', towards([ALL], { routeTables: tables([]) })],
    [
      'a network ACL that denies the internet',
      towards([ALL], {
        networkAcls: [acl('acl-app', [APP], [entry(100, true, false), entry(100, false, true)])],
      }),
    ],
  ])('%s does not block it, and no change is proposed', (_, path) => {
    expect([path.verdict, path.hops.flatMap(({ fixes }) => fixes)]).toEqual(['not-visible', []]);
    expect(path.hops.map(({ rule: text }) => text).join()).toContain(
      'the address of cache.internal is not known',
    );
  });

  it('a port that no rule opens is blocked, and no change is proposed', () => {
    const path = towards([rule({ fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' })]);
    expect([path.verdict, path.hops.flatMap(({ fixes }) => fixes)]).toEqual(['blocked', []]);
    expect(path.hops.find(({ verdict }) => verdict === 'blocked')?.rule).toBe(
      'no outbound rule for port 5432 to any address',
    );
  });
});

describe('another VPC', () => {
  const there = subnet('subnet-there', '10.9.1.0/24', { vpcId: 'vpc-2' });
  const target: PathTarget = { ...DB, vpcId: 'vpc-2', subnets: [there] };
  const peering = { id: 'pcx-1', status: 'active', vpcIds: ['vpc-1', 'vpc-2'], dnsForVpcIds: [] as string[] };
  const other = (back: readonly Route[]): VpcFacts =>
    vpc({
      vpc: { id: 'vpc-2', isDefault: false, tags: {}, cidrs: ['10.9.0.0/16'], ipv6Cidrs: [] },
      subnets: [there],
      routeTables: [{ id: 'rtb-there', main: true, subnetIds: [], routes: back }],
      networkAcls: [acl('acl-there', [there])],
    });
  const facts = { routeTables: tables([route('10.9.0.0/16', 'peering', 'pcx-1')]) };
  const BACK = [route('10.0.0.0/16', 'peering', 'pcx-1')];
  const over = (back: readonly Route[], of: Partial<typeof peering> = {}, to: PathTarget = target) =>
    judge(to, facts, TASK, { target: other(back), peerings: [{ ...peering, ...of }] });

  it('is reached through an active peering connection with routes in both directions', () => {
    expect(over(BACK).verdict).toBe('passes');
  });
  it('is not reached without a route back, or with a peering connection that is not active', () => {
    expect(over([]).hops.find(({ verdict }) => verdict === 'blocked')).toMatchObject({
      kind: 'target-route',
      fixes: [
        [{ kind: 'peering-route', routeTable: 'rtb-there', destination: '10.0.1.21', peering: 'pcx-1' }],
      ],
    });
    expect(
      over(BACK, { status: 'pending-acceptance' }).hops.find(({ verdict }) => verdict === 'blocked')?.kind,
    ).toBe('peering');
  });
  it('needs DNS resolution over the peering connection for a target with a public name', () => {
    const named: PathTarget = { ...target, isPublic: true };
    expect(over(BACK, {}, named).hops.find(({ verdict }) => verdict === 'blocked')).toMatchObject({
      kind: 'peering',
      fixes: [[{ kind: 'peering-dns', peering: 'pcx-1', vpc: 'vpc-2' }]],
    });
    expect(over(BACK, { dnsForVpcIds: ['vpc-2'] }, named).verdict).toBe('passes');
  });
  it('is not reached without a route', () => {
    expect(
      judge(target, { routeTables: tables([]) }).hops.find(({ verdict }) => verdict === 'blocked')?.rule,
    ).toBe('no route for 10.9.1.0/24');
  });
});

it('judges IPv6 beside IPv4 where both ends have addresses of both families', () => {
  const dual = { ...TASK, address: { ipv4: '10.0.1.21', ipv6: '2600:1:1:1::5' } };
  const own = vpc();
  const paths = judgePaths(dual, DB, { source: own, target: own, peerings: [] });
  expect(paths.map(({ family, verdict }) => [family, verdict])).toEqual([
    ['ipv4', 'passes'],
    // The egress rule is for 0.0.0.0/0 alone, and the rule of the database names the group.
    ['ipv6', 'blocked'],
  ]);
});
