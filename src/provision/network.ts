import { failed, noMatch } from '../core/errors.ts';
import type { GroupRule, Route, RouteTable, SecurityGroup, Subnet, Vpc, VpcEndpoint } from './ports.ts';

/** Which subnets a bastion can live in: pure, over what was read of the VPC. */

/** Endpoints without which the agent cannot work in a subnet that has no other way out (aws-facts §7.5). */
export const AGENT_SERVICES = ['ssm', 'ssmmessages'] as const;
/** Further endpoints for `ecs_connect.sh`: the plugin's download and the ECS API. */
export const INSTALL_SERVICES = ['s3', 'ecs'] as const;

export interface NetworkFacts {
  readonly region: string;
  readonly vpc: Vpc;
  readonly subnets: readonly Subnet[];
  readonly routeTables: readonly RouteTable[];
  readonly endpoints: readonly VpcEndpoint[];
  /** Groups of the endpoints. */
  readonly groups: readonly SecurityGroup[];
}

/** How a subnet reaches AWS. */
export type WayOut = 'endpoints' | 'nat' | 'routed' | 'internet-gateway' | 'none';

export interface SubnetReport {
  readonly subnet: Subnet;
  readonly way: WayOut;
  /** One phrase: why it can or cannot hold a bastion. */
  readonly reason: string;
  /** Services that an endpoint would have to provide here; only with `none`. */
  readonly missing: readonly string[];
}

export interface NetworkWishes {
  /** Only these; empty = any in the VPC. */
  readonly subnetIds: readonly string[];
  /** Of the service; used first when equally good. */
  readonly preferredSubnetIds: readonly string[];
  /** False with --tunnel-only. */
  readonly installs: boolean;
  /** Groups besides ours that the instance will have: an endpoint may admit them. */
  readonly clientGroupIds: readonly string[];
}

export interface NetworkChoice {
  readonly vpcId: string;
  readonly subnets: readonly Subnet[];
  readonly publicIp: boolean;
  /** Why these. */
  readonly reason: string;
  readonly considered: readonly SubnetReport[];
}

/** What each subnet offers, in the order given. */
export function classifySubnets(facts: NetworkFacts, wishes: NetworkWishes): readonly SubnetReport[] {
  return facts.subnets.map((subnet) => classify(subnet, facts, wishes));
}

/** Throws `subnet-not-found` (no match) or `no-way-out` (failed; hints list what is missing). */
export function chooseNetwork(facts: NetworkFacts, wishes: NetworkWishes): NetworkChoice {
  const considered = classifySubnets(facts, wishes);
  const unknown = wishes.subnetIds.filter((id) => !facts.subnets.some((subnet) => subnet.id === id));
  if (unknown.length > 0) {
    throw noMatch('subnet-not-found', `no subnet ${unknown.join(', ')} in ${facts.vpc.id}`, {
      hints: facts.subnets.map((subnet) => `--subnet ${subnet.id}   # ${subnet.zone}`),
      details: { subnets: unknown, vpc: facts.vpc.id },
    });
  }
  const allowed = considered.filter(
    (report) => wishes.subnetIds.length === 0 || wishes.subnetIds.includes(report.subnet.id),
  );
  const fitting = allowed.filter((report) => report.way !== 'none');
  const isPrivate = fitting.filter((report) => report.way !== 'internet-gateway');
  const best = isPrivate.length > 0 ? isPrivate : fitting;
  if (best.length === 0) throw noWayOut(facts, allowed);

  const preferred = best.filter((report) => wishes.preferredSubnetIds.includes(report.subnet.id));
  const chosen = preferred.length > 0 ? preferred : best;
  const publicIp = isPrivate.length === 0;
  const ways = [...new Set(chosen.map((report) => WAY_TEXT[report.way]))].join(' and ');
  const whose =
    wishes.subnetIds.length > 0
      ? 'as asked'
      : preferred.length > 0
        ? "the service's own"
        : wishes.preferredSubnetIds.length > 0
          ? "none of the service's own fits"
          : 'all that fit';
  return {
    vpcId: facts.vpc.id,
    subnets: chosen.map((report) => report.subnet),
    publicIp,
    reason: publicIp
      ? `${ways}; a public address is the only way out here (${whose})`
      : `private, ${ways} (${whose})`,
    considered,
  };
}

