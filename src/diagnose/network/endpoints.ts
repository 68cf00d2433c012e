import { containsCidr } from '../../core/cidr.ts';
import type { GroupRule, Subnet, VpcEndpoint } from '../../provision/ports/network.ts';
import type { NetworkFacts } from '../../provision/ports/ways-out.ts';
import type { AbsentEndpoint, FindingOf } from '../finding.ts';
import type { Change } from '../change.ts';
import { admits } from './admission.ts';
import { tableOf } from './routes.ts';

/** Determines which VPC endpoints a bastion in a subnet can use, and which ones block it. Pure. */

/**
 * Endpoints without which the agent cannot work in a subnet that has no other route to AWS (docs/reference/vpc.md §5).
 */
export const AGENT_SERVICES = ['ssm', 'ssmmessages'] as const;
/** More endpoints that `ecs_connect.sh` needs: for the plugin's download and for the ECS API. */
export const INSTALL_SERVICES = ['s3', 'ecs'] as const;

/**
 * The plugin is published as `https://s3.amazonaws.com/…`, which is S3 of this region. An S3 endpoint of another region
 * only reaches S3 of its own region (docs/reference/vpc.md §5).
 */
const PLUGIN_REGION = 'us-east-1';

export type BlockingEndpoint = FindingOf<'endpoint-refuses'> | FindingOf<'endpoint-other-family'>;

export interface EndpointSurvey {
  /**
   * One for each endpoint that refuses the bastion. With private DNS the service's name resolves to the endpoint in the
   * whole VPC, so no other route helps.
   */
  readonly blocked: readonly BlockingEndpoint[];
  /** Services without an endpoint that is usable here. */
  readonly absent: readonly AbsentEndpoint[];
}

/** The source of a call, as the security groups of the endpoint see it. */
export interface CallSource {
  /** The source address may be in any of these ranges; empty = the endpoint cannot be called from the subnet. */
  readonly ranges: readonly string[];
  readonly groupIds: readonly string[];
}

/**
 * Which VPC endpoints the subnet can use for the services: those that block calls, and the services without a usable
 * one.
 */
export function surveyEndpoints(
  services: readonly string[],
  subnet: Subnet,
  facts: NetworkFacts,
  sourceFor: (endpoint: VpcEndpoint) => CallSource,
): EndpointSurvey {
  const blocked: BlockingEndpoint[] = [];
  const absent: AbsentEndpoint[] = [];
  for (const service of services) {
    const candidates = facts.endpoints.filter(
      (endpoint) => endpoint.service === service && endpoint.state === 'available',
    );
    if (service === 's3' && facts.region !== PLUGIN_REGION) {
      absent.push({ service, lacks: 'global-name' });
      continue;
    }
    if (candidates.some((endpoint) => isRouted(endpoint, subnet, facts))) continue;
    const named = candidates.filter((endpoint) => endpoint.type === 'Interface' && endpoint.privateDns);
    const [first] = named;
    if (first === undefined) absent.push(absentEndpoint(service, facts));
    else if (!named.some((endpoint) => admitsCall(endpoint, sourceFor(endpoint), facts)))
      blocked.push(blocking(first, subnet, sourceFor(first)));
  }
  return { blocked, absent };
}

/** An endpoint of the service may exist and not be usable. */
function absentEndpoint(service: string, facts: NetworkFacts): AbsentEndpoint {
  const unusable = facts.endpoints.find((endpoint) => endpoint.service === service);
  if (unusable === undefined) return { service };
  const { id: endpoint, state } = unusable;
  if (unusable.type === 'Gateway') return { service, endpoint, lacks: 'route' };
  return state === 'available'
    ? { service, endpoint, lacks: 'private-dns' }
    : { service, endpoint, lacks: 'availability', state };
}

/**
 * The changes that make an endpoint of each service usable from the subnet; undefined if no change helps for an
 * existing endpoint.
 */
export function endpointChanges(
  absent: readonly AbsentEndpoint[],
  subnet: Subnet,
  facts: NetworkFacts,
  dualStack: boolean,
): readonly Change[] | undefined {
  const changes = absent.map(({ service, endpoint, lacks }): Change | undefined => {
    if (lacks === 'global-name') return undefined;
    if (endpoint === undefined) {
      return {
        kind: 'add-endpoint',
        vpc: facts.vpc.id,
        serviceName: `com.amazonaws.${facts.region}.${service}`,
        type: service === 's3' ? 'Gateway' : 'Interface',
        subnet: subnet.id,
        routeTable: tableOf(subnet.id, facts)?.id,
        dualStack,
      };
    }
    switch (lacks) {
      case 'private-dns':
        return { kind: 'set-endpoint', endpoint, privateDns: true };
      case 'route':
        return { kind: 'set-endpoint', endpoint, addRouteTable: tableOf(subnet.id, facts)?.id };
      case 'availability':
      case undefined:
        return undefined;
      default:
        return lacks satisfies never;
    }
  });
  const possible = changes.flatMap((change) => change ?? []);
  return possible.length === changes.length ? possible : undefined;
}

const isRouted = (endpoint: VpcEndpoint, subnet: Subnet, facts: NetworkFacts): boolean =>
  endpoint.type === 'Gateway' &&
  tableOf(subnet.id, facts)?.routes.some((route) => route.targetId === endpoint.id) === true;

const HTTPS = 443;

const admitsCall = (endpoint: VpcEndpoint, { ranges, groupIds }: CallSource, facts: NetworkFacts): boolean =>
  ranges.length > 0 &&
  facts.groups
    .filter((group) => endpoint.securityGroupIds.includes(group.id))
    .some((group) => group.ingress.some((rule) => admitsHttps(rule, ranges, groupIds)));

function admitsHttps(rule: GroupRule, ranges: readonly string[], groupIds: readonly string[]): boolean {
  if (!admits(rule, HTTPS)) return false;
  if (rule.groupId !== undefined) return groupIds.includes(rule.groupId);
  const { cidr } = rule;
  return cidr !== undefined && ranges.some((range) => containsCidr(cidr, range));
}

function blocking(
  { id: endpoint, service, addresses, securityGroupIds }: VpcEndpoint,
  subnet: Subnet,
  { ranges }: CallSource,
): BlockingEndpoint {
  const about = { subnet: subnet.id, endpoint, service };
  if (ranges.length === 0) {
    return {
      id: 'endpoint-other-family',
      severity: 'blocking',
      evidence: { ...about, answers: addresses.includes('ipv4') ? 'ipv4' : 'ipv6' },
      fixes: [[{ kind: 'set-endpoint', endpoint, dualStack: true }]],
    };
  }
  const [group] = securityGroupIds;
  return {
    id: 'endpoint-refuses',
    severity: 'blocking',
    evidence: { ...about, groups: securityGroupIds, ranges },
    fixes: group === undefined ? [] : [[{ kind: 'admit', group, port: HTTPS, from: ranges }]],
  };
}
