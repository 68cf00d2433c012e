import type { VpcEndpoint } from '../../provision/ports/network.ts';
import type { VpcFacts } from '../../provision/ports/path-facts.ts';
import { decideByPolicies } from '../iam/policy-decision.ts';
import { aclHop, groupHop } from './filter-hops.ts';
import { type Hop, passes, notVisible, blocked } from './hops.ts';
import { rangeOf, HTTPS } from './path-ends.ts';
import { type Walk, sourceAcls, sourceGroup } from './source-hops.ts';

/** The interface endpoint to which the service's name resolves in the VPC; with private DNS it wins over every route. */
export const endpointFor = (service: string, { endpoints }: VpcFacts): VpcEndpoint | undefined =>
  endpoints.find(
    (endpoint) =>
      endpoint.service === service &&
      endpoint.type === 'Interface' &&
      endpoint.privateDns &&
      endpoint.state === 'available',
  );

/** From the source's security groups to the interface endpoint of a service, and back. */
export function toEndpoint(walk: Walk, endpoint: VpcEndpoint, service: string): readonly Hop[] {
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