const WAY_TEXT: Readonly<Record<WayOut, string>> = {
  endpoints: 'through VPC endpoints',
  nat: 'through a NAT gateway',
  routed: 'through a default route',
  'internet-gateway': 'through the internet gateway',
  none: 'no way out',
};

/**
 * The agent knows dual-stack names (`ssm.REGION.api.aws`) since 3.3.3270 of October 2025, behind `UseDualStackEndpoint`
 * in amazon-ssm-agent.json, which is off on AL2023; AWS documents no bastion that lives on them alone.
 */
const NOT_OVER_IPV6 =
  "the image's agent calls Systems Manager by its IPv4 names (UseDualStackEndpoint is off)";

function classify(subnet: Subnet, facts: NetworkFacts, wishes: NetworkWishes): SubnetReport {
  const report = (way: WayOut, reason: string, missing: readonly string[] = []): SubnetReport => ({
    subnet,
    way,
    reason,
    missing,
  });
  if (subnet.cidr === undefined) {
    return report('none', `IPv6 only: ${NOT_OVER_IPV6}`);
  }
  if (subnet.freeAddresses < 1) return report('none', 'no free address left');

  const services = [...AGENT_SERVICES, ...(wishes.installs ? INSTALL_SERVICES : [])];
  const states = services.map((service) => ({ service, ...endpointState(service, subnet, facts, wishes) }));
  // With private DNS the endpoint is what the name means in the whole VPC: another way out does not help past it.
  const blocked = states.filter((state) => state.kind === 'blocked');
  if (blocked.length > 0) {
    return report('none', blocked.map((state) => state.detail).join('; '));
  }
  const lacking = states.filter((state) => state.kind === 'absent').map((state) => state.service);
  if (lacking.length === 0) return report('endpoints', `VPC endpoints for ${services.join(', ')}`);

  const route = defaultRoute(subnet, facts.routeTables);
  if (route === undefined) return report('none', withoutRoute(subnet, lacking, facts), lacking);
  const { target } = route;
  switch (target) {
    case 'nat-gateway':
      return report('nat', `0.0.0.0/0 → ${route.targetId}`);
    case 'internet-gateway':
      return report('internet-gateway', `0.0.0.0/0 → ${route.targetId}: needs a public address`);
    case 'transit-gateway':
    case 'network-interface':
    case 'peering':
    case 'other':
      return report('routed', `0.0.0.0/0 → ${route.targetId}, taken to lead out`);
    case 'local':
    case 'egress-only-internet-gateway':
      return report('none', withoutRoute(subnet, lacking, facts), lacking);
    default:
      return target satisfies never;
  }
}

function withoutRoute(subnet: Subnet, lacking: readonly string[], facts: NetworkFacts): string {
  const names = lacking.map((service) => endpointNames(service, facts)).join(', ');
  const broken = tableOf(subnet, facts.routeTables)?.routes.find(
    (route) => route.destination === '0.0.0.0/0' && route.blackhole,
  );
  const why =
    broken === undefined
      ? 'no default route'
      : `its default route leads to ${broken.targetId}, which is gone,`;
  const ipv6 = tableOf(subnet, facts.routeTables)?.routes.find(
    (route) => route.destination === '::/0' && !route.blackhole,
  );
  const instead = ipv6 === undefined ? '' : `; ${ipv6.targetId} leads out over IPv6, but ${NOT_OVER_IPV6}`;
  return `${why} and no endpoint for ${names}${instead}`;
}

/** An endpoint that is there but of no use says so. */
function endpointNames(service: string, facts: NetworkFacts): string {
  const unusable = facts.endpoints.find((endpoint) => endpoint.service === service);
  if (unusable === undefined) return service;
  if (unusable.type === 'Gateway') return `${service} (${unusable.id} is not in its route table)`;
  return unusable.state === 'available'
    ? `${service} (${unusable.id} has no private DNS)`
    : `${service} (${unusable.id} is ${unusable.state})`;
}

