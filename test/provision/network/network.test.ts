import { describe, expect, it } from 'vitest';

import { ToolError } from '../../../src/core/errors.ts';
import { chooseNetwork, type NetworkChoice } from '../../../src/provision/network/network.ts';
import type { NetworkFacts, NetworkRequest } from '../../../src/provision/ports/ways-out.ts';
import { classifySubnets } from '../../../src/diagnose/network/ways-out.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import type {
  Route,
  RouteTable,
  SecurityGroup,
  Subnet,
  VpcEndpoint,
} from '../../../src/provision/ports/network.ts';
import { EMPTY, NOW, sampleSpec } from '../sample-spec.ts';

const subnet = (name: string, cidr: string | undefined, more: Partial<Subnet> = {}): Subnet => ({
  id: `subnet-${name}`,
  vpcId: 'vpc-1',
  zone: `eu-west-1${name}`,
  ownerId: undefined,
  freeAddresses: 50,
  cidr,
  ipv6Cidr: undefined,
  dns64: false,
  tags: {},
  ...more,
});
const A = subnet('a', '10.0.1.0/24');
const B = subnet('b', '10.0.2.0/24');
/** IPv6 only. */
const V6 = subnet('v', undefined, { ipv6Cidr: '2600:1f18:1:1::/64', freeAddresses: 0 });
const DNS64 = { ...V6, dns64: true };
const DUAL = { ...A, ipv6Cidr: '2600:1f18:1:2::/64' };

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
const over6 = (route: Route): Route => ({ ...route, destination: '::/0' });
const EIGW = over6(out('egress-only-internet-gateway', 'eigw-1'));
const NAT64: Route = { ...NAT, destination: '64:ff9b::/96' };
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
  addresses: ['ipv4'],
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
const open6 = group('sg-endpoints', [
  { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '2600:1f18:1::/56' },
]);
const clientsOnly = group('sg-endpoints', [
  { protocol: 'tcp', fromPort: 0, toPort: 65_535, groupId: 'sg-clients' },
]);

