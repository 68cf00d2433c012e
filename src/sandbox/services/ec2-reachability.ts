import type { NetworkPolicy } from '../contracts.ts';
import type { Ec2State, GroupRule, Instance, SecurityGroup } from './ec2-state.ts';

/** What security groups and routes let through. */

export function createNetworkPolicy(state: Ec2State): NetworkPolicy {
  return {
    allows: (from, to, port) =>
      admits(state, from.securityGroupIds, true, port, to) &&
      admits(state, to.securityGroupIds, false, port, from),
  };
}

interface Place {
  readonly securityGroupIds: readonly string[];
  readonly privateIp: string;
}

/** A place without groups is outside EC2's control: everything passes. */
function admits(
  state: Ec2State,
  groupIds: readonly string[],
  egress: boolean,
  port: number,
  peer: Place,
): boolean {
  if (groupIds.length === 0) return true;
  const groups = groupIds.flatMap((id): SecurityGroup[] => {
    const group = state.groups.get(id);
    return group === undefined ? [] : [group];
  });
  return groups.some((group) =>
    [...group.rules.values()].some(
      (rule) => rule.egress === egress && coversPort(rule, port) && coversPeer(rule, peer),
    ),
  );
}

const coversPort = (rule: GroupRule, port: number): boolean =>
  rule.protocol === '-1' ||
  ((rule.protocol === 'tcp' || rule.protocol === '6') && rule.fromPort <= port && port <= rule.toPort);

function coversPeer(rule: GroupRule, peer: Place): boolean {
  switch (rule.peer.type) {
    case 'cidr':
      return contains(rule.peer.cidr, peer.privateIp);
    case 'group':
      return peer.securityGroupIds.includes(rule.peer.groupId);
    case 'ipv6':
    case 'prefix-list':
      return false;
  }
}

export function contains(cidr: string, address: string): boolean {
  const [base = '0.0.0.0', prefix = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(prefix));
  return Math.floor(ipv4Number(base) / size) === Math.floor(ipv4Number(address) / size);
}

export const ipv4Number = (address: string): number =>
  address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);

export const ipv4Text = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

/** A public address that AWS's service endpoints could have; only for rules on 0.0.0.0/0 and the like. */
const SERVICE_ADDRESS = '52.94.5.1';

/**
 * Whether the agent on an instance gets to Session Manager: through a NAT gateway, an internet gateway with a public
 * address, or interface endpoints for `ssm` and `ssmmessages` with private DNS whose groups admit it.
 */
export function reachesSessionManager(state: Ec2State, instance: Instance): boolean {
  const subnet = state.subnets.get(instance.subnetId);
  if (subnet === undefined) return false;
  const endpointsWork = ['ssm', 'ssmmessages'].every((service) =>
    [...state.endpoints.values()].some(
      (endpoint) =>
        endpoint.service === service &&
        endpoint.vpcId === instance.vpcId &&
        endpoint.type === 'Interface' &&
        endpoint.privateDns &&
        reachesEndpoint(state, instance, endpoint.id, endpoint.groupIds),
    ),
  );
  if (endpointsWork) return true;
  const outside: Place = { securityGroupIds: [], privateIp: SERVICE_ADDRESS };
  const wayOut =
    subnet.route === 'nat-gateway' ||
    (subnet.route === 'internet-gateway' && instance.publicIp !== undefined);
  return wayOut && admits(state, instance.groupIds, true, 443, outside);
}

function reachesEndpoint(
  state: Ec2State,
  instance: Instance,
  endpointId: string,
  groupIds: readonly string[],
): boolean {
  const from: Place = { securityGroupIds: instance.groupIds, privateIp: instance.privateIp };
  return [...state.interfaces.values()]
    .filter((item) => item.description.endsWith(endpointId))
    .some((item) =>
      createNetworkPolicy(state).allows(from, { securityGroupIds: groupIds, privateIp: item.privateIp }, 443),
    );
}
