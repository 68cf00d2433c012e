import { containsCidr } from '../../core/cidr.ts';
import type { RouteTable, Route, Subnet } from '../../provision/ports/network.ts';
import type { VpcFacts } from '../../provision/ports/path-facts.ts';
import type { Change } from '../change.ts';
import { aclHop } from './filter-hops.ts';
import { type Hop, notVisible, blocked, passes, type Family } from './hops.ts';
import type { PathTarget } from './path-ends.ts';
import { tableOf } from './routes.ts';
import type { Walk } from './source-hops.ts';

/** The most specific route whose destination contains the range; prefix lists are not read. */
export function routeFor(range: string, table: RouteTable): Route | undefined {
  const prefix = ({ destination }: Route): number => Number(destination.split('/')[1] ?? 0);
  return table.routes
    .filter(({ destination }) => containsCidr(destination, range))
    .toSorted((a, b) => prefix(b) - prefix(a))[0];
}

/** e.g. `0.0.0.0/0 → nat-0abc`. */
export const routeText = ({ destination, targetId }: Route): string => `${destination} → ${targetId}`;

/** The route of the source's subnet to an address outside of the VPC, and the gateway to which it leads. */
export function routeOut(walk: Walk, range: string, port: number, target: PathTarget): readonly Hop[] {
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
