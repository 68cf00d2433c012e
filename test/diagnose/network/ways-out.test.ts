import { describe, expect, it } from 'vitest';

import { classifySubnets } from '../../../src/diagnose/network/ways-out.ts';
import { sentenceOf } from '../../../src/diagnose/sentences.ts';
import type { Route, Subnet, VpcEndpoint } from '../../../src/provision/ports/network.ts';
import type { NetworkFacts, NetworkRequest } from '../../../src/provision/ports/ways-out.ts';

/**
 * test/provision/network/network.test.ts tests the reasons as `up` shows them; this file tests the causes and fixes.
 */

const V4: Subnet = {
  id: 'subnet-a',
  vpcId: 'vpc-1',
  zone: 'eu-west-1a',
  ownerId: undefined,
  freeAddresses: 50,
  cidr: '10.0.1.0/24',
  ipv6Cidr: undefined,
  dns64: false,
  tags: {},
};
const V6: Subnet = { ...V4, cidr: undefined, ipv6Cidr: '2600:1f18:1:1::/64' };

const route = (destination: string, target: Route['target'], targetId: string, blackhole = false): Route => ({
  destination,
  target,
  targetId,
  blackhole,
});

const endpoint = (service: string, more: Partial<VpcEndpoint> = {}): VpcEndpoint => ({
  id: `vpce-${service}`,
  vpcId: 'vpc-1',
  service,
  type: 'Interface',
  state: 'available',
  privateDns: true,
  addresses: ['ipv4'],
  subnetIds: ['subnet-a'],
  securityGroupIds: ['sg-endpoints'],
  ...more,
});

const facts = (
  subnet: Subnet,
  routes: readonly Route[] = [],
  endpoints: readonly VpcEndpoint[] = [],
  ingress: NetworkFacts['groups'][number]['ingress'] = [],
): NetworkFacts => ({
  region: 'eu-west-1',
  vpc: { id: 'vpc-1', isDefault: false, tags: {}, cidrs: ['10.0.0.0/16'], ipv6Cidrs: [] },
  subnets: [subnet],
  routeTables: [{ id: 'rtb-1', main: true, subnetIds: [], routes }],
  endpoints,
  groups: [{ id: 'sg-endpoints', name: 'e', vpcId: 'vpc-1', tags: {}, ingress, egress: [] }],
});

const wishes = (installs = false): NetworkRequest => ({
  subnetIds: [],
  preferredSubnetIds: [],
  installs,
  clientGroupIds: [],
});

const ADD = {
  kind: 'add-endpoint',
  vpc: 'vpc-1',
  type: 'Interface',
  subnet: 'subnet-a',
  routeTable: 'rtb-1',
  dualStack: false,
} as const;
const SSM = { ...ADD, serviceName: 'com.amazonaws.eu-west-1.ssm' };
const MESSAGES = { ...ADD, serviceName: 'com.amazonaws.eu-west-1.ssmmessages' };
const TO_NAT = { kind: 'set-route', routeTable: 'rtb-1', destination: '0.0.0.0/0', target: 'nat-gateway' };
const NAT64 = [
  { kind: 'set-subnet', subnet: 'subnet-a', dns64: true },
  { ...TO_NAT, destination: '64:ff9b::/96' },
];
const agent = [endpoint('ssm'), endpoint('ssmmessages')];

/** The region in which an S3 endpoint serves s3.amazonaws.com. */
const inUsEast1 = (facts_: NetworkFacts): NetworkFacts => ({ ...facts_, region: 'us-east-1' });

