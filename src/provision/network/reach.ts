import { containsCidr } from '../../core/cidr.ts';
import type { PlanWarning } from '../plan/plan.ts';
import type { GroupRule } from '../ports/network.ts';
import type { BastionSpec, DatabaseAccess } from '../plan/spec.ts';

/**
 * Whether a database admits the bastion: the bastion's security group lets the connection out, and a security group of the
 * database must let it in. Pure.
 */

export type Admission =
  | { readonly kind: 'admitted'; readonly by: string }
  /** No rule that was read admits the bastion; `groups` are the security groups that the database admits. */
  | { readonly kind: 'closed'; readonly groups: readonly string[] };

/** `ownGroupId` is that of the bastion's own group; undefined before it exists. */
export function admissionOf(
  database: DatabaseAccess,
  spec: BastionSpec,
  ownGroupId: string | undefined,
): Admission {
  const rules = database.ingress.filter((rule) => covers(rule, database.port));
  const carried = spec.clientGroups.find((group) => rules.some((rule) => rule.groupId === group.id));
  if (carried !== undefined) return { kind: 'admitted', by: `${carried.id} (--client-security-group)` };
  if (ownGroupId !== undefined && rules.some((rule) => rule.groupId === ownGroupId))
    return { kind: 'admitted', by: "the bastion's own group" };
  const cidrs = spec.network.subnets.map((subnet) => subnet.cidr ?? subnet.ipv6Cidr ?? '');
  const range = rules.find(
    ({ cidr }) => cidr !== undefined && cidrs.every((subnetCidr) => containsCidr(cidr, subnetCidr)),
  );
  if (range?.cidr !== undefined) return { kind: 'admitted', by: range.cidr };
  // The entries of a prefix list are not read; the bastion's address is assumed to be among them.
  const list = rules.find((rule) => rule.prefixListId !== undefined)?.prefixListId;
  if (list !== undefined) return { kind: 'admitted', by: `prefix list ${list}, whose entries were not read` };
  return { kind: 'closed', groups: rules.flatMap((rule) => rule.groupId ?? []) };
}

const covers = (rule: GroupRule, port: number): boolean =>
  rule.protocol === '-1' || (rule.protocol === 'tcp' && rule.fromPort <= port && port <= rule.toPort);

/** Warns before the launch of what would show later as a connection that hangs. */
export function reachWarnings(spec: BastionSpec, ownGroupId: string | undefined): readonly PlanWarning[] {
  const closed = spec.databases
    .filter((database) => !database.admit)
    .flatMap((database): PlanWarning[] => {
      const admission = admissionOf(database, spec, ownGroupId);
      if (admission.kind === 'admitted') return [];
      const { groups } = admission;
      const others = groups.length === 0 ? '' : `, or --client-security-group ${groups.join(' or ')}`;
      return [
        {
          code: 'database-closed',
          message: `${database.id} does not admit port ${database.port} from any group or range of this bastion: add --allow-db ${database.id}${others}`,
        },
      ];
    });
  const idle = spec.databases.length > 0 || spec.egressPorts.length > 0 ? [] : spec.clientGroups;
  return [
    ...closed,
    ...spec.clientGroups
      .filter((group) => group.vpcId !== spec.network.vpcId)
      .map((group) => ({
        code: 'client-group-elsewhere',
        message: `${group.id} belongs to ${group.vpcId}: EC2 refuses it unless it is associated with ${spec.network.vpcId}`,
      })),
    ...idle
      .filter((group) => !group.egress.some(opensMore))
      .map((group) => ({
        code: 'client-group-closed',
        message: `${group.id} allows no outbound traffic besides port 443, which every bastion has: name the database too, with --db ID`,
      })),
  ];
}

/** Than port 443, which every bastion may use. */
const opensMore = (rule: GroupRule): boolean =>
  rule.protocol === '-1' || (rule.protocol === 'tcp' && !(rule.fromPort === 443 && rule.toPort === 443));
