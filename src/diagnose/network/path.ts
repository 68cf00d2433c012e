import { containsCidr } from '../../core/cidr.ts';
import type { Route, RouteTable, Subnet, VpcEndpoint } from '../../provision/ports/network.ts';
import type { PeeringConnection, VpcFacts } from '../../provision/ports/path-facts.ts';
import type { Change } from '../finding.ts';
import { decideByPolicies } from '../iam/policy-decision.ts';
import { aclHop, groupHop, type Peer } from './filter-hops.ts';
import { blocked, type Family, type Hop, type NetworkPath, notVisible, passes, verdictOf } from './hops.ts';

/**
 * Follows a connection hop by hop, from what EC2 and RDS describe alone: security groups, network ACLs, routes,
 * gateways, VPC endpoints. No packet is sent. Pure.
 */

export interface PathSource {
  /** e.g. `task 1f0e9d8c`, `bastion dev`, `subnet-…`. */
  readonly name: string;
  readonly subnet: Subnet;
  /** Addresses of the interface; absent = the whole range of the subnet. */
  readonly address?: { readonly [F in Family]?: string | undefined } | undefined;
  /** Undefined = not known. */
  readonly publicIp: boolean | undefined;
  /** Undefined = the source is a subnet, and no security group is judged. */
  readonly groupIds: readonly string[] | undefined;
}

export type PathTarget =
  /** A service of AWS in the region of the source, port 443. */
  | { readonly kind: 'aws-service'; readonly name: string; readonly service: string }
  /** A network interface in a VPC: of a database, a cache, a task, an instance. */
  | {
      readonly kind: 'interface';
      readonly name: string;
      readonly port: number;
      readonly vpcId: string;
      /** The subnets in one of which the interface is. */
      readonly subnets: readonly Subnet[];
      /** Absent = some address of the subnets. */
      readonly address?: string | undefined;
      readonly groupIds: readonly string[];
      /** Whether its public DNS name resolves to a public address outside of its VPC. */
      readonly isPublic: boolean;
      /** What the service reports about the target; absent = nothing. */
      readonly status?: { readonly value: string; readonly isReady: boolean } | undefined;
    }
  /** A host about which no describe call tells anything. */
  | {
      readonly kind: 'host';
      readonly name: string;
      readonly port: number;
      /** Absent = the name was not resolved. */
      readonly address?: string | undefined;
    };

export interface PathFacts {
  readonly source: VpcFacts;
  /** The VPC of the target; undefined = it was not read, or the target is in none. */
  readonly target: VpcFacts | undefined;
  /** Undefined = not read. */
  readonly peerings: readonly PeeringConnection[] | undefined;
}

/** A path for each address family in which both ends have addresses; IPv4 if there is none. */
export function judgePaths(source: PathSource, target: PathTarget, facts: PathFacts): readonly NetworkPath[] {
  const both = (['ipv4', 'ipv6'] as const).filter(
    (family) => rangesOf(source, family).length > 0 && targetHas(target, family, facts),
  );
  return (both.length === 0 ? (['ipv4'] as const) : both).map((family) =>
    judgePath(source, target, facts, family),
  );
}

function targetHas(target: PathTarget, family: Family, facts: PathFacts): boolean {
  switch (target.kind) {
    case 'aws-service': {
      const endpoint = endpointFor(target.service, facts.source);
      // The names of the regional services without an endpoint have IPv4 addresses alone.
      return endpoint === undefined ? family === 'ipv4' : endpoint.addresses.includes(family);
    }
    case 'interface':
      return target.address === undefined
        ? target.subnets.some((subnet) => rangeOf(subnet, family) !== undefined)
        : isOfFamily(target.address, family);
    case 'host':
      return target.address === undefined ? family === 'ipv4' : isOfFamily(target.address, family);
    default:
      return target satisfies never;
  }
}

const isOfFamily = (address: string, family: Family): boolean =>
  address.includes(':') === (family === 'ipv6');

const rangeOf = (subnet: Subnet, family: Family): string | undefined =>
  family === 'ipv4' ? subnet.cidr : subnet.ipv6Cidr;

function rangesOf({ address, subnet }: PathSource, family: Family): readonly string[] {
  if (address !== undefined) return [address[family]].flatMap((one) => one ?? []);
  return [rangeOf(subnet, family)].flatMap((range) => range ?? []);
}

