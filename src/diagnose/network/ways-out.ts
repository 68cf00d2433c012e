import type { Route, Subnet, VpcEndpoint } from '../../provision/ports/network.ts';
import type { NetworkFacts, NetworkRequest, SubnetReport, WayOut } from '../../provision/ports/ways-out.ts';
import type { DefaultRoute, Finding, FindingOf } from '../finding.ts';
import type { Change, Fix } from '../change.ts';
import {
  AGENT_SERVICES,
  type CallSource,
  endpointChanges,
  INSTALL_SERVICES,
  surveyEndpoints,
} from './endpoints.ts';
import { routeTo, tableOf } from './routes.ts';
import { type SubnetFinding, subnetReason } from './subnet-reasons.ts';

/**
 * Determines how each subnet of a VPC reaches AWS, over IPv4 or else over IPv6, and why a subnet does not.
 * provision/network chooses the bastion's subnets from that. Pure.
 */

export interface SubnetDiagnosis extends SubnetReport {
  /** Why it does not reach AWS, or why that is not certain. */
  readonly findings: readonly Finding[];
}

/** The range into which DNS64 translates IPv4 addresses; a NAT gateway translates them back. */
const NAT64 = '64:ff9b::/96';

/** How each subnet reaches AWS, in the order given. */
export function classifySubnets(facts: NetworkFacts, request: NetworkRequest): readonly SubnetDiagnosis[] {
  return facts.subnets.map((subnet) => {
    const { cidr, ipv6Cidr } = subnet;
    if (cidr === undefined) return overIpv6(subnet, 'IPv6 only', facts, request);
    if (subnet.freeAddresses < 1) return none(subnet, [full(subnet)]);
    if (request.wayOut !== undefined && request.subnetIds.includes(subnet.id)) {
      const wayOut = `given-${request.wayOut}` as const;
      return { subnet, wayOut, reason: 'as given', missing: [], findings: [] };
    }
    const report = overIpv4(subnet, cidr, facts, request);
    if (report.wayOut !== 'none' || ipv6Cidr === undefined) return report;
    const instead = overIpv6(subnet, 'over IPv6', facts, request);
    if (instead.wayOut !== 'none') return instead;
    const findings = [...report.findings, ...instead.findings];
    return { ...report, reason: `${report.reason}; ${instead.reason}`, findings };
  });
}

const full = (subnet: Subnet): FindingOf<'subnet-full'> => ({
  id: 'subnet-full',
  severity: 'blocking',
  evidence: { subnet: subnet.id },
  fixes: [],
});

const none = (
  subnet: Subnet,
  findings: readonly SubnetFinding[],
  missing: readonly string[] = [],
): SubnetDiagnosis => ({
  subnet,
  wayOut: 'none',
  reason: findings.map(subnetReason).join('; '),
  missing,
  findings,
});

/** The default route leads to a target whose own routes EC2 does not show. */
const assumed = (subnet: Subnet, { destination, targetId: target }: Route): FindingOf<'way-out-assumed'> => ({
  id: 'way-out-assumed',
  severity: 'could-not-tell',
  evidence: { subnet: subnet.id, destination, target },
  fixes: [],
});

const wanted = ({ installs }: NetworkRequest): readonly string[] => [
  ...AGENT_SERVICES,
  ...(installs ? INSTALL_SERVICES : []),
];

/** The instance itself calls the endpoint, if both have an address of that family. */
const direct =
  (family: 'ipv4' | 'ipv6', range: string | undefined, { clientGroupIds }: NetworkRequest) =>
  ({ addresses }: VpcEndpoint): CallSource => ({
    ranges: range !== undefined && addresses.includes(family) ? [range] : [],
    groupIds: clientGroupIds,
  });

/**
 * A NAT gateway calls an endpoint without IPv6. The gateway does not have the bastion's security group, and its subnet
 * is not known here.
 */
const overNat64 =
  ({ ipv6Cidr }: Subnet, { subnets }: NetworkFacts, request: NetworkRequest) =>
  (endpoint: VpcEndpoint): CallSource =>
    endpoint.addresses.includes('ipv6')
      ? direct('ipv6', ipv6Cidr, request)(endpoint)
      : { ranges: subnets.flatMap(({ cidr }) => cidr ?? []), groupIds: [] };

