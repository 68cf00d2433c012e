import { admits } from './admission.ts';
import { endpointFor, toEndpoint } from './endpoint-hops.ts';
import { aclHop, groupHop, type Peer } from './filter-hops.ts';
import { blocked, type Family, type Hop, type NetworkPath, notVisible, passes, verdictOf } from './hops.ts';
import {
  type PathSource,
  type PathTarget,
  type PathFacts,
  rangesOf,
  rangeOf,
  isOfFamily,
  HTTPS,
} from './path-ends.ts';
import { routeFor, routeOut, routeText } from './route-hops.ts';
import { tableOf } from './routes.ts';
import { sourceAcls, sourceGroup, type Walk } from './source-hops.ts';

/**
 * Follows a connection hop by hop, from what EC2 and RDS describe alone: security groups, network ACLs, routes,
 * gateways, VPC endpoints. No packet is sent. Pure.
 */

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

function judgePath(source: PathSource, target: PathTarget, facts: PathFacts, family: Family): NetworkPath {
  const hops = hopsOf(source, target, facts, family);
  const port = target.kind === 'aws-service' ? HTTPS : target.port;
  return { from: source.name, to: target.name, port, family, hops, verdict: verdictOf(hops) };
}

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

function toPublic(walk: Walk, port: number, target: PathTarget): readonly Hop[] {
  const peer: Peer = { ranges: 'public', groupIds: [] };
  const [out, back] = sourceAcls(walk, 'public', port);
  const everywhere = walk.family === 'ipv4' ? '0.0.0.0/0' : '::/0';
  return [...sourceGroup(walk, peer, port), out, ...routeOut(walk, everywhere, port, target), back];
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
      ...toPublic(walk, port, target).map((hop) => whateverTheAddress(hop, walk, target)),
      notVisible(
        'target-group',
        name,
        'its address is not known: no describe call shows it; with the address in place of the name the path can be judged',
      ),
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

/**
 * What is blocked for the internet may be open for an address in this VPC or behind it, so that only a port that no
 * rule opens at all is blocked. No change is proposed: it would open more than the one address that is meant.
 */
function whateverTheAddress(
  hop: Hop,
  { source, facts }: Walk,
  { name, port }: { name: string; port: number },
): Hop {
  if (hop.verdict !== 'blocked') return hop;
  const groups = facts.source.groups.filter(({ id }) => source.groupIds?.includes(id));
  const isPortClosed = !groups.some(({ egress }) => egress.some((rule) => admits(rule, port)));
  if (hop.kind === 'source-group' && isPortClosed)
    return blocked(hop.kind, hop.resource, `no outbound rule for port ${port} to any address`);
  return notVisible(hop.kind, hop.resource, `${hop.rule}, and the address of ${name} is not known`);
}
