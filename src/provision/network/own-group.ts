import { failed } from '../../core/errors.ts';
import { type ApplyDeps, createOrAdopt, visible } from '../plan/creation.ts';
import { egressChanges, wantedEgress } from './egress.ts';
import { TAG, widenedPorts } from '../bastion/names.ts';
import type { PlanStep } from '../plan/plan.ts';
import type { GroupRule } from '../ports/network.ts';
import type { BastionSpec } from '../plan/spec.ts';

/** The bastion's security group, and the rules by which it and a database know each other. */

export const groupDescription = (bastion: string): string =>
  `fargate-connect: bastion ${bastion}, nothing comes in`;

/** Resolves with its id. */
export function createGroup(spec: BastionSpec, name: string, deps: ApplyDeps): Promise<string> {
  const { vpcId } = spec.network;
  return createOrAdopt(
    `security group ${name}`,
    spec.name,
    () =>
      deps.ec2.createSecurityGroup({
        name,
        description: groupDescription(spec.name),
        vpcId,
        tags: spec.tags,
      }),
    async () => {
      const groups = await deps.ec2.securityGroups({ tag: { key: TAG.bastion, values: [spec.name] } });
      return groups.find((group) => group.name === name && group.vpcId === vpcId);
    },
  );
}

/**
 * Compares with what is there now, because a new group comes with a rule that lets everything out. With a running
 * instance somebody may be connected, so what others opened stays. Resolves with the rules of somebody else that it
 * closed: see `giveBack`.
 */
export async function setEgress(
  spec: BastionSpec,
  groupId: string,
  instanceId: string | undefined,
  deps: ApplyDeps,
): Promise<readonly GroupRule[]> {
  // Before the rules: a run that ends in between finds the missing rule again, but would not miss the tag.
  if (instanceId !== undefined) await tellPorts(spec, instanceId, deps);
  return visible(deps, async () => {
    const [group] = await deps.ec2.securityGroups({ ids: [groupId] });
    if (group === undefined) {
      throw failed('not-settled', `security group ${groupId} is not visible yet`, {
        details: { awsError: 'InvalidGroup.NotFound' },
      });
    }
    const running = instanceId !== undefined;
    let changes = egressChanges(group, wantedEgress(spec), !running);
    // Another up may have launched since the plan was made: what it opened is not closed under its hands.
    if (!running && changes.revoke.some(isSomebodys) && (await othersRun(spec, deps)))
      changes = egressChanges(group, wantedEgress(spec), false);
    await deps.ec2.revokeEgress(groupId, changes.revoke);
    await deps.ec2.authorizeEgress(groupId, changes.add, spec.tags);
    return changes.revoke.filter(isSomebodys);
  });
}

/** Not the rule that a new group comes with. */
const isSomebodys = (rule: GroupRule): boolean => rule.protocol !== '-1';

/**
 * Another `up` may have opened a port, and launched, between our look at the group and our closing it. It told the
 * instance before it opened the port, so what the instance's tag names is wanted.
 */
export async function giveBack(
  closed: readonly GroupRule[],
  spec: BastionSpec,
  groupId: string,
  instanceId: string,
  deps: ApplyDeps,
): Promise<void> {
  const [instance] = await deps.ec2.instances({ ids: [instanceId] });
  const told = new Set(instance?.tags[TAG.ports]?.split(' ').map(Number));
  const wanted = closed.filter((rule) => rule.fromPort === rule.toPort && told.has(rule.fromPort ?? 0));
  if (wanted.length === 0) return;
  const [group] = await deps.ec2.securityGroups({ ids: [groupId] });
  if (group === undefined) return;
  await deps.ec2.authorizeEgress(groupId, egressChanges(group, wanted, false).add, spec.tags);
}

async function othersRun(spec: BastionSpec, deps: ApplyDeps): Promise<boolean> {
  const tag = { key: TAG.bastion, values: [spec.name] };
  return (await deps.ec2.instances({ tag, states: ['pending', 'running'] })).length > 0;
}

/** A running instance says what it can reach, so that a forward need not find out by waiting. */
async function tellPorts(spec: BastionSpec, instanceId: string, deps: ApplyDeps): Promise<void> {
  const [instance] = await deps.ec2.instances({ ids: [instanceId] });
  const ports = widenedPorts(instance?.tags[TAG.ports], spec.tags[TAG.ports]);
  if (ports !== undefined) await deps.ec2.setTags([instanceId], { [TAG.ports]: ports });
}

/** One tagged ingress rule in the group of the database that the step names. */
export async function admitAtDatabase(
  step: PlanStep,
  spec: BastionSpec,
  groupId: string,
  deps: ApplyDeps,
): Promise<void> {
  const database = spec.databases.find((candidate) => candidate.id === step.parent);
  if (database === undefined) return;
  await visible(deps, () =>
    deps.ec2.authorizeIngress({
      groupId: database.groupId,
      sourceGroupId: groupId,
      port: database.port,
      description: `fargate-connect: bastion ${spec.name}`,
      tags: spec.tags,
    }),
  );
}
