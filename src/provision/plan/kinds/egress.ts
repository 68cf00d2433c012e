import { setEgress } from '../../network/own-group.ts';
import type { GroupRule } from '../../ports/network.ts';
import type { Tags } from '../../ports/tags.ts';
import type { Existing, Ref, ResourceKind } from './resource-kind.ts';

export interface EgressInput {
  readonly groupId: Ref<'security-group'>;
  readonly wanted: readonly GroupRule[];
  /** Tags of each rule; they also name the ports with which a running instance is tagged. */
  readonly tags: Tags;
  /** The instance that already runs. Rules that others added are kept, because a session may be open through it. */
  readonly instanceId: string | undefined;
}

/** The outbound rules of the security group. `id` is the id of the group; deleting the group deletes the rules. */
export const egress: ResourceKind<EgressInput, Existing> = {
  title: 'egress',
  async create(input, run) {
    const groupId = run.resolve(input.groupId);
    run.closedRules = await setEgress({ ...input, groupId, bastion: run.bastion }, run.deps);
    return { id: groupId };
  },
};
