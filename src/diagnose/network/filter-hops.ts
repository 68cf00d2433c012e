import { containsCidr } from '../../core/cidr.ts';
import type { GroupRule, SecurityGroup, Subnet } from '../../provision/ports/network.ts';
import type { NetworkAcl } from '../../provision/ports/path-facts.ts';
import type { Change } from '../change.ts';
import { admits } from './admission.ts';
import { blocked, type Family, type Hop, notVisible, passes } from './hops.ts';
import { entryName, judgeAcl } from './network-acl.ts';

/** The hops at which a rule decides: security groups and network ACLs. Pure. */

/** The other end of a connection, as a rule sees it. */
export interface Peer {
  /** Ranges that contain its address; `public` = some address of the internet, which is not known. */
  readonly ranges: readonly string[] | 'public';
  /** Security groups of its interface; a rule may name one of them. */
  readonly groupIds: readonly string[];
}

/** Ports from which Linux (32768–60999), NAT gateways and other clients (1024–65535) connect. */
const REPLY_PORTS = { host: [32_768, 60_999], nat: [1024, 65_535] } as const;

const everywhere = (family: Family): string => (family === 'ipv4' ? '0.0.0.0/0' : '::/0');

/** The security groups of one interface, for a connection in one direction. */
export function groupHop(
  kind: 'source-group' | 'target-group',
  groupIds: readonly string[],
  groups: readonly SecurityGroup[],
  { peer, port, family }: { readonly peer: Peer; readonly port: number; readonly family: Family },
): Hop {
  const resource = groupIds.join(', ');
  const known = groups.filter((group) => groupIds.includes(group.id));
  if (groupIds.length === 0) return notVisible(kind, 'security group', 'the security groups are not known');
  if (known.length === 0) return notVisible(kind, resource, 'the security groups were not read');
  const egress = kind === 'source-group';
  const rules = known.flatMap((group) =>
    (egress ? group.egress : group.ingress).map((rule) => ({ rule, group: group.id })),
  );
  const about = rules.filter(({ rule }) => admits(rule, port));
  const byGroup = about.find(
    ({ rule }) => rule.groupId !== undefined && peer.groupIds.includes(rule.groupId),
  );
  if (byGroup !== undefined) return passes(kind, byGroup.group, ruleText(byGroup.rule));
  const inRange = (range: string) =>
    about.find(({ rule }) => rule.cidr !== undefined && containsCidr(rule.cidr, range));
  const ranges = peer.ranges === 'public' ? [everywhere(family)] : peer.ranges;
  const found = ranges.map(inRange);
  const [first] = found;
  if (first !== undefined && found.every((each) => each !== undefined))
    return passes(kind, first.group, ruleText(first.rule));
  const partly = about.find(
    ({ rule }) =>
      rule.prefixListId !== undefined ||
      (rule.cidr !== undefined && ranges.some((range) => containsCidr(range, rule.cidr ?? ''))),
  );
  if (partly !== undefined)
    return notVisible(
      kind,
      partly.group,
      partly.rule.prefixListId === undefined
        ? `${ruleText(partly.rule)} holds for a part of ${ranges.join(', ')} only, and the address is not known`
        : `${ruleText(partly.rule)}: the entries of a prefix list are not read`,
    );
  const [group] = groupIds;
  const direction = egress ? 'outbound' : 'inbound';
  const other = peer.ranges === 'public' ? 'the internet' : [...peer.groupIds, ...peer.ranges].join(' or ');
  return blocked(
    kind,
    resource,
    `no ${direction} rule for port ${port} ${egress ? 'to' : 'from'} ${other || 'it'}`,
    group === undefined ? [] : [[ruleChange(egress, group, port, peer, ranges)]],
  );
}

function ruleChange(
  egress: boolean,
  group: string,
  port: number,
  peer: Peer,
  ranges: readonly string[],
): Change {
  const [peerGroup] = peer.groupIds;
  const peers = peerGroup === undefined ? ranges : [peerGroup];
  return egress ? { kind: 'allow-out', group, port, to: peers } : { kind: 'admit', group, port, from: peers };
}

