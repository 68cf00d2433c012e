import { containsCidr } from '../../core/cidr.ts';
import type { GroupRule } from '../../provision/ports/network.ts';

/** Whether a security group admits a connection. Pure. */

/** Where a connection comes from. */
export interface ConnectionSource {
  /** Groups of the network interface; the first one that is admitted is named. */
  readonly groupIds: readonly string[];
  /** Ranges in which the address may be: it is admitted for certain only if all of them are. */
  readonly ranges: readonly string[];
}

/** Whether a rule is about that TCP port, whoever it lets through. */
export const admits = (rule: GroupRule, port: number): boolean =>
  rule.protocol === '-1' || (rule.protocol === 'tcp' && rule.fromPort <= port && port <= rule.toPort);

/**
 * The rule that admits the connection; undefined = none does. The entries of a prefix list are not read: a rule with one
 * is named when no other rule admits the connection, and whether it does could not be told.
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
