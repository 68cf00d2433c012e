import { AGENT_SERVICES, describeAbsent, INSTALL_SERVICES, surveyEndpoints } from './network-endpoints.ts';
import { type NetworkFacts, type NetworkWishes, routeTo, tableOf } from './network-facts.ts';
import type { Route, Subnet } from './ports/network.ts';

/** How each subnet of a VPC reaches AWS, over IPv4 or else over IPv6. Pure. */

/** Those over IPv6 but for `nat64` lead to AWS's dual-stack names alone. */
export type WayOut =
  | 'endpoints'
  | 'nat'
  | 'routed'
  | 'internet-gateway'
  | 'nat64'
  | 'ipv6-endpoints'
  | 'egress-only'
  | 'ipv6-routed'
  | 'ipv6-internet-gateway'
  | 'none';

export interface SubnetReport {
  readonly subnet: Subnet;
  readonly way: WayOut;
  /** One phrase: why it can or cannot hold a bastion. */
  readonly reason: string;
  /** Services that an endpoint would have to provide here; only with `none`. */
  readonly missing: readonly string[];
}

/** What DNS64 makes of an IPv4 address, and a NAT gateway of that. */
const NAT64 = '64:ff9b::/96';

/** What each subnet offers, in the order given. */
export function classifySubnets(facts: NetworkFacts, wishes: NetworkWishes): readonly SubnetReport[] {
  return facts.subnets.map((subnet) => {
    const { cidr, ipv6Cidr } = subnet;
    if (cidr === undefined) return overIpv6(subnet, 'IPv6 only', facts, wishes);
    if (subnet.freeAddresses < 1) return none(subnet, 'no free address left');
    const report = overIpv4(subnet, cidr, facts, wishes);
    if (report.way !== 'none' || ipv6Cidr === undefined) return report;
    const instead = overIpv6(subnet, 'over IPv6', facts, wishes);
    return instead.way === 'none' ? { ...report, reason: `${report.reason}; ${instead.reason}` } : instead;
  });
}

const none = (subnet: Subnet, reason: string, missing: readonly string[] = []): SubnetReport => ({
  subnet,
  way: 'none',
  reason,
  missing,
});

const wanted = ({ installs }: NetworkWishes): readonly string[] => [
  ...AGENT_SERVICES,
  ...(installs ? INSTALL_SERVICES : []),
];

function overIpv4(subnet: Subnet, cidr: string, facts: NetworkFacts, wishes: NetworkWishes): SubnetReport {
  const report = (way: WayOut, reason: string): SubnetReport => ({ subnet, way, reason, missing: [] });
  const services = wanted(wishes);
  const { blocked, absent } = surveyEndpoints(services, subnet, facts, wishes, ({ addresses }) =>
    addresses.includes('ipv4') ? [cidr] : [],
  );
  // Another way out does not help past an endpoint with private DNS.
  if (blocked.length > 0) return none(subnet, blocked.join('; '));
  if (absent.length === 0) return report('endpoints', `VPC endpoints for ${services.join(', ')}`);
  const route = routeTo('0.0.0.0/0', subnet, facts);
  if (route === undefined) return none(subnet, withoutRoute(subnet, absent, facts), absent);
  const { target } = route;
  switch (target) {
    case 'nat-gateway':
      return report('nat', describeRoute(route));
    case 'internet-gateway':
      return report('internet-gateway', `${describeRoute(route)}: needs a public address`);
    case 'transit-gateway':
    case 'network-interface':
    case 'peering':
    case 'other':
      return report('routed', `${describeRoute(route)}, taken to lead out`);
    case 'local':
    case 'egress-only-internet-gateway':
      return none(subnet, withoutRoute(subnet, absent, facts), absent);
    default:
      return target satisfies never;
  }
}

const describeRoute = ({ destination, targetId }: Route): string => `${destination} → ${targetId}`;

function withoutRoute(subnet: Subnet, absent: readonly string[], facts: NetworkFacts): string {
  const broken = tableOf(subnet, facts)?.routes.find(
    (route) => route.destination === '0.0.0.0/0' && route.blackhole,
  );
  const why =
    broken === undefined
      ? 'no default route'
      : `its default route leads to ${broken.targetId}, which is gone,`;
  return `${why} and no endpoint for ${describeAbsent(absent, facts)}`;
}

/**
 * NAT64 serves everything by its usual name. The other ways serve who asks for dual-stack names: the agent can be told
 * to; of the plugin's download and of ECS's stream URL no such name is documented.
 */
function overIpv6(subnet: Subnet, start: string, facts: NetworkFacts, wishes: NetworkWishes): SubnetReport {
  const report = (way: WayOut, reason: string, missing: readonly string[] = []): SubnetReport => ({
    subnet,
    way,
    reason: `${start}: ${reason}`,
    missing,
  });
  const range = subnet.ipv6Cidr === undefined ? [] : [subnet.ipv6Cidr];
  const nat64 = routeTo(NAT64, subnet, facts);
  if (subnet.dns64 && nat64 !== undefined) {
    // An endpoint without IPv6 is called by the NAT gateway, from whichever subnet that lives in.
    const gateways = facts.subnets.flatMap(({ cidr }) => cidr ?? []);
    const { blocked } = surveyEndpoints(wanted(wishes), subnet, facts, wishes, ({ addresses }) =>
      addresses.includes('ipv6') ? range : gateways,
    );
    if (blocked.length > 0) return report('none', blocked.join('; '));
    return report('nat64', `DNS64, ${describeRoute(nat64)}`);
  }
  const { blocked, absent } = surveyEndpoints(AGENT_SERVICES, subnet, facts, wishes, ({ addresses }) =>
    addresses.includes('ipv6') ? range : [],
  );
  if (blocked.length > 0) return report('none', blocked.join('; '));
  const lacksNat64 = [
    ...(subnet.dns64 ? [] : ['DNS64 is off']),
    ...(nat64 === undefined ? [`no route leads ${NAT64} to a NAT gateway`] : []),
  ].join(', ');
  const direct = absent.length === 0 ? 'endpoints' : routeTo('::/0', subnet, facts);
  if (direct === undefined) {
    const endpoints = `no dual-stack endpoint for ${describeAbsent(absent, facts)}`;
    return report('none', `no route for ::/0, ${endpoints}, no NAT64: ${lacksNat64}`, absent);
  }
  if (wishes.installs)
    return report('none', `enough for --tunnel-only, but to install takes NAT64: ${lacksNat64}`);
  if (direct === 'endpoints')
    return report('ipv6-endpoints', `VPC endpoints for ${AGENT_SERVICES.join(', ')}`);
  const [way, remark] = IPV6_ROUTES[direct.target];
  return report(way, `${describeRoute(direct)}${remark}`);
}

/** What `::/0` to such a target is worth, and what there is to say about it. */
const IPV6_ROUTES: Readonly<Record<Route['target'], readonly [way: WayOut, remark: string]>> = {
  'egress-only-internet-gateway': ['egress-only', ''],
  'internet-gateway': ['ipv6-internet-gateway', ': its address is public'],
  'transit-gateway': ['ipv6-routed', ', taken to lead out'],
  'network-interface': ['ipv6-routed', ', taken to lead out'],
  'nat-gateway': ['ipv6-routed', ', taken to lead out'],
  peering: ['ipv6-routed', ', taken to lead out'],
  local: ['ipv6-routed', ', taken to lead out'],
  other: ['ipv6-routed', ', taken to lead out'],
};