const ruleText = ({ protocol, fromPort, toPort, cidr, groupId, prefixListId }: GroupRule): string => {
  const ports =
    protocol === '-1'
      ? 'all traffic'
      : `${protocol} ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`}`;
  return `rule ${ports} ${cidr ?? groupId ?? prefixListId ?? ''}`;
};

export interface AclPlace {
  readonly kind: 'source-acl-out' | 'source-acl-in' | 'target-acl-in' | 'target-acl-out' | 'nat-acl';
  readonly subnets: readonly Subnet[];
  readonly acls: readonly NetworkAcl[] | undefined;
}

export interface AclTraffic {
  readonly peers: readonly string[] | 'public';
  readonly port: number;
  readonly family: Family;
  /** Whether the packets are replies: those go to the port from which the client connected. */
  readonly reply: boolean;
  /** Whether the client is a NAT gateway, whose ports begin at 1024. */
  readonly throughNat?: boolean;
}

/** The network ACLs of the subnets of one end, for packets in one direction. */
export function aclHop({ kind, subnets, acls }: AclPlace, traffic: AclTraffic): Hop {
  const { port, family, reply } = traffic;
  if (acls === undefined)
    return notVisible(kind, 'network ACL', 'ec2:DescribeNetworkAcls is not allowed, or was not read');
  const egress = kind === 'source-acl-out' || kind === 'target-acl-out' || (kind === 'nat-acl' && !reply);
  const [fromPort, toPort] = reply ? REPLY_PORTS[traffic.throughNat === true ? 'nat' : 'host'] : [port, port];
  const peers = traffic.peers === 'public' ? [everywhere(family)] : traffic.peers;
  let hop: Hop | undefined;
  for (const subnet of subnets) {
    const acl = acls.find((each) => each.subnetIds.includes(subnet.id));
    if (acl === undefined) return notVisible(kind, subnet.id, 'the network ACL of the subnet was not found');
    const ports = fromPort === toPort ? `port ${fromPort}` : `ports ${fromPort}-${toPort}`;
    const words = `${ports} ${egress ? 'to' : 'from'} ${peers.join(' or ')}`;
    const answer = judgeAcl(acl, { egress, peers, fromPort, toPort });
    const direction = egress ? 'outbound' : 'inbound';
    switch (answer.verdict) {
      case 'allowed':
        hop ??= passes(kind, acl.id, `${direction} rule ${entryName(answer.entry)} allows ${words}`);
        break;
      case 'partly':
        hop = notVisible(
          kind,
          acl.id,
          `${direction} rule ${entryName(answer.entry)} holds for ${answer.entry.cidr} only, and the address of the other end is not known`,
        );
        break;
      case 'denied': {
        const [first, last] = answer.ports;
        const denied =
          first === fromPort && last === toPort ? words : `ports ${first}-${last} of the ${words}`;
        return blocked(kind, acl.id, `${direction} rule ${entryName(answer.entry)} denies ${denied}`, [
          peers.map((cidr): Change => ({
            kind: 'acl-entry',
            acl: acl.id,
            number: freeNumber(acl, egress, answer.entry?.number),
            egress,
            fromPort,
            toPort,
            cidr,
          })),
        ]);
      }
      default:
        return answer satisfies never;
    }
  }
  return hop ?? notVisible(kind, 'network ACL', 'the subnet is not known');
}

/** A number before that of the entry that denies, which no other entry of the direction has. */
function freeNumber(acl: NetworkAcl, egress: boolean, before = 32_767): number {
  const taken = new Set(acl.entries.filter((entry) => entry.egress === egress).map(({ number }) => number));
  const wanted = Math.min(before, 100) - 1;
  for (let number = wanted; number > 0; number--) if (!taken.has(number)) return number;
  return wanted;
}