describe('why a subnet does not reach AWS, and what changes that', () => {
  it.each<[string, NetworkFacts, NetworkRequest, readonly (readonly [string, readonly unknown[]])[]]>([
    ['no free address in the subnet', facts({ ...V4, freeAddresses: 0 }), wishes(), [['subnet-full', []]]],
    [
      'neither route nor endpoint: add endpoints, or a NAT gateway',
      facts(V4),
      wishes(),
      [['no-way-out-ipv4', [[SSM, MESSAGES], [TO_NAT]]]],
    ],
    [
      'installations outside us-east-1: s3.amazonaws.com needs a route, and no endpoint replaces it',
      facts(V4, [], agent, [{ protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '10.0.0.0/16' }]),
      wishes(true),
      [['no-way-out-ipv4', [[TO_NAT]]]],
    ],
    [
      'installations in us-east-1: S3 needs a gateway endpoint too',
      inUsEast1(facts(V4, [], agent, [{ protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '10.0.0.0/16' }])),
      wishes(true),
      [
        [
          'no-way-out-ipv4',
          [
            [
              { ...ADD, serviceName: 'com.amazonaws.us-east-1.s3', type: 'Gateway' },
              { ...ADD, serviceName: 'com.amazonaws.us-east-1.ecs' },
            ],
            [TO_NAT],
          ],
        ],
      ],
    ],
    [
      'an endpoint without private DNS is changed, not created again',
      facts(V4, [], [endpoint('ssm', { privateDns: false })]),
      wishes(),
      [
        [
          'no-way-out-ipv4',
          [[{ kind: 'set-endpoint', endpoint: 'vpce-ssm', privateDns: true }, MESSAGES], [TO_NAT]],
        ],
      ],
    ],
    [
      'a gateway endpoint of another route table gets the route table of the subnet too',
      inUsEast1(
        facts(
          V4,
          [],
          [...agent, endpoint('ecs'), endpoint('s3', { type: 'Gateway', privateDns: false })],
          [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '10.0.0.0/16' }],
        ),
      ),
      wishes(true),
      [
        [
          'no-way-out-ipv4',
          [[{ kind: 'set-endpoint', endpoint: 'vpce-s3', addRouteTable: 'rtb-1' }], [TO_NAT]],
        ],
      ],
    ],
    [
      'an endpoint that is not available cannot be changed, so only a route helps',
      facts(
        V4,
        [],
        [endpoint('ssm', { state: 'pending' }), endpoint('ssmmessages')],
        [{ protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '10.0.0.0/16' }],
      ),
      wishes(),
      [['no-way-out-ipv4', [[TO_NAT]]]],
    ],
    [
      'the security group of the endpoints does not admit the subnet',
      facts(V4, [route('0.0.0.0/0', 'nat-gateway', 'nat-1')], agent),
      wishes(),
      ['ssm', 'ssmmessages'].map(() => [
        'endpoint-refuses',
        [[{ kind: 'admit', group: 'sg-endpoints', port: 443, from: ['10.0.1.0/24'] }]],
      ]),
    ],
    [
      'IPv6 only: endpoints without IPv6',
      facts(V6, [], agent),
      wishes(),
      ['ssm', 'ssmmessages'].map((service) => [
        'endpoint-other-family',
        [[{ kind: 'set-endpoint', endpoint: `vpce-${service}`, dualStack: true }]],
      ]),
    ],
    [
      'IPv6 only, without routes and endpoints: add dual-stack endpoints, or NAT64',
      facts(V6),
      wishes(),
      [
        [
          'no-way-out-ipv6',
          [
            [
              { ...SSM, dualStack: true },
              { ...MESSAGES, dualStack: true },
            ],
            NAT64,
          ],
        ],
      ],
    ],
    [
      'IPv6 only: an egress-only gateway is not enough for installations',
      facts(V6, [route('::/0', 'egress-only-internet-gateway', 'eigw-1')]),
      wishes(true),
      [['nat64-needed', [NAT64]]],
    ],
    [
      'both address families, neither with a route',
      facts({ ...V4, ipv6Cidr: '2600:1f18:1:1::/64', dns64: true }),
      wishes(),
      [
        ['no-way-out-ipv4', [[SSM, MESSAGES], [TO_NAT]]],
        [
          'no-way-out-ipv6',
          [
            [
              { ...SSM, dualStack: true },
              { ...MESSAGES, dualStack: true },
            ],
            NAT64.slice(1),
          ],
        ],
      ],
    ],
  ])('%s', (_, shape, wanted, expected) => {
    const [report] = classifySubnets(shape, wanted);
    expect(report?.wayOut).toBe('none');
    expect(report?.findings.map(({ id, severity, fixes }) => [id, severity, fixes])).toEqual(
      expected.map(([id, fixes]) => [id, 'blocking', fixes]),
    );
  });

  it('a default route whose target no longer exists is reported differently from one that does not lead to the internet', () => {
    const evidenceOf = (default4: Route): unknown =>
      classifySubnets(facts(V4, [default4]), wishes())[0]?.findings[0]?.evidence;
    expect(evidenceOf(route('0.0.0.0/0', 'nat-gateway', 'nat-9', true))).toMatchObject({
      defaultRoute: { target: 'nat-9', exists: false },
    });
    expect(evidenceOf(route('0.0.0.0/0', 'peering', 'pcx-1'))).toMatchObject({
      defaultRoute: { target: 'pcx-1', exists: true },
    });
  });
});

describe('routes whose target cannot be checked', () => {
  it.each([
    ['IPv4', V4, '0.0.0.0/0', 'routed'],
    ['IPv6', V6, '::/0', 'ipv6-routed'],
  ] as const)(
    '%s over a transit gateway: assumed to reach the internet',
    (_, subnet, destination, wayOut) => {
      const [report] = classifySubnets(
        facts(subnet, [route(destination, 'transit-gateway', 'tgw-1')]),
        wishes(),
      );
      expect(report).toMatchObject({
        wayOut,
        findings: [{ id: 'way-out-assumed', severity: 'could-not-tell', fixes: [] }],
      });
      expect(report?.findings.map(sentenceOf)).toEqual([
        `subnet-a: ${destination} → tgw-1, assumed to lead to the internet`,
      ]);
    },
  );

  it('a NAT gateway gives no finding', () => {
    const [report] = classifySubnets(facts(V4, [route('0.0.0.0/0', 'nat-gateway', 'nat-1')]), wishes());
    expect(report).toMatchObject({ wayOut: 'nat', findings: [] });
  });
});
