import type { GroupRule, SecurityGroup } from '../ports/network.ts';
import type { BastionSpec } from '../plan/spec.ts';

/** The outbound rules of a bastion's security group. Pure. */

/**
 * More references to security groups than this would nearly use up the quota of rules. The ports are then opened
 * towards the address ranges of the VPC.
 */
const MAX_DATABASE_RULES = 20;

/** Port 443, which the bastion needs to reach AWS, and the ports that were requested. */
export function wantedEgress(spec: BastionSpec): readonly GroupRule[] {
  const tcp = (port: number): Pick<GroupRule, 'protocol' | 'fromPort' | 'toPort'> => ({
    protocol: 'tcp',
    fromPort: port,
    toPort: port,
  });
  const crowded = spec.databases.length > MAX_DATABASE_RULES;
  const byGroup = crowded ? spec.databases.filter((database) => database.admit) : spec.databases;
  const byRange = [...spec.egressPorts, ...(crowded ? spec.databases.map((database) => database.port) : [])];
  return [
    { ...tcp(443), cidr: spec.network.stack === 'ipv4' ? '0.0.0.0/0' : '::/0' },
    ...byGroup.map((database) => ({ ...tcp(database.port), groupId: database.groupId })),
    ...[...new Set(byRange)].flatMap((port) => spec.vpcCidrs.map((cidr) => ({ ...tcp(port), cidr }))),
  ];
}

export const describeRule = (rule: GroupRule): string => {
  const to = rule.cidr ?? rule.groupId ?? rule.prefixListId ?? 'anywhere';
  if (rule.protocol === '-1') return `everything to ${to}`;
  const ports = rule.fromPort === rule.toPort ? `${rule.fromPort}` : `${rule.fromPort}-${rule.toPort}`;
  return `${rule.protocol}/${ports} to ${to}`;
};

/** The rules to add and to remove. `exact` is false for a group in use, which keeps the rules that others added. */
export function egressChanges(
  group: Pick<SecurityGroup, 'egress'>,
  wanted: readonly GroupRule[],
  exact: boolean,
): { readonly add: readonly GroupRule[]; readonly revoke: readonly GroupRule[] } {
  const has = (rules: readonly GroupRule[], rule: GroupRule): boolean =>
    rules.some((other) => describeRule(other) === describeRule(rule));
  // The rule that EC2 creates with each group is always removed, even while a session is open.
  const everything = (rule: GroupRule): boolean => rule.protocol === '-1';
  return {
    add: wanted.filter((rule) => !has(group.egress, rule)),
    revoke: group.egress.filter((rule) => !has(wanted, rule) && (exact || everything(rule))),
  };
}
