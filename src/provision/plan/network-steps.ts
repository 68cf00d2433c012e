import type { Inventory } from '../bastion/inventory.ts';
import { commonName } from '../bastion/names.ts';
import { describeRule, egressChanges, wantedEgress } from '../network/egress.ts';
import { groupDescription } from '../network/own-group.ts';
import type { Instance } from '../ports/ec2.ts';
import type { GroupRule, SecurityGroup } from '../ports/network.ts';
import type { EgressInput } from './kinds/egress.ts';
import type { Ref } from './kinds/resource-kind.ts';
import { known, outputOf, type PlanStep } from './plan.ts';
import type { BastionSpec, DatabaseAccess } from './spec.ts';
import { create, keep, remove, update } from './steps.ts';

/** The part of the plan of `up` that concerns security groups. Pure. */

/** The bastion's security group in the requested VPC. */
export const groupFor = (inventory: Inventory, spec: BastionSpec): SecurityGroup | undefined =>
  inventory.groups.find((group) => group.vpcId === spec.network.vpcId);

export function groupIdOf(inventory: Inventory, spec: BastionSpec): Ref<'security-group'> {
  const group = groupFor(inventory, spec);
  return group === undefined ? outputOf('security-group') : known(group.id);
}

export const egressInput = (
  inventory: Inventory,
  spec: BastionSpec,
  kept: Instance | undefined,
): EgressInput => ({
  groupId: groupIdOf(inventory, spec),
  wanted: wantedEgress(spec),
  tags: spec.tags,
  instanceId: kept?.id,
});

/** Security groups that an earlier run created in another VPC, and the ingress rules of databases that name them. */
export function otherVpcSteps(inventory: Inventory, spec: BastionSpec): readonly PlanStep[] {
  return inventory.groups
    .filter((group) => group.vpcId !== spec.network.vpcId)
    .flatMap((group): readonly PlanStep[] => [
      ...inventory.databaseRules
        .filter((rule) => rule.sourceGroupId === group.id)
        .map(({ id, groupId }) =>
          remove('database-rule', id, 'admits the group of another VPC', { id, groupId }, groupId),
        ),
      remove('security-group', group.name, `belongs to ${group.vpcId}`, { id: group.id }),
    ]);
}

/** `kept` is the instance that already runs. */
export function groupSteps(
  inventory: Inventory,
  spec: BastionSpec,
  kept: Instance | undefined,
): readonly PlanStep[] {
  const common = commonName(spec.name);
  const group = groupFor(inventory, spec);
  const input = egressInput(inventory, spec, kept);
  if (group === undefined) {
    const { vpcId } = spec.network;
    return [
      create('security-group', common, `in ${vpcId}, without inbound rules`, {
        name: common,
        description: groupDescription(spec.name),
        vpcId,
        tags: spec.tags,
      }),
      create('egress', common, `allows only ${input.wanted.map(describeRule).join(', ')}`, input),
    ];
  }
  const { add, revoke } = egressChanges(group, input.wanted, kept === undefined);
  const inbound = group.ingress.length;
  const warning = inbound === 0 ? '' : `; another person has added ${inbound} inbound rules`;
  const existing = { id: group.id };
  return [
    keep('security-group', common, `exists${warning}`, existing),
    add.length + revoke.length === 0
      ? keep('egress', common, `allows only ${group.egress.map(describeRule).join(', ')}`, existing)
      : update(
          'egress',
          common,
          [
            ...add.map((rule) => `open ${describeRule(rule)}`),
            ...revoke.map((rule) => `close ${describeRule(rule)}`),
          ].join(', '),
          existing,
          input,
        ),
  ];
}

/**
 * Returns the ingress rule by which a database admits the bastion of the spec; undefined = there is none. `ownGroupId`
 * is the bastion's own group, undefined before it exists (diagnose/network/reach.ts).
 */
export type FindAdmittingRule = (
  database: DatabaseAccess,
  spec: BastionSpec,
  ownGroupId: string | undefined,
) => GroupRule | undefined;

export function databaseSteps(
  inventory: Inventory,
  spec: BastionSpec,
  findAdmittingRule: FindAdmittingRule,
): readonly PlanStep[] {
  const group = groupFor(inventory, spec);
  return spec.databases.flatMap((database): readonly PlanStep[] => {
    const { id, port, groupId } = database;
    const name = `tcp/${port} in ${groupId}`;
    const rule = inventory.databaseRules.find(
      (candidate) =>
        candidate.groupId === groupId &&
        candidate.fromPort === port &&
        candidate.toPort === port &&
        group !== undefined &&
        candidate.sourceGroupId === group.id,
    );
    if (rule !== undefined)
      return [keep('database-rule', name, `admits the bastion to ${id}`, { id: rule.id, groupId }, id)];
    if (database.admit) {
      const input = {
        groupId,
        sourceGroupId: groupIdOf(inventory, spec),
        port,
        description: `fargate-connect: bastion ${spec.name}`,
        tags: spec.tags,
      };
      return [create('database-rule', name, `admits the bastion to ${id}, as asked`, input, id)];
    }
    const admitting = findAdmittingRule(database, spec, group?.id);
    return admitting === undefined
      ? []
      : [keep('database-rule', name, `${id} admits ${describeSource(admitting, group?.id)}`, undefined, id)];
  });
}

function describeSource({ cidr, groupId, prefixListId }: GroupRule, ownGroupId: string | undefined): string {
  if (prefixListId !== undefined) return `prefix list ${prefixListId}, whose entries were not read`;
  if (groupId === undefined) return cidr ?? '';
  return groupId === ownGroupId ? "the bastion's own group" : `${groupId}, which the bastion has`;
}
