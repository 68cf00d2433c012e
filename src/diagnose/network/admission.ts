import { containsCidr } from '../../core/cidr.ts';
import type { GroupRule } from '../../provision/ports/network.ts';

/** Checks whether a security group admits a connection. Pure. */

/** The source of a connection. */
export interface ConnectionSource {
  /** Groups of the network interface; the first admitted one is named. */
  readonly groupIds: readonly string[];
  /** Ranges that contain the source address. The connection is certainly admitted only if all of them are. */
  readonly ranges: readonly string[];
}

/** True if a rule applies to that TCP port, whatever its source. */
export const admits = (rule: GroupRule, port: number): boolean =>
  rule.protocol === '-1' || (rule.protocol === 'tcp' && rule.fromPort <= port && port <= rule.toPort);

/**
 * The rule that admits the connection; undefined = none does. The entries of a prefix list are not read: a rule with a
 * prefix list is returned when no other rule admits the connection, although it is unknown whether it does.
 */
export function admittingRule(
  rules: readonly GroupRule[],
  port: number,
  { groupIds, ranges }: ConnectionSource,
): GroupRule | undefined {
  const about = rules.filter((rule) => admits(rule, port));
  const group = groupIds.find((id) => about.some((rule) => rule.groupId === id));
  if (group !== undefined) return about.find((rule) => rule.groupId === group);
  const byRange = about.find(
    ({ cidr }) => cidr !== undefined && ranges.every((range) => containsCidr(cidr, range)),
  );
  return byRange ?? about.find((rule) => rule.prefixListId !== undefined);
}
