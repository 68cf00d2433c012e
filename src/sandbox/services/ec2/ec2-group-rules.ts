import { AwsError } from '../../contracts.ts';
import { type Fields, optionalText, requiredText, structures } from '../../wire/fields.ts';
import type { Ec2State, GroupRule, SecurityGroup } from './ec2-state.ts';

/** IpPermissions: one permission of a request becomes as many rules as it names peers. */

export type RuleSpec = Omit<GroupRule, 'id' | 'tags' | 'createdAt'>;

/** Throws AwsError `InvalidParameterValue`, `InvalidGroup.NotFound`, `MissingParameter`. */
export function parsePermissions(
  state: Ec2State,
  group: SecurityGroup,
  input: Fields,
  egress: boolean,
): readonly RuleSpec[] {
  const permissions = structures(input, 'IpPermissions');
  const listed = permissions.length > 0 ? permissions : simplePermission(input);
  const rules = listed.flatMap((permission) => parsePermission(state, group, permission, egress));
  if (rules.length === 0) {
    throw new AwsError('MissingParameter', 'The request must contain the parameter ipPermissions');
  }
  return rules;
}

/** The parameters from before IpPermissions existed; the CLI's short options still use them. */
function simplePermission(input: Fields): readonly Fields[] {
  const cidr = optionalText(input, 'CidrIp');
  const protocol = optionalText(input, 'IpProtocol');
  const sourceName = optionalText(input, 'SourceSecurityGroupName');
  if (protocol === undefined || (cidr === undefined && sourceName === undefined)) return [];
  return [
    {
      IpProtocol: protocol,
      FromPort: optionalText(input, 'FromPort'),
      ToPort: optionalText(input, 'ToPort'),
      ...(cidr === undefined ? {} : { IpRanges: [{ CidrIp: cidr }] }),
      ...(sourceName === undefined ? {} : { Groups: [{ GroupName: sourceName }] }),
    },
  ];
}

function parsePermission(
  state: Ec2State,
  group: SecurityGroup,
  permission: Fields,
  egress: boolean,
): readonly RuleSpec[] {
  const protocol = requiredText(permission, 'IpProtocol');
  const { fromPort, toPort } = portsOf(permission, protocol);
  const rule = (peer: GroupRule['peer'], source: Fields): RuleSpec => ({
    egress,
    protocol,
    fromPort,
    toPort,
    peer,
    description: optionalText(source, 'Description'),
  });
  return [
    ...structures(permission, 'IpRanges').map((range) => rule({ type: 'cidr', cidr: cidrOf(range) }, range)),
    ...structures(permission, 'Ipv6Ranges').map((range) =>
      rule({ type: 'ipv6', cidr: requiredText(range, 'CidrIpv6') }, range),
    ),
    ...structures(permission, 'PrefixListIds').map((prefix) =>
      rule({ type: 'prefix-list', id: requiredText(prefix, 'PrefixListId') }, prefix),
    ),
    ...structures(permission, 'Groups').map((pair) =>
      rule({ type: 'group', groupId: peerGroup(state, group, pair).id }, pair),
    ),
  ];
}

function peerGroup(state: Ec2State, group: SecurityGroup, pair: Fields): SecurityGroup {
  const name = optionalText(pair, 'GroupName');
  const id = optionalText(pair, 'GroupId');
  const found =
    id === undefined
      ? [...state.groups.values()].find((other) => other.name === name && other.vpcId === group.vpcId)
      : state.group(id);
  if (found === undefined || found.vpcId !== group.vpcId) {
    const shown = id ?? name ?? '';
    throw new AwsError(
      'InvalidGroup.NotFound',
      `You have specified two resources that belong to different networks, or the security group '${shown}' does not exist`,
    );
  }
  return found;
}

function cidrOf(range: Fields): string {
  const cidr = requiredText(range, 'CidrIp');
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (match === null || Number(match[5]) > 32 || match.slice(1, 5).some((octet) => Number(octet) > 255)) {
    throw new AwsError('InvalidParameterValue', `CIDR block ${cidr} is malformed`);
  }
  return cidr;
}

function portsOf(permission: Fields, protocol: string): { fromPort: number; toPort: number } {
  if (protocol === '-1') return { fromPort: -1, toPort: -1 };
  if (!['tcp', 'udp', 'icmp', '6', '17', '1'].includes(protocol)) {
    throw new AwsError('InvalidParameterValue', `Invalid value '${protocol}' for IP protocol.`);
  }
  const fromPort = Number(optionalText(permission, 'FromPort') ?? 'NaN');
  const toPort = Number(optionalText(permission, 'ToPort') ?? 'NaN');
  const valid = (port: number): boolean => Number.isInteger(port) && port >= -1 && port <= 65_535;
  if (!valid(fromPort) || !valid(toPort) || fromPort > toPort) {
    throw new AwsError('InvalidParameterValue', `Invalid TCP/UDP port range (${fromPort}:${toPort})`);
  }
  return { fromPort, toPort };
}

/** Equal rules are duplicates even if their descriptions and tags differ. */
export function sameRule(a: RuleSpec, b: RuleSpec): boolean {
  return (
    a.egress === b.egress &&
    a.protocol === b.protocol &&
    a.fromPort === b.fromPort &&
    a.toPort === b.toPort &&
    JSON.stringify(a.peer) === JSON.stringify(b.peer)
  );
}

/** A group's rules as `ipPermissions`: one entry for each protocol and port range. */
export function permissionMembers(state: Ec2State, group: SecurityGroup, egress: boolean): readonly Fields[] {
  const byRange = new Map<string, GroupRule[]>();
  for (const rule of group.rules.values()) {
    if (rule.egress !== egress || !state.isVisible(rule)) continue;
    const key = `${rule.protocol}:${rule.fromPort}:${rule.toPort}`;
    byRange.set(key, [...(byRange.get(key) ?? []), rule]);
  }
  return [...byRange.values()].map((rules) => permissionOf(state, rules));
}

function permissionOf(state: Ec2State, rules: readonly GroupRule[]): Fields {
  const [first] = rules;
  const anyPort = first?.protocol === '-1';
  const lists = {
    groups: [] as Fields[],
    ipRanges: [] as Fields[],
    ipv6Ranges: [] as Fields[],
    prefixListIds: [] as Fields[],
  };
  for (const { peer, description } of rules) {
    switch (peer.type) {
      case 'cidr':
        lists.ipRanges.push({ cidrIp: peer.cidr, description });
        break;
      case 'ipv6':
        lists.ipv6Ranges.push({ cidrIpv6: peer.cidr, description });
        break;
      case 'prefix-list':
        lists.prefixListIds.push({ prefixListId: peer.id, description });
        break;
      case 'group':
        lists.groups.push({ groupId: peer.groupId, userId: state.accountId, description });
        break;
    }
  }
  return {
    ipProtocol: first?.protocol,
    fromPort: anyPort ? undefined : first?.fromPort,
    toPort: anyPort ? undefined : first?.toPort,
    ...lists,
  };
}
