import { containsCidr } from '../../../core/cidr.ts';
import type { AgentEndpoints, NetworkPolicy } from '../../contracts.ts';
import { aclsAllow } from './ec2-network-acls.ts';
import type { Ec2State, GroupRule, Instance, NetworkInterface, SecurityGroup, Subnet } from './ec2-state.ts';

/** The connections that security groups and routes allow. */

export function createNetworkPolicy(state: Ec2State): NetworkPolicy {
  return {
    allows: (from, to, port) =>
      admits(state, from.securityGroupIds, true, port, to) &&
      admits(state, to.securityGroupIds, false, port, from) &&
      aclsAllow(state, from.privateIp, to.privateIp, port),
  };
}

interface Place {
  readonly securityGroupIds: readonly string[];
  readonly privateIp: string;
}

/** A place without security groups is outside EC2's control: it accepts every connection. */
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
    case 'ipv6':
      return containsCidr(rule.peer.cidr, peer.privateIp);
    case 'group':
      return peer.securityGroupIds.includes(rule.peer.groupId);
    case 'prefix-list':
      return false;
  }
}

export const ipv4Number = (address: string): number =>
  address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);

export const ipv4Text = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

/**
 * Public addresses that AWS's service endpoints could have; used only to evaluate rules for 0.0.0.0/0, ::/0 and
 * similar.
 */
const SERVICE_ADDRESS = '52.94.5.1';
const DUAL_STACK_ADDRESS = '2600:1f70:8000::1';
/** The IPv6 address that DNS64 makes of an IPv4 address. */
const synthesized = (ipv4: string): string => `64:ff9b::${ipv4}`;

/**
 * Whether the agent on an instance reaches Session Manager by the host names of its configuration: through interface
 * endpoints with private DNS where there are some, otherwise through a gateway.
 */
export const reachesSessionManager = (
  state: Ec2State,
  instance: Instance,
  endpoints: AgentEndpoints,
): boolean =>
  (['ssm', 'ssmmessages'] as const).every((service) => {
    const usual = `${service}.${state.region}.amazonaws.com`;
    const dualStack = `${service}.${state.region}.api.aws`;
    const host = endpoints[service] ?? usual;
    return [usual, dualStack].includes(host) && reachesService(state, instance, service, host === dualStack);
  });

function reachesService(
  state: Ec2State,
  instance: Instance,
  service: string,
  byDualStackName: boolean,
): boolean {
  const subnet = state.subnets.get(instance.subnetId);
  if (subnet === undefined) return false;
  const named = [...state.endpoints.values()].filter(
    (endpoint) =>
      endpoint.service === service &&
      endpoint.vpcId === instance.vpcId &&
      endpoint.type === 'Interface' &&
      endpoint.privateDns,
  );
  if (named.length > 0) return named.some(({ id }) => reachesEndpoint(state, instance, subnet, id));
  const allowsEgress = (address: string): boolean =>
    admits(state, instance.groupIds, true, 443, { securityGroupIds: [], privateIp: address });
  const overIpv4 =
    subnet.route === 'nat-gateway' ||
    (subnet.route === 'internet-gateway' && instance.publicIp !== undefined);
  if (instance.privateIp !== undefined && overIpv4 && allowsEgress(SERVICE_ADDRESS)) return true;
  if (instance.ipv6Address === undefined) return false;
  // DNS64 makes an address only for a name that has no IPv6 address of its own.
  return byDualStackName
    ? subnet.ipv6?.route !== undefined && allowsEgress(DUAL_STACK_ADDRESS)
    : hasNat64(subnet) && allowsEgress(synthesized(SERVICE_ADDRESS));
}

const hasNat64 = ({ ipv6 }: Subnet): boolean => ipv6?.dns64 === true && ipv6.nat64 === true;

function reachesEndpoint(state: Ec2State, instance: Instance, subnet: Subnet, endpointId: string): boolean {
  return [...state.interfaces.values()]
    .filter((item) => item.description.endsWith(endpointId))
    .some((item) => reachesInterface(state, instance, subnet, item));
}

function reachesInterface(
  state: Ec2State,
  instance: Instance,
  subnet: Subnet,
  item: NetworkInterface,
): boolean {
  const { groupIds: from, privateIp, ipv6Address } = instance;
  const { groupIds: to } = item;
  const reaches = (source: string | undefined, target: string | undefined): boolean =>
    source !== undefined &&
    target !== undefined &&
    createNetworkPolicy(state).allows(
      { securityGroupIds: from, privateIp: source },
      { securityGroupIds: to, privateIp: target },
      443,
    );
  if (reaches(privateIp, item.privateIp) || reaches(ipv6Address, item.ipv6Address)) return true;
  if (ipv6Address === undefined || item.ipv6Address !== undefined || item.privateIp === undefined)
    return false;
  // To the endpoint, the connection comes from the NAT gateway and not from a member of any group.
  const target = { securityGroupIds: [], privateIp: synthesized(item.privateIp) };
  return (
    hasNat64(subnet) &&
    admits(state, from, true, 443, target) &&
    [...state.natGateways.values()].some((nat) =>
      admits(state, to, false, 443, { securityGroupIds: [], privateIp: nat.privateIp }),
    )
  );
}
