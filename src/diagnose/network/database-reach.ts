import type { GroupRule, SecurityGroup } from '../../provision/ports/network.ts';
import { admits, admittingRule, type ConnectionSource } from './admission.ts';

/** Whether a task or a bastion reaches a database, as far as security groups decide it. Pure. */

export type DatabaseReach =
  | { readonly state: 'admitted'; readonly rule: GroupRule }
  /** A rule that would have to exist: in the database's group (`ingress`) or in a group of the source (`egress`). */
  | { readonly state: 'refused'; readonly missing: MissingRule }
  /** The groups, or the source, could not be read. */
  | { readonly state: 'unknown' };

export interface MissingRule {
  readonly direction: 'ingress' | 'egress';
  /** The group that lacks the rule. */
  readonly groupId: string;
  readonly port: number;
  /** The groups of the other side. */
  readonly peers: readonly string[];
}

/**
 * `groups` are the descriptions of all groups named in `database` and `source`; undefined where they could not be
 * read. A rule whose peer is an address range or prefix list counts as egress to the database, because the address of
 * the database is not known.
 */
export function databaseReach(
  database: { readonly securityGroups: readonly string[]; readonly port: number },
  source: ConnectionSource | undefined,
  groups: readonly SecurityGroup[] | undefined,
): DatabaseReach {
  const { port, securityGroups } = database;
  const own = groups?.filter(({ id }) => securityGroups.includes(id)) ?? [];
  const [first] = own;
  if (source === undefined || groups === undefined || first === undefined) return { state: 'unknown' };
  const rule = admittingRule(
    own.flatMap(({ ingress }) => ingress),
    port,
    source,
  );
  if (rule === undefined) {
    if (source.ranges.length === 0 && source.groupIds.length === 0) return { state: 'unknown' };
    const missing = { direction: 'ingress', groupId: first.id, port, peers: source.groupIds } as const;
    return { state: 'refused', missing };
  }
  const carried = groups.filter(({ id }) => source.groupIds.includes(id));
  const [carrier] = carried;
  const leaves = carried.some(({ egress }) =>
    egress.some(
      (each) => admits(each, port) && (each.groupId === undefined || securityGroups.includes(each.groupId)),
    ),
  );
  if (carrier === undefined || leaves) return { state: 'admitted', rule };
  const missing = { direction: 'egress', groupId: carrier.id, port, peers: securityGroups } as const;
  return { state: 'refused', missing };
}

/** `sg-db has no rule for port 5432 from sg-tasks`. */
export function sentenceOf({ direction, groupId, port, peers }: MissingRule): string {
  const other = peers.length === 0 ? 'it' : peers.join(' or ');
  return direction === 'ingress'
    ? `${groupId} of the database has no rule for port ${port} from ${other}`
    : `${groupId} has no outbound rule for port ${port} to ${other}`;
}
