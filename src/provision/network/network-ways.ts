import {
  AGENT_SERVICES,
  type CallSource,
  describeAbsent,
  INSTALL_SERVICES,
  surveyEndpoints,
} from './network-endpoints.ts';
import { type NetworkFacts, type NetworkWishes, routeTo, tableOf } from './network-facts.ts';
import type { Route, Subnet, VpcEndpoint } from '../ports/network.ts';

/** How each subnet of a VPC reaches AWS, over IPv4 or else over IPv6. Pure. */

/** How a subnet reaches AWS. Those over IPv6, except `nat64`, reach only AWS's dual-stack names. Stable: part of `up --dry-run --json`. */
export type WayOut =
  | 'endpoints'
  | 'nat'
  | 'routed'
  | 'internet-gateway'
  | 'private-as-told'
  | 'public-as-told'
  | 'nat64'
  | 'ipv6-endpoints'
  | 'egress-only'
  | 'ipv6-routed'
  | 'ipv6-internet-gateway'
  | 'none';

export interface SubnetReport {
  readonly subnet: Subnet;
  readonly way: WayOut;
  /** One phrase: why a bastion can or cannot run in it. */
  readonly reason: string;
  /** Services for which an endpoint would have to be added; only with `none`. */
  readonly missing: readonly string[];
}

/** The range into which DNS64 translates IPv4 addresses; a NAT gateway translates them back. */
const NAT64 = '64:ff9b::/96';

/** How each subnet reaches AWS, in the order given. */
export function classifySubnets(facts: NetworkFacts, wishes: NetworkWishes): readonly SubnetReport[] {
  return facts.subnets.map((subnet) => {
    const { cidr, ipv6Cidr } = subnet;
    if (cidr === undefined) return overIpv6(subnet, 'IPv6 only', facts, wishes);
    if (subnet.freeAddresses < 1) return none(subnet, 'no free address left');
    if (wishes.wayOut !== undefined && wishes.subnetIds.includes(subnet.id))
      return { subnet, way: `${wishes.wayOut}-as-told`, reason: 'as given with --way-out', missing: [] };
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

/** The instance itself calls the endpoint, if both have an address of that family. */
const direct =
  (family: 'ipv4' | 'ipv6', range: string | undefined, { clientGroupIds }: NetworkWishes) =>
  ({ addresses }: VpcEndpoint): CallSource => ({
    ranges: range !== undefined && addresses.includes(family) ? [range] : [],
    groupIds: clientGroupIds,
  });

/**
 * A NAT gateway, which has no security group of the bastion, calls an endpoint without IPv6. In which subnet the gateway
 * is, is not known here.
 */
const overNat64 =
  ({ ipv6Cidr }: Subnet, { subnets }: NetworkFacts, wishes: NetworkWishes) =>
  (endpoint: VpcEndpoint): CallSource =>
    endpoint.addresses.includes('ipv6')
      ? direct('ipv6', ipv6Cidr, wishes)(endpoint)
      : { ranges: subnets.flatMap(({ cidr }) => cidr ?? []), groupIds: [] };

function overIpv4(subnet: Subnet, cidr: string, facts: NetworkFacts, wishes: NetworkWishes): SubnetReport {
  const report = (way: WayOut, reason: string): SubnetReport => ({ subnet, way, reason, missing: [] });
  const services = wanted(wishes);
  const { blocked, absent } = surveyEndpoints(services, subnet, facts, direct('ipv4', cidr, wishes));
  // With private DNS the service's name leads to the endpoint, so another way out does not help.
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
    case 'other':
      return report('routed', `${describeRoute(route)}, assumed to lead to the internet`);
    // A peering does not carry traffic through the other VPC to the internet.
    case 'peering':
    case 'local':
    case 'egress-only-internet-gateway':
      return none(subnet, withoutRoute(subnet, absent, facts), absent);
    default:
      return target satisfies never;
  }
}

const describeRoute = ({ destination, targetId }: Route): string => `${destination} → ${targetId}`;

function withoutRoute(subnet: Subnet, absent: readonly string[], facts: NetworkFacts): string {
  const useless = tableOf(subnet, facts)?.routes.find((route) => route.destination === '0.0.0.0/0');
  const why =
    useless === undefined
      ? 'no default route'
      : `its default route leads to ${useless.targetId}, which is ${useless.blackhole ? 'gone' : 'no way out'},`;
  return `${why} and no endpoint for ${describeAbsent(absent, facts)}`;
}

/**
 * With NAT64 every service is reached by its usual name. The other ways reach only dual-stack names: the agent can be
 * configured to use them, but no such name is documented for the download of the plugin and for the stream URL of ECS.
 */
function overIpv6(subnet: Subnet, start: string, facts: NetworkFacts, wishes: NetworkWishes): SubnetReport {
  const report = (way: WayOut, reason: string, missing: readonly string[] = []): SubnetReport => ({
    subnet,
    way,
    reason: `${start}: ${reason}`,
    missing,
  });
  const nat64 = routeTo(NAT64, subnet, facts);
  if (subnet.dns64 && nat64 !== undefined) {
    const source = overNat64(subnet, facts, wishes);
    const { blocked } = surveyEndpoints(wanted(wishes), subnet, facts, source);
    if (blocked.length > 0) return report('none', blocked.join('; '));
    return report('nat64', `DNS64, ${describeRoute(nat64)}`);
  }
  const source = direct('ipv6', subnet.ipv6Cidr, wishes);
  const { blocked, absent } = surveyEndpoints(AGENT_SERVICES, subnet, facts, source);
  if (blocked.length > 0) return report('none', blocked.join('; '));
  const lacksNat64 = [
    ...(subnet.dns64 ? [] : ['DNS64 is off']),
    ...(nat64 === undefined ? [`no route leads ${NAT64} to a NAT gateway`] : []),
  ].join(', ');
  const [way, reason]: readonly [WayOut, string] =
    absent.length === 0
      ? ['ipv6-endpoints', `VPC endpoints for ${AGENT_SERVICES.join(', ')}`]
      : ipv6WayOf(routeTo('::/0', subnet, facts));
  if (way === 'none') {
    const endpoints = `no dual-stack endpoint for ${describeAbsent(absent, facts)}`;
    return report('none', `${reason}, ${endpoints}, no NAT64: ${lacksNat64}`, absent);
  }
  if (wishes.installs)
    return report('none', `enough for --tunnel-only, but installing anything needs NAT64: ${lacksNat64}`);
  return report(way, reason);
}

function ipv6WayOf(route: Route | undefined): readonly [way: WayOut, reason: string] {
  if (route === undefined) return ['none', 'no route for ::/0'];
  const { target } = route;
  switch (target) {
    case 'egress-only-internet-gateway':
      return ['egress-only', describeRoute(route)];
    case 'internet-gateway':
      return ['ipv6-internet-gateway', `${describeRoute(route)}: its address is public`];
    case 'transit-gateway':
    case 'network-interface':
    case 'nat-gateway':
    case 'other':
      return ['ipv6-routed', `${describeRoute(route)}, assumed to lead to the internet`];
    case 'peering':
    case 'local':
      return ['none', `${describeRoute(route)} is no way out`];
    default:
      return target satisfies never;
  }
}