export function judgePath(
  source: PathSource,
  target: PathTarget,
  facts: PathFacts,
  family: Family,
): NetworkPath {
  const hops = hopsOf(source, target, facts, family);
  const port = target.kind === 'aws-service' ? HTTPS : target.port;
  return { from: source.name, to: target.name, port, family, hops, verdict: verdictOf(hops) };
}

const HTTPS = 443;

function hopsOf(source: PathSource, target: PathTarget, facts: PathFacts, family: Family): readonly Hop[] {
  const own = rangesOf(source, family);
  if (own.length === 0) {
    const kind = family === 'ipv4' ? 'IPv4' : 'IPv6';
    return [blocked('source-interface', source.name, `it has no ${kind} address`)];
  }
  const here = passes('source-interface', source.subnet.id, `${own.join(', ')} in ${source.subnet.zone}`);
  const walk: Walk = { source, facts, family, own };
  switch (target.kind) {
    case 'aws-service': {
      const endpoint = endpointFor(target.service, facts.source);
      return endpoint === undefined
        ? [here, ...toPublic(walk, HTTPS, target)]
        : [here, ...toEndpoint(walk, endpoint, target.service)];
    }
    case 'interface':
      return [here, ...toInterface(walk, target)];
    case 'host':
      return [here, ...toHost(walk, target)];
    default:
      return target satisfies never;
  }
}

interface Walk {
  readonly source: PathSource;
  readonly facts: PathFacts;
  readonly family: Family;
  /** Ranges that contain the address of the source. */
  readonly own: readonly string[];
}

/** The interface endpoint to which the service's name resolves in the VPC; with private DNS it wins over every route. */
const endpointFor = (service: string, { endpoints }: VpcFacts): VpcEndpoint | undefined =>
  endpoints.find(
    (endpoint) =>
      endpoint.service === service &&
      endpoint.type === 'Interface' &&
      endpoint.privateDns &&
      endpoint.state === 'available',
  );

function sourceGroup({ source, facts, family }: Walk, peer: Peer, port: number): readonly Hop[] {
  if (source.groupIds === undefined) return [];
  return [groupHop('source-group', source.groupIds, facts.source.groups, { peer, port, family })];
}

const sourceAcls = (
  { source, facts, family }: Walk,
  peers: readonly string[] | 'public',
  port: number,
): readonly [out: Hop, back: Hop] => {
  const place = { subnets: [source.subnet], acls: facts.source.networkAcls };
  return [
    aclHop({ kind: 'source-acl-out', ...place }, { peers, port, family, reply: false }),
    aclHop({ kind: 'source-acl-in', ...place }, { peers, port, family, reply: true }),
  ];
};

function toEndpoint(walk: Walk, endpoint: VpcEndpoint, service: string): readonly Hop[] {
  const { facts, family, source, own } = walk;
  const subnets = facts.source.subnets.filter(({ id }) => endpoint.subnetIds.includes(id));
  const ranges = subnets.flatMap((subnet) => rangeOf(subnet, family) ?? []);
  const dns = passes(
    'endpoint-dns',
    endpoint.id,
    `private DNS: the name of ${service} leads to this endpoint`,
  );
  const peer = { ranges, groupIds: endpoint.securityGroupIds };
  const [out, back] = sourceAcls(walk, ranges, HTTPS);
  const place = { subnets, acls: facts.source.networkAcls };
  const sameSubnet = subnets.length === 1 && subnets[0]?.id === source.subnet.id;
  const policy = endpointPolicyHop(endpoint, service);
  return [
    ...sourceGroup(walk, peer, HTTPS),
    dns,
    ...(sameSubnet ? [] : [out]),
    ...(sameSubnet
      ? []
      : [aclHop({ kind: 'target-acl-in', ...place }, { peers: own, port: HTTPS, family, reply: false })]),
    groupHop('target-group', endpoint.securityGroupIds, facts.source.groups, {
      peer: { ranges: own, groupIds: source.groupIds ?? [] },
      port: HTTPS,
      family,
    }),
    policy,
    ...(sameSubnet
      ? []
      : [
          aclHop({ kind: 'target-acl-out', ...place }, { peers: own, port: HTTPS, family, reply: true }),
          back,
        ]),
  ];
}

/** What an agent calls through the endpoint of a service; the policies of other endpoints are not judged. */
const ENDPOINT_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  ssmmessages: ['CreateControlChannel', 'OpenControlChannel', 'CreateDataChannel', 'OpenDataChannel'],
  ssm: ['UpdateInstanceInformation'],
};