const facts = (change: Partial<NetworkFacts>): NetworkFacts => ({
  region: 'eu-west-1',
  vpc: { id: 'vpc-1', isDefault: false, tags: {}, cidrs: ['10.0.0.0/16'], ipv6Cidrs: [] },
  subnets: [A],
  routeTables: [main()],
  endpoints: [],
  groups: [open],
  ...change,
});
const wish = (change: Partial<NetworkRequest> = {}): NetworkRequest => ({
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
const dualStack = (endpoints: readonly VpcEndpoint[]): readonly VpcEndpoint[] =>
  endpoints.map((each) => ({ ...each, addresses: ['ipv4', 'ipv6'] }));
const s3Route: Route = { destination: 'pl-s3', target: 'other', targetId: 'vpce-s3', blackhole: false };

const SHAPES: readonly (readonly [string, NetworkFacts, NetworkRequest])[] = [
  ['private subnet behind NAT', facts({ routeTables: [main(NAT)] }), wish()],
  ['public subnet', facts({ routeTables: [main(IGW)] }), wish()],
  ['isolated subnet', facts({}), wish()],
  ['isolated, agent endpoints', facts({ endpoints: agentEndpoints }), wish()],
  ['isolated, agent endpoints, must install', facts({ endpoints: agentEndpoints }), wish({ installs: true })],
  [
    'isolated, all endpoints, must install',
    facts({ region: 'us-east-1', endpoints: allEndpoints, routeTables: [main(s3Route)] }),
    wish({ installs: true }),
  ],
  [
    'isolated, all endpoints, must install, outside us-east-1',
    facts({ endpoints: allEndpoints, routeTables: [main(s3Route)] }),
    wish({ installs: true }),
  ],
  [
    'NAT beside all endpoints, must install, outside us-east-1',
    facts({ endpoints: allEndpoints, routeTables: [main(NAT)] }),
    wish({ installs: true }),
  ],
  [
    'S3 gateway endpoint in another route table',
    facts({ region: 'us-east-1', endpoints: allEndpoints }),
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
  ['peering', facts({ routeTables: [main(out('peering', 'pcx-1'))] }), wish()],
  [
    'IPv6 only: peering',
    facts({ subnets: [V6], routeTables: [main(over6(out('peering', 'pcx-1')))] }),
    wish(),
  ],
  ['IPv6 only: no route', facts({ subnets: [V6], routeTables: [main(NAT)] }), wish()],
  ['IPv6 only: DNS64 without the route', facts({ subnets: [DNS64] }), wish()],
  ['IPv6 only: NAT64', facts({ subnets: [DNS64], routeTables: [main(NAT64)] }), wish({ installs: true })],
  [
    'IPv6 only: the route without DNS64',
    facts({ subnets: [V6], routeTables: [main(NAT64, EIGW)] }),
    wish({ installs: true }),
  ],
  [
    'IPv6 only: NAT64 through endpoints that admit the NAT gateway',
    facts({ subnets: [DNS64, A], routeTables: [main(NAT64)], endpoints: agentEndpoints }),
    wish({ subnetIds: ['subnet-v'] }),
  ],
  [
    'IPv6 only: NAT64, but endpoints admit nobody',
    facts({
      subnets: [DNS64, A],
      routeTables: [main(NAT64)],
      endpoints: agentEndpoints,
      groups: [closed],
    }),
    wish({ subnetIds: ['subnet-v'] }),
  ],
  [
    'IPv6 only: NAT64, but endpoints admit a group alone, which the NAT gateway is not in',
    facts({
      subnets: [DNS64, A],
      routeTables: [main(NAT64)],
      endpoints: agentEndpoints,
      groups: [clientsOnly],
    }),
    wish({ clientGroupIds: ['sg-clients'] }),
  ],
  [
    'dual stack: the same, because 443 leaves it over IPv6 alone',
    facts({
      subnets: [{ ...DUAL, dns64: true }],
      routeTables: [main(NAT64)],
      endpoints: agentEndpoints,
      groups: [clientsOnly],
    }),
    wish({ installs: true, clientGroupIds: ['sg-clients'] }),
  ],
  ['IPv6 only: egress-only gateway', facts({ subnets: [V6], routeTables: [main(EIGW)] }), wish()],
  [
    'IPv6 only: egress-only gateway, must install',
    facts({ subnets: [V6], routeTables: [main(EIGW)] }),
    wish({ installs: true }),
  ],
  [
    'IPv6 only: egress-only gateway is gone',
    facts({ subnets: [V6], routeTables: [main({ ...EIGW, blackhole: true })] }),
    wish(),
  ],
  ['IPv6 only: internet gateway', facts({ subnets: [V6], routeTables: [main(over6(IGW))] }), wish()],
  [
    'IPv6 only: transit gateway',
    facts({ subnets: [V6], routeTables: [main(over6(out('transit-gateway', 'tgw-1')))] }),
    wish(),
  ],
  [
    'IPv6 only: dual-stack endpoints',
    facts({ subnets: [V6], endpoints: dualStack(agentEndpoints), groups: [open6] }),
    wish(),
  ],
  [
    'IPv6 only: dual-stack endpoints that admit IPv4 alone',
    facts({ subnets: [V6], endpoints: dualStack(agentEndpoints), routeTables: [main(EIGW)] }),
    wish(),
  ],
  [
    'IPv6 only: endpoints without IPv6 shadow the names',
    facts({ subnets: [V6], endpoints: agentEndpoints, routeTables: [main(EIGW)] }),
    wish(),
  ],
  [
    'IPv6 only and IPv4: IPv4 wins, even the public one',
    facts({ subnets: [V6, A], routeTables: [main(IGW), table(['subnet-v'], [EIGW])] }),
    wish(),
  ],
  [
    'IPv6 only, two ways: NAT64 wins',
    facts({
      subnets: [DNS64, { ...V6, id: 'subnet-w' }],
      routeTables: [main(NAT64), table(['subnet-w'], [EIGW])],
    }),
    wish(),
  ],
  [
    'endpoints with IPv6 addresses alone',
    facts({
      endpoints: agentEndpoints.map((each) => ({ ...each, addresses: ['ipv6'] })),
      routeTables: [main(NAT)],
    }),
    wish(),
  ],
  ['dual stack behind an egress-only gateway', facts({ subnets: [DUAL], routeTables: [main(EIGW)] }), wish()],
  [
    'dual stack behind an egress-only gateway, must install',
    facts({ subnets: [DUAL], routeTables: [main(EIGW)] }),
    wish({ installs: true }),
  ],
  [
    'dual stack and IPv6 only behind an egress-only gateway: not mixed',
    facts({ subnets: [V6, DUAL], routeTables: [main(EIGW)] }),
    wish(),
  ],
  ['dual stack behind NAT', facts({ subnets: [DUAL], routeTables: [main(NAT, EIGW)] }), wish()],
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
  [
    'told better: private',
    facts({ subnets: [A, B], endpoints: agentEndpoints, groups: [closed] }),
    wish({ subnetIds: ['subnet-a'], wayOut: 'private', installs: true }),
  ],
  [
    'told better: public',
    facts({ routeTables: [main(NAT)] }),
    wish({ subnetIds: ['subnet-a'], wayOut: 'public' }),
  ],
  ['no subnet at all', facts({ subnets: [] }), wish()],
];

/** The parts of the plan of a bastion for tunnels that depend on the network. */
function planFor(network: NetworkChoice): readonly string[] {
  const spec = sampleSpec({ network, cluster: undefined, databases: [], types: ['t4g.micro'] });
  const { steps } = planUp(EMPTY, spec, NOW, ruleAdmitting);
  return steps
    .filter(({ kind }) => kind === 'egress' || kind === 'instance')
    .map(({ action, kind, reason }) => `  ${action} ${kind}: ${reason}`);
}

function outcome(shape: NetworkFacts, request: NetworkRequest): string {
  const reports = classifySubnets(shape, request).map(
    (report) => `    ${report.subnet.id}: ${report.wayOut}, ${report.reason}`,
  );
  try {
    const choice = chooseNetwork(shape, request, classifySubnets);
    const ids = choice.subnets.map((each) => each.id).join(' ');
    const stack = choice.stack === 'ipv4' ? '' : ` [${choice.stack}]`;
    return [
      `  → ${ids}${choice.publicIp ? ' + public address' : ''}${stack}: ${choice.reason}`,
      ...planFor(choice),
      ...reports,
    ].join('\n');
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [
      `  → ${error.code}, missing: ${(error.details['missing'] as readonly string[]).join(',')}`,
      ...reports,
    ].join('\n');
  }
}

describe('the choice of a network, and the resulting plan', () => {
  it('is correct for each shape of network', () => {
    const text = SHAPES.map(([name, shape, request]) => `${name}\n${outcome(shape, request)}`).join('\n');
    expect(`\n${text}\n`).toMatchInlineSnapshot(`
      "
      private subnet behind NAT
        → subnet-a: private, through a NAT gateway (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: nat, 0.0.0.0/0 → nat-1
      public subnet
        → subnet-a + public address: through the internet gateway; only instances with a public address can use it (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a, with a public address
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
      isolated subnet
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, no default route and no endpoint for ssm, ssmmessages
      isolated, agent endpoints
        → subnet-a: private, through VPC endpoints (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages
      isolated, agent endpoints, must install
        → no-way-out, missing: s3,ecs
          subnet-a: none, no default route and no endpoint for s3 (no endpoint of this region carries s3.amazonaws.com), ecs
      isolated, all endpoints, must install
        → subnet-a: private, through VPC endpoints (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages, s3, ecs
      isolated, all endpoints, must install, outside us-east-1
        → no-way-out, missing: s3
          subnet-a: none, no default route and no endpoint for s3 (no endpoint of this region carries s3.amazonaws.com)
      NAT beside all endpoints, must install, outside us-east-1
        → subnet-a: private, through a NAT gateway (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: nat, 0.0.0.0/0 → nat-1
      S3 gateway endpoint in another route table
        → no-way-out, missing: s3
          subnet-a: none, no default route and no endpoint for s3 (vpce-s3 is not in its route table)
      only the ssm endpoint
        → no-way-out, missing: ssmmessages
          subnet-a: none, no default route and no endpoint for ssmmessages
      ssm endpoint and NAT
        → subnet-a: private, through a NAT gateway (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
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
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages
      NAT gateway is gone
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, its default route leads to nat-9, which no longer exists, and no endpoint for ssm, ssmmessages
      transit gateway
        → subnet-a: private, through a default route (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: routed, 0.0.0.0/0 → tgw-1, assumed to lead to the internet
      firewall or NAT instance
        → subnet-a: private, through a default route (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: routed, 0.0.0.0/0 → eni-1, assumed to lead to the internet
      peering
        → no-way-out, missing: ssm,ssmmessages
          subnet-a: none, its default route leads to pcx-1, which does not lead out of the VPC, and no endpoint for ssm, ssmmessages
      IPv6 only: peering
        → no-way-out, missing: ssm,ssmmessages
          subnet-v: none, IPv6 only: ::/0 → pcx-1 does not lead out of the VPC, no dual-stack endpoint for ssm, ssmmessages, no NAT64: DNS64 is off, no route leads 64:ff9b::/96 to a NAT gateway
      IPv6 only: no route
        → no-way-out, missing: ssm,ssmmessages
          subnet-v: none, IPv6 only: no route for ::/0, no dual-stack endpoint for ssm, ssmmessages, no NAT64: DNS64 is off, no route leads 64:ff9b::/96 to a NAT gateway
      IPv6 only: DNS64 without the route
        → no-way-out, missing: ssm,ssmmessages
          subnet-v: none, IPv6 only: no route for ::/0, no dual-stack endpoint for ssm, ssmmessages, no NAT64: no route leads 64:ff9b::/96 to a NAT gateway
      IPv6 only: NAT64
        → subnet-v [nat64]: private, over IPv6 through NAT64 (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: nat64, IPv6 only: DNS64, 64:ff9b::/96 → nat-1
      IPv6 only: the route without DNS64
        → no-way-out, missing: 
          subnet-v: none, IPv6 only: enough for a bastion for tunnels only, but installing anything needs NAT64: DNS64 is off
      IPv6 only: NAT64 through endpoints that admit the NAT gateway
        → subnet-v [nat64]: private, over IPv6 through NAT64 (as asked)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: nat64, IPv6 only: DNS64, 64:ff9b::/96 → nat-1
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages
      IPv6 only: NAT64, but endpoints admit nobody
        → no-way-out, missing: 
          subnet-v: none, IPv6 only: endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
          subnet-a: none, endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
      IPv6 only: NAT64, but endpoints admit a group alone, which the NAT gateway is not in
        → subnet-a: private, through VPC endpoints (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-v: none, IPv6 only: endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
          subnet-a: endpoints, VPC endpoints for ssm, ssmmessages
      dual stack: the same, because 443 leaves it over IPv6 alone
        → no-way-out, missing: s3,ecs
          subnet-a: none, no default route and no endpoint for s3 (no endpoint of this region carries s3.amazonaws.com), ecs; over IPv6: endpoint vpce-ssm (ssm) does not admit 443 from 10.0.1.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.1.0/24: sg-endpoints
      IPv6 only: egress-only gateway
        → subnet-v [ipv6]: private, over IPv6 through an egress-only internet gateway; the agent is configured with AWS's dual-stack names (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: egress-only, IPv6 only: ::/0 → eigw-1
      IPv6 only: egress-only gateway, must install
        → no-way-out, missing: 
          subnet-v: none, IPv6 only: enough for a bastion for tunnels only, but installing anything needs NAT64: DNS64 is off, no route leads 64:ff9b::/96 to a NAT gateway
      IPv6 only: egress-only gateway is gone
        → no-way-out, missing: ssm,ssmmessages
          subnet-v: none, IPv6 only: no route for ::/0, no dual-stack endpoint for ssm, ssmmessages, no NAT64: DNS64 is off, no route leads 64:ff9b::/96 to a NAT gateway
      IPv6 only: internet gateway
        → subnet-v [ipv6]: public, over IPv6 through the internet gateway; the agent is configured with AWS's dual-stack names (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: ipv6-internet-gateway, IPv6 only: ::/0 → igw-1: its address is public
      IPv6 only: transit gateway
        → subnet-v [ipv6]: private, over IPv6 through a default route; the agent is configured with AWS's dual-stack names (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: ipv6-routed, IPv6 only: ::/0 → tgw-1, assumed to lead to the internet
      IPv6 only: dual-stack endpoints
        → subnet-v [ipv6]: private, over IPv6 through VPC endpoints; the agent is configured with AWS's dual-stack names (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: ipv6-endpoints, IPv6 only: VPC endpoints for ssm, ssmmessages
      IPv6 only: dual-stack endpoints that admit IPv4 alone
        → no-way-out, missing: 
          subnet-v: none, IPv6 only: endpoint vpce-ssm (ssm) does not admit 443 from 2600:1f18:1:1::/64: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 2600:1f18:1:1::/64: sg-endpoints
      IPv6 only: endpoints without IPv6 shadow the names
        → no-way-out, missing: 
          subnet-v: none, IPv6 only: endpoint vpce-ssm (ssm) answers over IPv4 only: make it dual-stack; endpoint vpce-ssmmessages (ssmmessages) answers over IPv4 only: make it dual-stack
      IPv6 only and IPv4: IPv4 wins, even the public one
        → subnet-a + public address: through the internet gateway; only instances with a public address can use it (all that fit); subnets without IPv4 are not used
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a, with a public address
          subnet-v: egress-only, IPv6 only: ::/0 → eigw-1
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
      IPv6 only, two ways: NAT64 wins
        → subnet-v [nat64]: private, over IPv6 through NAT64 (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-v
          subnet-v: nat64, IPv6 only: DNS64, 64:ff9b::/96 → nat-1
          subnet-w: egress-only, IPv6 only: ::/0 → eigw-1
      endpoints with IPv6 addresses alone
        → no-way-out, missing: 
          subnet-a: none, endpoint vpce-ssm (ssm) answers over IPv6 only: make it dual-stack; endpoint vpce-ssmmessages (ssmmessages) answers over IPv6 only: make it dual-stack
      dual stack behind an egress-only gateway
        → subnet-a [ipv6]: private, over IPv6 through an egress-only internet gateway; the agent is configured with AWS's dual-stack names (all that fit)
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: egress-only, over IPv6: ::/0 → eigw-1
      dual stack behind an egress-only gateway, must install
        → no-way-out, missing: ssm,ssmmessages,s3,ecs
          subnet-a: none, no default route and no endpoint for ssm, ssmmessages, s3 (no endpoint of this region carries s3.amazonaws.com), ecs; over IPv6: enough for a bastion for tunnels only, but installing anything needs NAT64: DNS64 is off, no route leads 64:ff9b::/96 to a NAT gateway
      dual stack and IPv6 only behind an egress-only gateway: not mixed
        → subnet-a [ipv6]: private, over IPv6 through an egress-only internet gateway; the agent is configured with AWS's dual-stack names (all that fit); subnets without IPv4 are not used
        create egress: allows only tcp/443 to ::/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-v: egress-only, IPv6 only: ::/0 → eigw-1
          subnet-a: egress-only, over IPv6: ::/0 → eigw-1
      dual stack behind NAT
        → subnet-a: private, through a NAT gateway (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: nat, 0.0.0.0/0 → nat-1
      no free address
        → no-way-out, missing: 
          subnet-a: none, no free address left
      public and private: private wins
        → subnet-b: private, through a NAT gateway (all that fit)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-b
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
          subnet-b: nat, 0.0.0.0/0 → nat-1
      the service's own subnets first
        → subnet-b: private, through a NAT gateway (the service's own)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-b
          subnet-a: nat, 0.0.0.0/0 → nat-1
          subnet-b: nat, 0.0.0.0/0 → nat-1
      the service lives in an isolated subnet
        → subnet-a: private, through a NAT gateway (none of the service's own fits)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: nat, 0.0.0.0/0 → nat-1
          subnet-b: none, no default route and no endpoint for ssm, ssmmessages
      asked for the public one
        → subnet-a + public address: through the internet gateway; only instances with a public address can use it (as asked)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a, with a public address
          subnet-a: internet-gateway, 0.0.0.0/0 → igw-1: needs a public address
          subnet-b: nat, 0.0.0.0/0 → nat-1
      told better: private
        → subnet-a: private, by a route that was given (as asked)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a
          subnet-a: given-private, as given
          subnet-b: none, endpoint vpce-ssm (ssm) does not admit 443 from 10.0.2.0/24: sg-endpoints; endpoint vpce-ssmmessages (ssmmessages) does not admit 443 from 10.0.2.0/24: sg-endpoints
      told better: public
        → subnet-a + public address: with a public address, as was given (as asked)
        create egress: allows only tcp/443 to 0.0.0.0/0
        create instance: spot, one of t4g.micro in subnet-a, with a public address
          subnet-a: given-public, as given
      no subnet at all
        → no-way-out, missing: 
      "
    `);
  });

  it('refuses a subnet of another VPC by name', () => {
    expect(() =>
      chooseNetwork(facts({ routeTables: [main(NAT)] }), wish({ subnetIds: ['subnet-z'] }), classifySubnets),
    ).toThrow(expect.objectContaining({ code: 'subnet-not-found' }) as Error);
  });

  it('names the endpoints to add, and the alternative that needs fewer', () => {
    const shape = facts({ endpoints: agentEndpoints });
    expect(() => chooseNetwork(shape, wish({ installs: true }), classifySubnets)).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({
          region: 'eu-west-1',
          missing: expect.arrayContaining(['s3']) as unknown,
          tunnelsPossible: true,
        }) as unknown,
      }) as Error,
    );
  });
});