type EndpointState =
  | { readonly kind: 'usable' | 'absent'; readonly detail: '' }
  | { readonly kind: 'blocked'; readonly detail: string };

function endpointState(
  service: string,
  subnet: Subnet,
  facts: NetworkFacts,
  wishes: NetworkWishes,
): EndpointState {
  const candidates = facts.endpoints.filter(
    (endpoint) => endpoint.service === service && endpoint.state === 'available',
  );
  const table = tableOf(subnet, facts.routeTables);
  const gateway = candidates.find((endpoint) => endpoint.type === 'Gateway');
  if (gateway !== undefined && table?.routes.some((route) => route.targetId === gateway.id) === true)
    return { kind: 'usable', detail: '' };
  const interfaces = candidates.filter((endpoint) => endpoint.type === 'Interface' && endpoint.privateDns);
  const first = interfaces[0];
  if (first === undefined) return { kind: 'absent', detail: '' };
  const cidr = subnet.cidr ?? '';
  const admits = interfaces.some((endpoint) =>
    facts.groups
      .filter((group) => endpoint.securityGroupIds.includes(group.id))
      .some((group) => group.ingress.some((rule) => admitsHttps(rule, cidr, wishes.clientGroupIds))),
  );
  if (admits) return { kind: 'usable', detail: '' };
  const groups = first.securityGroupIds.join(', ') || 'no security group';
  return {
    kind: 'blocked',
    detail: `endpoint ${first.id} (${service}) does not admit 443 from ${cidr}: ${groups}`,
  };
}

function admitsHttps(rule: GroupRule, cidr: string, groupIds: readonly string[]): boolean {
  const covers =
    rule.protocol === '-1' || (rule.protocol === 'tcp' && rule.fromPort <= 443 && rule.toPort >= 443);
  if (!covers) return false;
  if (rule.groupId !== undefined) return groupIds.includes(rule.groupId);
  return rule.cidr !== undefined && containsCidr(rule.cidr, cidr);
}

/** The table a subnet uses: its own association, else the VPC's main one. */
function tableOf(subnet: Subnet, tables: readonly RouteTable[]): RouteTable | undefined {
  return tables.find((table) => table.subnetIds.includes(subnet.id)) ?? tables.find((table) => table.main);
}

const defaultRoute = (subnet: Subnet, tables: readonly RouteTable[]): Route | undefined =>
  tableOf(subnet, tables)?.routes.find((route) => route.destination === '0.0.0.0/0' && !route.blackhole);

/** True if every IPv4 address of `inner` is in `outer`. False for anything that is not an IPv4 range. */
export function containsCidr(outer: string, inner: string): boolean {
  const a = parseCidr(outer);
  const b = parseCidr(inner);
  if (a === undefined || b === undefined || a.bits > b.bits) return false;
  const shift = 32 - a.bits;
  return Math.floor(a.address / 2 ** shift) === Math.floor(b.address / 2 ** shift);
}

function parseCidr(cidr: string): { readonly address: number; readonly bits: number } | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || bits > 32) return undefined;
  return { address: ((a * 256 + b) * 256 + c) * 256 + d, bits };
}

function noWayOut(facts: NetworkFacts, allowed: readonly SubnetReport[]): Error {
  const missing = [...new Set(allowed.flatMap((report) => report.missing))];
  return failed('no-way-out', `no subnet of ${facts.vpc.id} has a way to Systems Manager`, {
    hints: [
      ...allowed.map((report) => `${report.subnet.id} (${report.subnet.zone}): ${report.reason}`),
      ...missing.map(
        (service) =>
          `add ${service === 's3' ? 'a gateway' : 'an interface'} endpoint com.amazonaws.${facts.region}.${service}${
            service === 's3' ? '' : ', private DNS on, 443 admitted from the subnet'
          }`,
      ),
      ...(missing.length > 0 && missing.every((service) => service === 's3' || service === 'ecs')
        ? ['or fargate-connect up --tunnel-only   # needs neither of them']
        : []),
      'or name other subnets: --vpc, --subnet',
    ],
    details: { vpc: facts.vpc.id, missing },
  });
}