function endpointPolicyHop({ id, policy }: VpcEndpoint, service: string): Hop {
  const actions = (ENDPOINT_ACTIONS[service] ?? []).map((name) => `${service}:${name}`);
  if (policy === undefined) return notVisible('endpoint-policy', id, 'its policy was not returned');
  const decided = actions.map((action) => ({
    action,
    ...decideByPolicies([policy], { action, resource: '*', context: {} }),
  }));
  const refused = decided.filter(
    ({ decision }) => decision === 'not-granted' || decision === 'explicitly-denied',
  );
  if (refused.length > 0) {
    const names = refused.map(({ action }) => action);
    return blocked('endpoint-policy', id, `its policy does not allow ${names.join(', ')}`, [
      [{ kind: 'set-endpoint', endpoint: id, allowActions: names }],
    ]);
  }
  const open = decided.find(({ decision }) => decision === 'undecided');
  return open === undefined
    ? passes('endpoint-policy', id, 'its policy allows the calls')
    : notVisible('endpoint-policy', id, `its policy has conditions on ${open.unknownKeys.join(', ')}`);
}

function toPublic(walk: Walk, port: number, target: PathTarget): readonly Hop[] {
  const peer: Peer = { ranges: 'public', groupIds: [] };
  const [out, back] = sourceAcls(walk, 'public', port);
  const everywhere = walk.family === 'ipv4' ? '0.0.0.0/0' : '::/0';
  return [...sourceGroup(walk, peer, port), out, ...routeOut(walk, everywhere, port, target), back];
}

const tableOf = (subnetId: string, { routeTables }: VpcFacts): RouteTable | undefined =>
  routeTables.find((table) => table.subnetIds.includes(subnetId)) ?? routeTables.find(({ main }) => main);

/** The most specific route whose destination contains the range; prefix lists are not read. */
function routeFor(range: string, table: RouteTable): Route | undefined {
  const prefix = ({ destination }: Route): number => Number(destination.split('/')[1] ?? 0);
  return table.routes
    .filter(({ destination }) => containsCidr(destination, range))
    .toSorted((a, b) => prefix(b) - prefix(a))[0];
}

const routeText = ({ destination, targetId }: Route): string => `${destination} → ${targetId}`;

/** The route of the source's subnet to an address outside of the VPC, and the gateway to which it leads. */
function routeOut(walk: Walk, range: string, port: number, target: PathTarget): readonly Hop[] {
  const { source, facts, family } = walk;
  const table = tableOf(source.subnet.id, facts.source);
  if (table === undefined)
    return [notVisible('source-route', source.subnet.id, 'its route table was not read')];
  const route = routeFor(range, table);
  if (route === undefined)
    return [
      blocked(
        'source-route',
        table.id,
        `no route for ${range}`,
        routeFixes(target, source.subnet, facts.source, table, family),
      ),
    ];
  const text = routeText(route);
  if (route.blackhole)
    return [
      blocked('source-route', table.id, `${text}, which no longer exists`, [
        [natRoute(table, route.destination, facts.source)],
      ]),
    ];
  switch (route.target) {
    case 'internet-gateway':
      return [internetGatewayHop(walk, table, route)];
    case 'egress-only-internet-gateway':
      return [passes('source-route', table.id, text)];
    case 'nat-gateway':
      return [passes('source-route', table.id, text), ...throughNat(walk, route.targetId, port)];
    case 'local':
      return [passes('source-route', table.id, text)];
    case 'peering':
      return [
        blocked('source-route', table.id, `${text}: a peering connection does not lead to the internet`, [
          [natRoute(table, range, facts.source)],
        ]),
      ];
    case 'transit-gateway':
    case 'network-interface':
    case 'other':
      return [
        passes('source-route', table.id, text),
        notVisible(
          'nat-gateway',
          route.targetId,
          `where ${route.targetId} leads is not in this VPC's routes`,
        ),
      ];
    default:
      return route.target satisfies never;
  }
}

/** A route to a NAT gateway of the VPC; its id is named if there is one that works. */
const natRoute = (
  table: RouteTable,
  destination: string,
  { natGateways }: VpcFacts,
): Extract<Change, { readonly kind: 'set-route' }> => ({
  kind: 'set-route',
  routeTable: table.id,
  destination,
  target: 'nat-gateway',
  gateway: natGateways?.find(({ state, isPublic }) => state === 'available' && isPublic)?.id,
});

