import { describe, expect, it } from 'vitest';

import { ToolError } from '../../src/core/errors.ts';
import {
  chooseNetwork,
  classifySubnets,
  containsCidr,
  type NetworkFacts,
  type NetworkWishes,
} from '../../src/provision/network.ts';
import type { Route, RouteTable, SecurityGroup, Subnet, VpcEndpoint } from '../../src/provision/ports.ts';

const subnet = (name: string, cidr: string | undefined, more: Partial<Subnet> = {}): Subnet => ({
  id: `subnet-${name}`,
  vpcId: 'vpc-1',
  zone: `eu-west-1${name}`,
  freeAddresses: 50,
  cidr,
  ipv6: false,
  tags: {},
  ...more,
});
const A = subnet('a', '10.0.1.0/24');
const B = subnet('b', '10.0.2.0/24');

const local: Route = { destination: '10.0.0.0/16', target: 'local', targetId: 'local', blackhole: false };
const out = (target: Route['target'], targetId: string, more: Partial<Route> = {}): Route => ({
  destination: '0.0.0.0/0',
  target,
  targetId,
  blackhole: false,
  ...more,
});
const NAT = out('nat-gateway', 'nat-1');
const IGW = out('internet-gateway', 'igw-1');
const table = (subnetIds: readonly string[], routes: readonly Route[], main = false): RouteTable => ({
  id: `rtb-${subnetIds.join('-') || 'main'}`,
  main,
  subnetIds,
  routes: [local, ...routes],
});
const main = (...routes: readonly Route[]): RouteTable => table([], routes, true);

const endpoint = (service: string, more: Partial<VpcEndpoint> = {}): VpcEndpoint => ({
  id: `vpce-${service}`,
  vpcId: 'vpc-1',
  service,
  type: 'Interface',
  state: 'available',
  privateDns: true,
  subnetIds: ['subnet-a'],
  securityGroupIds: ['sg-endpoints'],
  ...more,
});
const group = (id: string, ingress: SecurityGroup['ingress']): SecurityGroup => ({
  id,
  name: id,
  vpcId: 'vpc-1',
  tags: {},
  ingress,
  egress: [],
});
const open = group('sg-endpoints', [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '10.0.0.0/16' }]);
const closed = group('sg-endpoints', [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '10.9.0.0/16' }]);
const clientsOnly = group('sg-endpoints', [
  { protocol: 'tcp', fromPort: 0, toPort: 65_535, groupId: 'sg-clients' },
]);

const facts = (change: Partial<NetworkFacts>): NetworkFacts => ({
  region: 'eu-west-1',
  vpc: { id: 'vpc-1', isDefault: false, tags: {}, cidrs: ['10.0.0.0/16'] },
  subnets: [A],
  routeTables: [main()],
  endpoints: [],
  groups: [open],
  ...change,
});
const wish = (change: Partial<NetworkWishes> = {}): NetworkWishes => ({
  subnetIds: [],
  preferredSubnetIds: [],
  installs: false,
  clientGroupIds: [],
  ...change,
});

const agentEndpoints = [endpoint('ssm'), endpoint('ssmmessages')];
const allEndpoints = [
  ...agentEndpoints,
  endpoint('ecs'),
  endpoint('s3', { type: 'Gateway', privateDns: false, securityGroupIds: [] }),
];
const s3Route: Route = { destination: 'pl-s3', target: 'other', targetId: 'vpce-s3', blackhole: false };

