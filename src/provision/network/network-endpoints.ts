import { containsCidr } from '../../core/cidr.ts';
import { type NetworkFacts, tableOf } from './network-facts.ts';
import type { GroupRule, Subnet, VpcEndpoint } from '../ports/network.ts';

/** Which VPC endpoints a bastion in a subnet can use, and which ones block it. Pure. */

/** Endpoints without which the agent cannot work in a subnet that has no other way out (docs/reference/vpc.md §5). */
export const AGENT_SERVICES = ['ssm', 'ssmmessages'] as const;
/** Further endpoints for `ecs_connect.sh`: the plugin's download and the ECS API. */
export const INSTALL_SERVICES = ['s3', 'ecs'] as const;

export interface EndpointSurvey {
  /**
   * One phrase for each endpoint that refuses the bastion. With private DNS the service's name leads to it in the whole
   * VPC, so no other way out helps.
   */
  readonly blocked: readonly string[];
  /** Services without an endpoint that could be used here. */
  readonly absent: readonly string[];
}

/** Where a call comes from, as the security groups of the endpoint see it. */
export interface CallSource {
  /** The call may come from any of these; empty = the endpoint cannot be called from the subnet. */
  readonly ranges: readonly string[];
  readonly groupIds: readonly string[];
}

export function surveyEndpoints(
  services: readonly string[],
  subnet: Subnet,
  facts: NetworkFacts,
  sourceFor: (endpoint: VpcEndpoint) => CallSource,
): EndpointSurvey {
  const blocked: string[] = [];
  const absent: string[] = [];
  for (const service of services) {
    const candidates = facts.endpoints.filter(
      (endpoint) => endpoint.service === service && endpoint.state === 'available',
    );
    if (candidates.some((endpoint) => isRouted(endpoint, subnet, facts))) continue;
    const named = candidates.filter((endpoint) => endpoint.type === 'Interface' && endpoint.privateDns);
    const [first] = named;
    if (first === undefined) absent.push(service);
    else if (!named.some((endpoint) => admits(endpoint, sourceFor(endpoint), facts)))
      blocked.push(`endpoint ${first.id} (${service}) ${whyBlocked(first, sourceFor(first))}`);
  }
  return { blocked, absent };
}

/** Services without a usable endpoint; where one exists that cannot be used, the text says why. */
export const describeAbsent = (services: readonly string[], facts: NetworkFacts): string =>
  services.map((service) => describeEndpoint(service, facts)).join(', ');

function describeEndpoint(service: string, facts: NetworkFacts): string {
  const unusable = facts.endpoints.find((endpoint) => endpoint.service === service);
  if (unusable === undefined) return service;
  if (unusable.type === 'Gateway') return `${service} (${unusable.id} is not in its route table)`;
  return unusable.state === 'available'
    ? `${service} (${unusable.id} has no private DNS)`
    : `${service} (${unusable.id} is ${unusable.state})`;
}

const isRouted = (endpoint: VpcEndpoint, subnet: Subnet, facts: NetworkFacts): boolean =>
  endpoint.type === 'Gateway' &&
  tableOf(subnet, facts)?.routes.some((route) => route.targetId === endpoint.id) === true;

const admits = (endpoint: VpcEndpoint, source: CallSource, facts: NetworkFacts): boolean =>
  source.ranges.length > 0 &&
  facts.groups
    .filter((group) => endpoint.securityGroupIds.includes(group.id))
    .some((group) => group.ingress.some((rule) => admitsHttps(rule, source)));

function admitsHttps(rule: GroupRule, { ranges, groupIds }: CallSource): boolean {
  const covers =
    rule.protocol === '-1' || (rule.protocol === 'tcp' && rule.fromPort <= 443 && rule.toPort >= 443);
  if (!covers) return false;
  if (rule.groupId !== undefined) return groupIds.includes(rule.groupId);
  const { cidr } = rule;
  return cidr !== undefined && ranges.some((range) => containsCidr(cidr, range));
}

function whyBlocked(endpoint: VpcEndpoint, { ranges }: CallSource): string {
  if (ranges.length === 0)
    return `answers over ${endpoint.addresses.includes('ipv4') ? 'IPv4' : 'IPv6'} only: make it dual-stack`;
  const groups = endpoint.securityGroupIds.join(', ') || 'no security group';
  return `does not admit 443 from ${ranges.join(' or ')}: ${groups}`;
}