function internetGatewayHop({ source, family, facts }: Walk, table: RouteTable, route: Route): Hop {
  const text = routeText(route);
  if (family === 'ipv6' || source.publicIp === true) return passes('source-route', table.id, text);
  if (source.publicIp === undefined)
    return notVisible(
      'source-route',
      table.id,
      `${text}: works only with a public address, which is not known`,
    );
  return blocked('source-route', table.id, `${text}, but ${source.name} has no public address`, [
    [{ kind: 'assign-public-ip', source: source.name }],
    [natRoute(table, route.destination, facts.source)],
  ]);
}

function throughNat({ facts, own, family }: Walk, id: string, port: number): readonly Hop[] {
  const { natGateways, subnets, networkAcls: acls } = facts.source;
  if (natGateways === undefined)
    return [notVisible('nat-gateway', id, 'ec2:DescribeNatGateways is not allowed, or was not read')];
  const nat = natGateways.find((each) => each.id === id);
  if (nat === undefined) return [blocked('nat-gateway', id, 'it does not exist')];
  if (nat.state !== 'available') return [blocked('nat-gateway', id, `it is ${nat.state}`)];
  if (!nat.isPublic) return [blocked('nat-gateway', id, 'it is private: it does not lead to the internet')];
  const home = subnets.find((subnet) => subnet.id === nat.subnetId);
  const table = tableOf(nat.subnetId, facts.source);
  const route = table === undefined ? undefined : routeFor('0.0.0.0/0', table);
  const place = { kind: 'nat-acl', subnets: home === undefined ? [] : [home], acls } as const;
  return [
    passes('nat-gateway', id, 'available'),
    ...(home === undefined
      ? []
      : [
          aclHop(place, { peers: 'public', port, family, reply: false }),
          aclHop(place, { peers: 'public', port, family, reply: true, throughNat: true }),
        ]),
    ...(table === undefined
      ? []
      : route?.target === 'internet-gateway' && !route.blackhole
        ? [passes('nat-route', table.id, routeText(route))]
        : [
            route !== undefined && !route.blackhole && route.target !== 'nat-gateway'
              ? notVisible('nat-route', table.id, `${routeText(route)} in the subnet of the NAT gateway`)
              : blocked(
                  'nat-route',
                  table.id,
                  `the subnet of the NAT gateway has no route to an internet gateway (${own.join(', ')})`,
                ),
          ]),
  ];
}

/** For a service of AWS an interface endpoint is an alternative to a NAT gateway. */
function routeFixes(
  target: PathTarget,
  subnet: Subnet,
  facts: VpcFacts,
  table: RouteTable,
  family: Family,
): Hop['fixes'] {
  const nat = natRoute(table, '0.0.0.0/0', facts);
  if (target.kind !== 'aws-service') return family === 'ipv4' ? [[nat]] : [];
  const disabled = facts.endpoints.find(
    ({ service, type, privateDns }) => service === target.service && type === 'Interface' && !privateDns,
  );
  const endpoint =
    disabled === undefined
      ? ({
          kind: 'add-endpoint',
          vpc: facts.vpc.id,
          serviceName: `com.amazonaws.${facts.region}.${target.service}`,
          type: 'Interface',
          subnet: subnet.id,
          routeTable: table.id,
          dualStack: family === 'ipv6',
        } as const)
      : ({ kind: 'set-endpoint', endpoint: disabled.id, privateDns: true } as const);
  return [[endpoint], ...(family === 'ipv4' ? [[nat]] : [])];
}

type InterfaceTarget = Extract<PathTarget, { readonly kind: 'interface' }>;

function toInterface(walk: Walk, target: InterfaceTarget): readonly Hop[] {
  const { source, facts, family, own } = walk;
  const { port, groupIds } = target;
  const ranges =
    target.address === undefined
      ? target.subnets.flatMap((subnet) => rangeOf(subnet, family) ?? [])
      : [target.address];
  const [out, back] = sourceAcls(walk, ranges, port);
  const sameSubnet = target.subnets.length === 1 && target.subnets[0]?.id === source.subnet.id;
  const sameVpc = target.vpcId === source.subnet.vpcId;
  const place = { subnets: target.subnets, acls: facts.target?.networkAcls };
  const status =
    target.status === undefined
      ? []
      : [
          target.status.isReady
            ? passes('target-status', target.name, target.status.value)
            : blocked('target-status', target.name, `it is ${target.status.value}`),
        ];
  const acl = (kind: 'target-acl-in' | 'target-acl-out'): readonly Hop[] =>
    sameSubnet
      ? []
      : [aclHop({ kind, ...place }, { peers: own, port, family, reply: kind === 'target-acl-out' })];
  return [
    ...sourceGroup(walk, { ranges, groupIds }, port),
    ...(sameSubnet ? [] : [out]),
    ...(sameVpc ? [localRoute(walk)] : otherVpc(walk, target, ranges)),
    ...acl('target-acl-in'),
    groupHop('target-group', groupIds, facts.target?.groups ?? [], {
      peer: { ranges: own, groupIds: source.groupIds ?? [] },
      port,
      family,
    }),
    ...acl('target-acl-out'),
    ...(sameSubnet ? [] : [back]),
    ...status,
  ];
}