const SHAPES: readonly (readonly [string, NetworkFacts, NetworkWishes])[] = [
  ['private subnet behind NAT', facts({ routeTables: [main(NAT)] }), wish()],
  ['public subnet', facts({ routeTables: [main(IGW)] }), wish()],
  ['isolated subnet', facts({}), wish()],
  ['isolated, agent endpoints', facts({ endpoints: agentEndpoints }), wish()],
  ['isolated, agent endpoints, must install', facts({ endpoints: agentEndpoints }), wish({ installs: true })],
  [
    'isolated, all endpoints, must install',
    facts({ endpoints: allEndpoints, routeTables: [main(s3Route)] }),
    wish({ installs: true }),
  ],
  [
    'S3 gateway endpoint in another route table',
    facts({ endpoints: allEndpoints }),
    wish({ installs: true }),
  ],
  ['only the ssm endpoint', facts({ endpoints: [endpoint('ssm')] }), wish()],
  ['ssm endpoint and NAT', facts({ endpoints: [endpoint('ssm')], routeTables: [main(NAT)] }), wish()],
  [
    'endpoints without private DNS',
    facts({ endpoints: agentEndpoints.map((each) => ({ ...each, privateDns: false })) }),
    wish(),
  ],
  [
    'endpoints still pending',
    facts({ endpoints: agentEndpoints.map((each) => ({ ...each, state: 'pending' })) }),
    wish(),
  ],
  ['endpoint group shuts the subnet out', facts({ endpoints: agentEndpoints, groups: [closed] }), wish()],
  [
    'endpoint group shuts the subnet out, NAT does not help past private DNS',
    facts({ endpoints: agentEndpoints, groups: [closed], routeTables: [main(NAT)] }),
    wish(),
  ],
  [
    'endpoint admits a client group only',
    facts({ endpoints: agentEndpoints, groups: [clientsOnly] }),
    wish(),
  ],
  [
    'endpoint admits a client group that is attached',
    facts({ endpoints: agentEndpoints, groups: [clientsOnly] }),
    wish({ clientGroupIds: ['sg-clients'] }),
  ],
  [
    'NAT gateway is gone',
    facts({ routeTables: [main(out('nat-gateway', 'nat-9', { blackhole: true }))] }),
    wish(),
  ],
  ['transit gateway', facts({ routeTables: [main(out('transit-gateway', 'tgw-1'))] }), wish()],
  ['firewall or NAT instance', facts({ routeTables: [main(out('network-interface', 'eni-1'))] }), wish()],
  [
    'IPv6 only',
    facts({ subnets: [subnet('a', undefined, { ipv6: true })], routeTables: [main(NAT)] }),
    wish(),
  ],
  [
    'dual stack with egress-only IPv6',
    facts({
      subnets: [{ ...A, ipv6: true }],
      routeTables: [main({ ...out('egress-only-internet-gateway', 'eigw-1'), destination: '::/0' })],
    }),
    wish(),
  ],
  ['dual stack behind NAT', facts({ subnets: [{ ...A, ipv6: true }], routeTables: [main(NAT)] }), wish()],
  ['no free address', facts({ subnets: [{ ...A, freeAddresses: 0 }], routeTables: [main(NAT)] }), wish()],
  [
    'public and private: private wins',
    facts({ subnets: [A, B], routeTables: [main(IGW), table(['subnet-b'], [NAT])] }),
    wish(),
  ],
  [
    "the service's own subnets first",
    facts({ subnets: [A, B], routeTables: [main(NAT)] }),
    wish({ preferredSubnetIds: ['subnet-b'] }),
  ],
  [
    'the service lives in an isolated subnet',
    facts({ subnets: [A, B], routeTables: [main(NAT), table(['subnet-b'], [])] }),
    wish({ preferredSubnetIds: ['subnet-b'] }),
  ],
  [
    'asked for the public one',
    facts({ subnets: [A, B], routeTables: [main(IGW), table(['subnet-b'], [NAT])] }),
    wish({ subnetIds: ['subnet-a'] }),
  ],
  ['no subnet at all', facts({ subnets: [] }), wish()],
];

function outcome(shape: NetworkFacts, wishes: NetworkWishes): string {
  const reports = classifySubnets(shape, wishes).map(
    (report) => `    ${report.subnet.id}: ${report.way}, ${report.reason}`,
  );
  try {
    const choice = chooseNetwork(shape, wishes);
    const ids = choice.subnets.map((each) => each.id).join(' ');
    return [`  → ${ids}${choice.publicIp ? ' + public address' : ''}: ${choice.reason}`, ...reports].join(
      '\n',
    );
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [`  → ${error.code}, missing: ${String(error.details['missing'])}`, ...reports].join('\n');
  }
}

