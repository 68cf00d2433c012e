import { failed, noMatch } from '../../core/errors.ts';
import type { Subnet } from '../ports/network.ts';
import type {
  ClassifySubnets,
  NetworkFacts,
  NetworkRequest,
  SubnetReport,
  WayOut,
} from '../ports/ways-out.ts';

/** Chooses the subnets in which a bastion can reach AWS, from the facts that were read about the VPC. Pure. */

/**
 * How a bastion reaches AWS: by the usual names over IPv4 or through NAT64, or by dual-stack names over IPv6, which is
 * enough for the agent but not for `ecs_connect.sh`.
 */
export type Stack = 'ipv4' | 'nat64' | 'ipv6';

export interface NetworkChoice {
  readonly vpcId: string;
  /** Either all of these subnets have IPv4 or none has. */
  readonly subnets: readonly Subnet[];
  readonly stack: Stack;
  /** Whether the instance gets a public IPv4 address. */
  readonly publicIp: boolean;
  /** Why these subnets were chosen, as one phrase. */
  readonly reason: string;
  readonly considered: readonly SubnetReport[];
}

/** True if the bastion will have an IPv4 address. Without one it cannot reach a database that has only IPv4. */
export const hasIpv4 = ({ subnets }: Pick<NetworkChoice, 'subnets'>): boolean =>
  subnets.every((subnet) => subnet.cidr !== undefined);

interface Rank {
  readonly waysOut: readonly WayOut[];
  readonly stack: Stack;
  readonly isPublic: boolean;
}

/** The best rank first. All chosen subnets have the same rank. */
const RANKS: readonly Rank[] = [
  { waysOut: ['endpoints', 'nat', 'routed', 'given-private'], stack: 'ipv4', isPublic: false },
  { waysOut: ['internet-gateway', 'given-public'], stack: 'ipv4', isPublic: true },
  { waysOut: ['nat64'], stack: 'nat64', isPublic: false },
  { waysOut: ['ipv6-endpoints', 'egress-only', 'ipv6-routed'], stack: 'ipv6', isPublic: false },
  { waysOut: ['ipv6-internet-gateway'], stack: 'ipv6', isPublic: true },
];

const fits = (report: SubnetReport): boolean => report.wayOut !== 'none';

/**
 * `classify` determines how each subnet reaches AWS. Throws `subnet-not-found` (no match) or `no-way-out` (failed; its
 * facts name the reason why each subnet does not fit, and what is missing).
 */
export function chooseNetwork(
  facts: NetworkFacts,
  request: NetworkRequest,
  classify: ClassifySubnets,
): NetworkChoice {
  const considered = classify(facts, request);
  const unknown = request.subnetIds.filter((id) => !facts.subnets.some((subnet) => subnet.id === id));
  if (unknown.length > 0) {
    throw noMatch('subnet-not-found', `no subnet ${unknown.join(', ')} in ${facts.vpc.id}`, {
      details: {
        subnets: unknown,
        vpc: facts.vpc.id,
        candidates: facts.subnets.map(({ id, zone }) => ({ id, zone })),
      },
    });
  }
  const allowed = considered.filter(
    (report) => request.subnetIds.length === 0 || request.subnetIds.includes(report.subnet.id),
  );
  const rank = RANKS.find(({ waysOut }) => allowed.some(({ wayOut }) => waysOut.includes(wayOut)));
  if (rank === undefined) throw noWayOut(facts, request, allowed, classify);
  const equal = allowed.filter(({ wayOut }) => rank.waysOut.includes(wayOut));
  const withIpv4 = equal.filter(({ subnet }) => subnet.cidr !== undefined);
  const best = withIpv4.length > 0 ? withIpv4 : equal;

  const preferred = best.filter((report) => request.preferredSubnetIds.includes(report.subnet.id));
  const chosen = preferred.length > 0 ? preferred : best;
  const whose =
    request.subnetIds.length > 0
      ? 'as asked'
      : preferred.length > 0
        ? "the service's own"
        : request.preferredSubnetIds.length > 0
          ? "none of the service's own fits"
          : 'all that fit';
  const leftAside = allowed.some((report) => fits(report) && report.subnet.cidr === undefined);
  const aside = withIpv4.length > 0 && leftAside ? '; subnets without IPv4 are not used' : '';
  return {
    vpcId: facts.vpc.id,
    subnets: chosen.map((report) => report.subnet),
    stack: rank.stack,
    publicIp: rank.stack === 'ipv4' && rank.isPublic,
    reason: `${describeChoice(rank, chosen)} (${whose})${aside}`,
    considered,
  };
}

function describeChoice({ stack, isPublic }: Rank, chosen: readonly SubnetReport[]): string {
  const waysOut = [...new Set(chosen.map((report) => WAY_OUT_TEXT[report.wayOut]))].join(' and ');
  switch (stack) {
    case 'ipv4':
      return isPublic ? waysOut : `private, ${waysOut}`;
    case 'nat64':
      return `private, over IPv6 ${waysOut}`;
    case 'ipv6':
      return `${isPublic ? 'public' : 'private'}, over IPv6 ${waysOut}; the agent is configured with AWS's dual-stack names`;
    default:
      return stack satisfies never;
  }
}

const WAY_OUT_TEXT: Readonly<Record<WayOut, string>> = {
  endpoints: 'through VPC endpoints',
  nat: 'through a NAT gateway',
  routed: 'through a default route',
  'internet-gateway': 'through the internet gateway; only instances with a public address can use it',
  'given-private': 'by a route that was given',
  'given-public': 'with a public address, as was given',
  nat64: 'through NAT64',
  'ipv6-endpoints': 'through VPC endpoints',
  'egress-only': 'through an egress-only internet gateway',
  'ipv6-routed': 'through a default route',
  'ipv6-internet-gateway': 'through the internet gateway',
  none: 'no way out',
};

function noWayOut(
  facts: NetworkFacts,
  request: NetworkRequest,
  allowed: readonly SubnetReport[],
  classify: ClassifySubnets,
): Error {
  const missing = [...new Set(allowed.flatMap((report) => report.missing))];
  const tunnels = classify(facts, { ...request, installs: false }).some(
    (report) => fits(report) && allowed.some(({ subnet }) => subnet.id === report.subnet.id),
  );
  const lacking = tunnels ? 'everything that is installed at boot' : 'Systems Manager';
  return failed('no-way-out', `no subnet of ${facts.vpc.id} can reach ${lacking}`, {
    details: {
      vpc: facts.vpc.id,
      region: facts.region,
      subnets: allowed.map(({ subnet, reason }) => ({ id: subnet.id, zone: subnet.zone, reason })),
      missing,
      asked: request.subnetIds,
      tunnelsPossible: tunnels,
    },
  });
}
