import { type Peer, groupHop, aclHop } from './filter-hops.ts';
import type { Family, Hop } from './hops.ts';
import type { PathSource, PathFacts } from './path-ends.ts';

/** What every part of a path needs to know about its source. */
export interface Walk {
  readonly source: PathSource;
  readonly facts: PathFacts;
  readonly family: Family;
  /** Ranges that contain the address of the source. */
  readonly own: readonly string[];
}

/** The egress rules of the source's security groups; no hop for a source without groups. */
export function sourceGroup({ source, facts, family }: Walk, peer: Peer, port: number): readonly Hop[] {
  if (source.groupIds === undefined) return [];
  return [groupHop('source-group', source.groupIds, facts.source.groups, { peer, port, family })];
}

/** The network ACL of the source's subnet, for the request and for the reply. */
export const sourceAcls = (
  { source, facts, family }: Walk,
  peers: readonly string[] | 'public',
  port: number,
): readonly [out: Hop, back: Hop] => {
  const place = { subnets: [source.subnet], acls: facts.source.networkAcls };
  return [
    aclHop({ kind: 'source-acl-out', ...place }, { peers, port, family, reply: false }),
    aclHop({ kind: 'source-acl-in', ...place }, { peers, port, family, reply: true }),
  ];
};
