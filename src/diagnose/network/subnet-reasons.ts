import type { AbsentEndpoint, DefaultRoute, FindingEvidence, FindingOf } from '../finding.ts';

/** The findings about a subnet as phrases, without the subnet: `up` shows them beside its id. */

type SubnetFindingId =
  | 'subnet-full'
  | 'endpoint-refuses'
  | 'endpoint-other-family'
  | 'no-way-out-ipv4'
  | 'no-way-out-ipv6'
  | 'nat64-needed';

export type SubnetFinding = { readonly [I in SubnetFindingId]: FindingOf<I> }[SubnetFindingId];

/** Why a subnet cannot be used, as a part of a sentence. */
export const subnetReason = (finding: SubnetFinding): string =>
  // The evidence belongs to the id; the compiler cannot infer that.
  (SUBNET_REASONS[finding.id] as (evidence: SubnetFinding['evidence']) => string)(finding.evidence);

export const SUBNET_REASONS: { readonly [I in SubnetFindingId]: (evidence: FindingEvidence[I]) => string } = {
  'subnet-full': () => 'no free address left',
  'endpoint-refuses': ({ endpoint, service, groups, ranges }) =>
    `endpoint ${endpoint} (${service}) does not admit 443 from ${ranges.join(' or ')}: ${groups.join(', ') || 'no security group'}`,
  'endpoint-other-family': ({ endpoint, service, answers }) =>
    `endpoint ${endpoint} (${service}) answers over ${answers === 'ipv4' ? 'IPv4' : 'IPv6'} only: make it dual-stack`,
  'no-way-out-ipv4': ({ defaultRoute, absent }) =>
    `${describeDefaultRoute(defaultRoute)} and no endpoint for ${describeAbsent(absent)}`,
  'no-way-out-ipv6': ({ defaultRoute, absent, dns64, nat64Route }) => {
    const route =
      defaultRoute === undefined
        ? 'no route for ::/0'
        : `::/0 → ${defaultRoute.target} does not lead out of the VPC`;
    const nat64 = `no NAT64: ${lackingOfNat64(dns64, nat64Route)}`;
    return `${route}, no dual-stack endpoint for ${describeAbsent(absent)}, ${nat64}`;
  },
  'nat64-needed': ({ dns64, nat64Route }) =>
    `enough for a bastion for tunnels only, but installing anything needs NAT64: ${lackingOfNat64(dns64, nat64Route)}`,
};

const describeDefaultRoute = (route: DefaultRoute | undefined): string =>
  route === undefined
    ? 'no default route'
    : `its default route leads to ${route.target}, which ${route.exists ? 'does not lead out of the VPC' : 'no longer exists'},`;

const describeAbsent = (absent: readonly AbsentEndpoint[]): string => absent.map(describeEndpoint).join(', ');

function describeEndpoint({ service, endpoint, lacks, state }: AbsentEndpoint): string {
  if (lacks === 'global-name') return `${service} (no endpoint of this region carries s3.amazonaws.com)`;
  if (endpoint === undefined || lacks === undefined) return service;
  switch (lacks) {
    case 'route':
      return `${service} (${endpoint} is not in its route table)`;
    case 'private-dns':
      return `${service} (${endpoint} has no private DNS)`;
    case 'availability':
      return `${service} (${endpoint} is ${state ?? 'not available'})`;
    default:
      return lacks satisfies never;
  }
}

const lackingOfNat64 = (dns64: boolean, nat64Route: boolean): string =>
  [
    ...(dns64 ? [] : ['DNS64 is off']),
    ...(nat64Route ? [] : ['no route leads 64:ff9b::/96 to a NAT gateway']),
  ].join(', ');