describe('the choice of a network', () => {
  it('for each shape', () => {
    const text = SHAPES.map(([name, shape, wishes]) => `${name}\n${outcome(shape, wishes)}`).join('\n');
    expect(`\n${text}\n`).toMatchInlineSnapshot(`
      "
      private subnet behind NAT
        → subnet-a: private, through a NAT gateway (all that fit)
          subnet-a: nat, 0.0.0.0/0 → nat-1
      public subnet
        → subnet-a + public address: through the internet gateway; a public address is the only way out here (all that fit)
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
      isolated subnet
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, no default route and no endpoint for ssm, ssmmessages
      isolated, agent endpoints
        → subnet-a: private, through VPC endpoints (all that fit)
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages
      isolated, agent endpoints, must install
        → no-way-out, missing: s3,ecs
          subnet-a: none, no default route and no endpoint for s3, ecs
      isolated, all endpoints, must install
        → subnet-a: private, through VPC endpoints (all that fit)
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages, s3, ecs
      S3 gateway endpoint in another route table
        → no-way-out, missing: s3
          subnet-a: none, no default route and no endpoint for s3 (vpce-s3 is not in its route table)
      only the ssm endpoint
        → no-way-out, missing: ssmmessages
          subnet-a: none, no default route and no endpoint for ssmmessages
      ssm endpoint and NAT
        → subnet-a: private, through a NAT gateway (all that fit)
          subnet-a: nat, 0.0.0.0/0 → nat-1
      endpoints without private DNS
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, no default route and no endpoint for ssm (vpce-ssm has no private DNS), ssmmessages (vpce-ssmmessages has no private DNS)
      endpoints still pending
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, no default route and no endpoint for ssm (vpce-ssm is pending), ssmmessages (vpce-ssmmessages is pending)
      endpoint group shuts the subnet out
        → no-way-out, missing: 
          subnet-a: none, endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
      endpoint group shuts the subnet out, NAT does not help past private DNS
        → no-way-out, missing: 
          subnet-a: none, endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
      endpoint admits a client group only
        → no-way-out, missing: 
          subnet-a: none, endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
      endpoint admits a client group that is attached
        → subnet-a: private, through VPC endpoints (all that fit)
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages
      NAT gateway is gone
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, its default route leads to nat-9, which is gone, and no endpoint for ssm, ssmmessages
      transit gateway
        → subnet-a: private, through a default route (all that fit)
          subnet-a: routed, 0.0.0.0/0 → tgw-1, taken to lead out
      firewall or NAT instance
        → subnet-a: private, through a default route (all that fit)
          subnet-a: routed, 0.0.0.0/0 → eni-1, taken to lead out
      IPv6 only
        → no-way-out, missing: 
          subnet-a: none, IPv6 only: the image's agent calls Systems Manager by its IPv4 names (UseDualStackEndpoint is off)
      dual stack with egress-only IPv6
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, no default route and no endpoint for ssm, ssmmessages; eigw-1 leads out over IPv6, but the image's agent calls Systems Manager by its IPv4 names (UseDualStackEndpoint is off)
      dual stack behind NAT
        → subnet-a: private, through a NAT gateway (all that fit)
          subnet-a: nat, 0.0.0.0/0 → nat-1
      no free address
        → no-way-out, missing: 
          subnet-a: none, no free address left
      public and private: private wins
        → subnet-b: private, through a NAT gateway (all that fit)
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
          subnet-b: nat, 0.0.0.0/0 → nat-1
      the service's own subnets first
        → subnet-b: private, through a NAT gateway (the service's own)
          subnet-a: nat, 0.0.0.0/0 → nat-1
          subnet-b: nat, 0.0.0.0/0 → nat-1
      the service lives in an isolated subnet
        → subnet-a: private, through a NAT gateway (none of the service's own fits)
          subnet-a: nat, 0.0.0.0/0 → nat-1
          subnet-b: none, no default route and no endpoint for ssm, ssmmessages
      asked for the public one
        → subnet-a + public address: through the internet gateway; a public address is the only way out here (as asked)
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
          subnet-b: nat, 0.0.0.0/0 → nat-1
      no subnet at all
        → no-way-out, missing: 
      "
    `);
  });

  it('refuses a subnet of another VPC by name', () => {
    expect(() =>
      chooseNetwork(facts({ routeTables: [main(NAT)] }), wish({ subnetIds: ['subnet-z'] })),
    ).toThrow(expect.objectContaining({ code: 'subnet-not-found' }) as Error);
  });

  it('names the endpoints to add, and the way that needs fewer', () => {
    const shape = facts({ endpoints: agentEndpoints });
    expect(() => chooseNetwork(shape, wish({ installs: true }))).toThrow(
      expect.objectContaining({
        hints: expect.arrayContaining([
          'add a gateway endpoint com.amazonaws.eu-west-1.s3',
          'or fargate-connect up --tunnel-only   # needs neither of them',
        ]) as unknown,
      }) as Error,
    );
  });
});

describe('containsCidr', () => {
  it.each([
    ['10.0.0.0/16', '10.0.255.0/24', true],
    ['10.0.0.0/16', '10.1.0.0/24', false],
    ['10.0.1.0/24', '10.0.0.0/16', false],
    ['0.0.0.0/0', '192.168.0.0/16', true],
    ['128.0.0.0/1', '255.255.255.255/32', true],
    ['10.0.0.5/32', '10.0.0.5/32', true],
    ['::/0', '10.0.0.0/8', false],
    ['10.0.0.0/33', '10.0.0.0/33', false],
    ['300.0.0.0/8', '10.0.0.0/8', false],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    expect(containsCidr(outer, inner)).toBe(expected);
  });
});