function overIpv4(
  subnet: Subnet,
  cidr: string,
  facts: NetworkFacts,
  request: NetworkRequest,
): SubnetDiagnosis {
  const report = (
    wayOut: WayOut,
    reason: string,
    findings: SubnetDiagnosis['findings'] = [],
  ): SubnetDiagnosis => ({ subnet, wayOut, reason, missing: [], findings });
  const services = wanted(request);
  const { blocked, absent } = surveyEndpoints(services, subnet, facts, direct('ipv4', cidr, request));
  // With private DNS the service's name resolves to the endpoint, so another route does not help.
  if (blocked.length > 0) return none(subnet, blocked);
  if (absent.length === 0) return report('endpoints', `VPC endpoints for ${services.join(', ')}`);
  const missing = absent.map(({ service }) => service);
  const withoutRoute = (): SubnetDiagnosis => {
    const fixes: readonly (Fix | undefined)[] = [
      endpointChanges(absent, subnet, facts, false),
      [natRoute(subnet, facts, '0.0.0.0/0')],
    ];
    const evidence = { subnet: subnet.id, defaultRoute: defaultRouteOf(subnet, facts), absent };
    return none(
      subnet,
      [{ id: 'no-way-out-ipv4', severity: 'blocking', evidence, fixes: possible(fixes) }],
      missing,
    );
  };
  const route = routeTo('0.0.0.0/0', subnet, facts);
  if (route === undefined) return withoutRoute();
  const { target } = route;
  switch (target) {
    case 'nat-gateway':
      return report('nat', describeRoute(route));
    case 'internet-gateway':
      return report('internet-gateway', `${describeRoute(route)}: needs a public address`);
    case 'transit-gateway':
    case 'network-interface':
    case 'other':
      return report('routed', `${describeRoute(route)}, assumed to lead to the internet`, [
        assumed(subnet, route),
      ]);
    // A peering does not carry traffic through the other VPC to the internet.
    case 'peering':
    case 'local':
    case 'egress-only-internet-gateway':
      return withoutRoute();
    default:
      return target satisfies never;
  }
}

const describeRoute = ({ destination, targetId }: Route): string => `${destination} → ${targetId}`;

const possible = (fixes: readonly (Fix | undefined)[]): readonly Fix[] =>
  fixes.flatMap((fix) => (fix ? [fix] : []));

const natRoute = (subnet: Subnet, facts: NetworkFacts, destination: string): Change => ({
  kind: 'set-route',
  routeTable: tableOf(subnet.id, facts)?.id,
  destination,
  target: 'nat-gateway',
});

/** The default route for IPv4, even if it leads nowhere. */
function defaultRouteOf(subnet: Subnet, facts: NetworkFacts): DefaultRoute | undefined {
  const route = tableOf(subnet.id, facts)?.routes.find(({ destination }) => destination === '0.0.0.0/0');
  return route && { target: route.targetId, exists: !route.blackhole };
}

/**
 * With NAT64 every service is reached by its usual name. The other routes reach only dual-stack names: the agent can be
 * configured to use them, but no such name is documented for the download of the plugin and for the stream URL of ECS.
 */
function overIpv6(
  subnet: Subnet,
  start: string,
  facts: NetworkFacts,
  request: NetworkRequest,
): SubnetDiagnosis {
  const report = (
    wayOut: WayOut,
    reason: string,
    findings: SubnetDiagnosis['findings'] = [],
  ): SubnetDiagnosis => ({ subnet, wayOut, reason: `${start}: ${reason}`, missing: [], findings });
  const withStart = (diagnosis: SubnetDiagnosis): SubnetDiagnosis => ({
    ...diagnosis,
    reason: `${start}: ${diagnosis.reason}`,
  });
  const nat64 = routeTo(NAT64, subnet, facts);
  if (subnet.dns64 && nat64 !== undefined) {
    const source = overNat64(subnet, facts, request);
    const { blocked } = surveyEndpoints(wanted(request), subnet, facts, source);
    if (blocked.length > 0) return withStart(none(subnet, blocked));
    return report('nat64', `DNS64, ${describeRoute(nat64)}`);
  }
  const source = direct('ipv6', subnet.ipv6Cidr, request);
  const { blocked, absent } = surveyEndpoints(AGENT_SERVICES, subnet, facts, source);
  if (blocked.length > 0) return withStart(none(subnet, blocked));
  const lacks = { dns64: subnet.dns64, nat64Route: nat64 !== undefined };
  const toNat64: Fix = [
    ...(lacks.dns64 ? [] : [{ kind: 'set-subnet', subnet: subnet.id, dns64: true } as const]),
    ...(lacks.nat64Route ? [] : [natRoute(subnet, facts, NAT64)]),
  ];
  const route = routeTo('::/0', subnet, facts);
  const [wayOut, reason]: readonly [WayOut, string] =
    absent.length === 0
      ? ['ipv6-endpoints', `VPC endpoints for ${AGENT_SERVICES.join(', ')}`]
      : ipv6WayOutOf(route);
  if (wayOut === 'none') {
    const evidence = {
      subnet: subnet.id,
      defaultRoute: route && { target: route.targetId, exists: true },
      absent,
      ...lacks,
    };
    const fixes = possible([endpointChanges(absent, subnet, facts, true), toNat64]);
    const missing = absent.map(({ service }) => service);
    return withStart(
      none(subnet, [{ id: 'no-way-out-ipv6', severity: 'blocking', evidence, fixes }], missing),
    );
  }
  if (request.installs) {
    const evidence = { subnet: subnet.id, ...lacks };
    return withStart(
      none(subnet, [{ id: 'nat64-needed', severity: 'blocking', evidence, fixes: [toNat64] }]),
    );
  }
  return report(
    wayOut,
    reason,
    wayOut === 'ipv6-routed' && route !== undefined ? [assumed(subnet, route)] : [],
  );
}

/** The way out and its reason; for `none` a finding gives the reason. */
function ipv6WayOutOf(route: Route | undefined): readonly [wayOut: WayOut, reason: string] {
  if (route === undefined) return ['none', ''];
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
      return ['none', ''];
    default:
      return target satisfies never;
  }
}
