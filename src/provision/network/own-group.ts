import { failed } from '../../core/errors.ts';
import { TAG, widenedPorts } from '../bastion/names.ts';
import { type ApplyDeps, whenVisible } from '../plan/apply-deps.ts';
import type { GroupRule } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';
import { egressChanges } from './egress.ts';

/**
 * Sets the outbound rules of the bastion's own security group. Several runs of `up` may change them at once, and the
 * group may be in use.
 */

export const groupDescription = (bastion: string): string =>
  `fargate-connect: bastion ${bastion}, no inbound rules`;

export interface WantedEgress {
  readonly bastion: string;
  readonly groupId: string;
  readonly wanted: readonly GroupRule[];
  /** Tags of each rule; they also name the ports with which a running instance is tagged. */
  readonly tags: Tags;
  /** The running instance. A session may be open through it, so rules that others added are kept. */
  readonly instanceId: string | undefined;
}

/**
 * Compares with the current rules of the group, because EC2 creates a group with a rule that allows all outbound
 * traffic. Resolves with the rules of other runs or people that it removed: see `reopenClosedRules`.
 */
export async function setEgress(request: WantedEgress, deps: ApplyDeps): Promise<readonly GroupRule[]> {
  const { groupId, wanted, instanceId, tags } = request;
  // The instance is tagged before the rules are added: after an interrupted run, the next one would notice a missing
  // rule, but not a missing tag.
  if (instanceId !== undefined) await tagWithPorts(instanceId, tags, deps);
  return whenVisible(deps, async () => {
    const [group] = await deps.ec2.securityGroups({ ids: [groupId] });
    if (group === undefined) {
      throw failed('not-settled', `security group ${groupId} is not visible yet`, {
        details: { awsError: 'InvalidGroup.NotFound' },
      });
    }
    const isRunning = instanceId !== undefined;
    let changes = egressChanges(group, wanted, !isRunning);
    // Another `up` may have launched since the plan was made. The ports that it opened stay open.
    if (!isRunning && changes.revoke.some(isOpenedByUp) && (await anyInstanceRuns(request.bastion, deps)))
      changes = egressChanges(group, wanted, false);
    await deps.ec2.revokeEgress(groupId, changes.revoke);
    await deps.ec2.authorizeEgress(groupId, changes.add, tags);
    return changes.revoke.filter(isOpenedByUp);
  });
}

/** True for every rule except the one that EC2 creates with each group. */
const isOpenedByUp = (rule: GroupRule): boolean => rule.protocol !== '-1';

/**
 * Another `up` may have opened a port, and launched, after this run read the group and before it closed that port. The
 * other run tagged the instance with the port before it opened it, so a closed port that the tag names is opened again.
 */
export async function reopenClosedRules(
  closed: readonly GroupRule[],
  { groupId, instanceId, tags }: WantedEgress & { readonly instanceId: string },
  deps: ApplyDeps,
): Promise<void> {
  if (closed.length === 0) return;
  const [instance] = await deps.ec2.instances({ ids: [instanceId] });
  const ports = new Set(instance?.tags[TAG.ports]?.split(' ').map(Number));
  const wanted = closed.filter((rule) => rule.fromPort === rule.toPort && ports.has(rule.fromPort));
  if (wanted.length === 0) return;
  const [group] = await deps.ec2.securityGroups({ ids: [groupId] });
  if (group === undefined) return;
  await deps.ec2.authorizeEgress(groupId, egressChanges(group, wanted, false).add, tags);
}

async function anyInstanceRuns(bastion: string, deps: ApplyDeps): Promise<boolean> {
  const tag = { key: TAG.bastion, values: [bastion] };
  return (await deps.ec2.instances({ tag, states: ['pending', 'running'] })).length > 0;
}

/** From this tag of the instance, `forward` knows without waiting for a timeout that a port cannot be reached. */
async function tagWithPorts(instanceId: string, tags: Tags, deps: ApplyDeps): Promise<void> {
  const [instance] = await deps.ec2.instances({ ids: [instanceId] });
  const ports = widenedPorts(instance?.tags[TAG.ports], tags[TAG.ports]);
  if (ports !== undefined) await deps.ec2.setTags([instanceId], { [TAG.ports]: ports });
}
