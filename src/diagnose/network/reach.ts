import type { GroupRule, SecurityGroup, Subnet } from '../../provision/ports/network.ts';
import type { FindingOf } from '../finding.ts';
import { admits, admittingRule } from './admission.ts';

/**
 * Checks whether a database admits the bastion: the bastion's security group allows the outbound connection, and a
 * security group of the database must allow the inbound one. Pure.
 */

/** The properties of a bastion that decide what it reaches. */
export interface ReachingBastion {
  readonly network: { readonly vpcId: string; readonly subnets: readonly Subnet[] };
  readonly databases: readonly ReachedDatabase[];
  readonly egressPorts: readonly number[];
  /** Security groups that it has besides its own. */
  readonly clientGroups: readonly Pick<SecurityGroup, 'id' | 'vpcId' | 'egress'>[];
}

export interface ReachedDatabase {
  readonly id: string;
  readonly port: number;
  /** One security group of the database. */
  readonly groupId: string;
  /** True if a rule that admits the bastion will be added. */
  readonly admit: boolean;
  /** The existing ingress rules of all its groups. */
  readonly ingress: readonly GroupRule[];
}

/**
 * The rule by which the database admits the bastion; undefined = none. `ownGroupId` is the bastion's own group;
 * undefined before it exists.
 */
export const ruleAdmitting = (
  { ingress, port }: ReachedDatabase,
  { clientGroups, network }: ReachingBastion,
  ownGroupId: string | undefined,
): GroupRule | undefined =>
  admittingRule(ingress, port, {
    groupIds: [...clientGroups.map(({ id }) => id), ...(ownGroupId === undefined ? [] : [ownGroupId])],
    ranges: network.subnets.map((subnet) => subnet.cidr ?? subnet.ipv6Cidr ?? ''),
  });

export type ReachFinding =
  | FindingOf<'database-closed'>
  | FindingOf<'client-group-elsewhere'>
  | FindingOf<'client-group-closed'>;

/** Problems that would appear after the launch only as connections that time out. */
export function reachFindings(
  bastion: ReachingBastion,
  ownGroupId: string | undefined,
): readonly ReachFinding[] {
  const { clientGroups, databases, egressPorts, network } = bastion;
  const idle = databases.length > 0 || egressPorts.length > 0 ? [] : clientGroups;
  return [
    ...databases
      .filter((database) => !database.admit && ruleAdmitting(database, bastion, ownGroupId) === undefined)
      .map((database) => databaseClosed(database, ownGroupId)),
    ...clientGroups
      .filter((group) => group.vpcId !== network.vpcId)
      .map(({ id: group, vpcId: vpc }): ReachFinding => ({
        id: 'client-group-elsewhere',
        severity: 'warning',
        evidence: { group, vpc, bastionVpc: network.vpcId },
        fixes: [[{ kind: 'associate-group', group, vpc: network.vpcId }]],
      })),
    ...idle
      .filter((group) => !group.egress.some(opensMore))
      .map(({ id: group }): ReachFinding => ({
        id: 'client-group-closed',
        severity: 'warning',
        evidence: { group },
        fixes: [],
      })),
  ];
}

function databaseClosed(
  { id: database, port, groupId, ingress }: ReachedDatabase,
  ownGroupId: string | undefined,
): FindingOf<'database-closed'> {
  const admitted = ingress.filter((rule) => admits(rule, port)).flatMap((rule) => rule.groupId ?? []);
  return {
    id: 'database-closed',
    severity: 'blocking',
    evidence: { database, port, group: groupId, admittedGroups: admitted },
    fixes: [
      [
        {
          kind: 'admit',
          group: groupId,
          port,
          from: ownGroupId === undefined ? 'own-group' : [ownGroupId],
        },
      ],
      ...admitted.map((group) => [{ kind: 'carry-group', group }] as const),
    ],
  };
}

/** True if the rule allows more than port 443, which every bastion may use. */
const opensMore = (rule: GroupRule): boolean =>
  rule.protocol === '-1' || (rule.protocol === 'tcp' && !(rule.fromPort === 443 && rule.toPort === 443));