const localRoute = ({ source, facts }: Walk): Hop =>
  passes(
    'source-route',
    tableOf(source.subnet.id, facts.source)?.id ?? source.subnet.id,
    'local, in one VPC',
  );

function otherVpc(walk: Walk, target: InterfaceTarget, ranges: readonly string[]): readonly Hop[] {
  const { source, facts, own } = walk;
  const table = tableOf(source.subnet.id, facts.source);
  if (table === undefined)
    return [notVisible('source-route', source.subnet.id, 'its route table was not read')];
  const routes = ranges.map((range) => routeFor(range, table));
  const [route] = routes;
  const missing = ranges.find((_, index) => routes[index] === undefined);
  if (route === undefined || missing !== undefined)
    return [blocked('source-route', table.id, `no route for ${missing ?? target.vpcId}`)];
  const text = routeText(route);
  if (route.blackhole) return [blocked('source-route', table.id, `${text}, which no longer exists`)];
  if (route.target !== 'peering') {
    const leaves = route.target === 'internet-gateway' || route.target === 'nat-gateway';
    if (leaves && !target.isPublic)
      return [
        blocked(
          'source-route',
          table.id,
          `${text}: it does not lead to the private addresses of ${target.vpcId}`,
        ),
      ];
    return [
      passes('source-route', table.id, text),
      notVisible('nat-gateway', route.targetId, `where ${route.targetId} leads is not in this VPC's routes`),
    ];
  }
  return [passes('source-route', table.id, text), ...peeringHops(walk, target, route.targetId, own)];
}

function peeringHops(
  { facts }: Walk,
  target: InterfaceTarget,
  id: string,
  own: readonly string[],
): readonly Hop[] {
  const { peerings } = facts;
  if (peerings === undefined)
    return [notVisible('peering', id, 'ec2:DescribeVpcPeeringConnections is not allowed, or was not read')];
  const peering = peerings.find((each) => each.id === id);
  if (peering === undefined) return [blocked('peering', id, 'it does not exist')];
  if (peering.status !== 'active') return [blocked('peering', id, `it is ${peering.status}`)];
  // The name of a target without public access resolves to its private address everywhere.
  const dns =
    target.isPublic && !peering.dnsForVpcIds.includes(target.vpcId)
      ? blocked(
          'peering',
          id,
          `the name of ${target.name} resolves to its public address: DNS resolution is off`,
          [[{ kind: 'peering-dns', peering: id, vpc: target.vpcId }]],
        )
      : passes('peering', id, 'active');
  if (facts.target === undefined)
    return [dns, notVisible('target-route', target.vpcId, 'the routes of the other VPC were not read')];
  const other = facts.target;
  const backs = target.subnets.map((subnet) => {
    const table = tableOf(subnet.id, other);
    const range = own[0] ?? '';
    const route = table === undefined ? undefined : routeFor(range, table);
    if (route?.target === 'peering' && !route.blackhole)
      return passes('target-route', table?.id ?? subnet.id, routeText(route));
    return blocked('target-route', table?.id ?? subnet.id, `no route back for ${range}`, [
      [{ kind: 'peering-route', routeTable: table?.id ?? '', destination: range, peering: id }],
    ]);
  });
  const back = backs.find(({ verdict }) => verdict === 'blocked') ?? backs[0];
  return [dns, ...(back === undefined ? [] : [back])];
}

function toHost(walk: Walk, target: Extract<PathTarget, { readonly kind: 'host' }>): readonly Hop[] {
  const { address, port, name } = target;
  if (address === undefined)
    return [
      ...toPublic(walk, port, target),
      notVisible('target-group', name, 'its address is not known: no describe call shows it'),
    ];
  const [out, back] = sourceAcls(walk, [address], port);
  return [
    ...sourceGroup(walk, { ranges: [address], groupIds: [] }, port),
    out,
    ...routeOut(walk, address, port, target),
    notVisible('target-group', name, 'no interface of this account has the address'),
    back,
  ];
}
