import { setEgress } from '../../network/own-group.ts';
import type { GroupRule } from '../../ports/network.ts';
import type { Tags } from '../../ports/tags.ts';
import type { Existing, Ref, ResourceKind } from './resource-kind.ts';

export interface EgressInput {
  readonly groupId: Ref<'security-group'>;
  readonly wanted: readonly GroupRule[];
  /** Of each rule; also names the ports that a running instance is tagged with. */
  readonly tags: Tags;
  /** The instance that runs already. Ports that others opened stay open, because somebody may be connected through it. */
  readonly instanceId: string | undefined;
}

/** What the security group lets out. `id` is that of the group, with which the rules are deleted. */
export const egress: ResourceKind<EgressInput, Existing> = {
  title: 'egress',
  async create(input, run) {
    const groupId = run.resolve(input.groupId);
    run.closedRules = await setEgress({ ...input, groupId, bastion: run.bastion }, run.deps);
    return { id: groupId };
  },
};
