import { NOT_TERMINATED } from '../../bastion/inventory.ts';
import { launchInstance, type LaunchSpec } from '../../capacity/launch.ts';
import { reopenClosedRules, setEgress } from '../../network/own-group.ts';
import type { Market } from '../../ports/ec2.ts';
import { createOrAdopt } from '../create-or-adopt.ts';
import type { EgressInput } from './egress.ts';
import { launchTemplate, type LaunchTemplateInput } from './launch-template.ts';
import type { ApplyRun, Existing, Ref, ResourceKind } from './resource-kind.ts';

export interface InstanceInput {
  readonly launch: LaunchSpec;
  readonly templateId: Ref<'launch-template'>;
  /** The launch template for the other market, used if the first market has no capacity. */
  readonly template: LaunchTemplateInput;
  /** Outbound rules that must exist once the instance runs. */
  readonly egress: EgressInput;
}

export interface ExistingInstance extends Existing {
  readonly market: Market;
  /** True if this run launched it. */
  readonly launched: boolean;
}

export const instance: ResourceKind<InstanceInput, ExistingInstance> = {
  title: 'instance',
  async create(input, run) {
    await run.settled();
    const { deps, stepId } = run;
    let templateId = run.resolve(input.templateId);
    const { name } = input.template.content;
    const applied = await launchInstance(input.launch, templateId, deps, stepId, {
      templateFor: async (market) => {
        await deps.ec2.deleteLaunchTemplate(templateId);
        const made = await createOrAdopt(launchTemplate, name, { ...input.template, market }, run);
        run.templateReplaced(made);
        templateId = made.id;
        return templateId;
      },
    });
    await keepOpen(input.egress, applied.instanceId, run);
    return { id: applied.instanceId, market: applied.market, launched: applied.launched };
  },
  removal: {
    find: ({ instances }) =>
      instances.map(({ id, type, state, market }) => ({
        name: id,
        reason: `${type}, ${state}`,
        existing: { id, market, launched: false },
      })),
    delete: ({ id }, { ec2 }) => ec2.terminateInstances([id]),
    async stateOf({ id }, { ec2 }) {
      const [found] = await ec2.instances({ ids: [id], states: NOT_TERMINATED });
      return found?.state;
    },
    command: ({ id }) => ({ service: 'ec2', args: ['terminate-instances', '--instance-ids', id] }),
  },
};

/**
 * Two runs of `up` that request different databases share group and instance. This makes sure that the ports of this
 * run are open in the end.
 */
async function keepOpen(egress: EgressInput, instanceId: string, run: ApplyRun): Promise<void> {
  const { wanted, tags } = egress;
  const wish = { wanted, tags, bastion: run.bastion, groupId: run.resolve(egress.groupId), instanceId };
  await reopenClosedRules(run.closedRules, wish, run.deps);
  if (wanted.length > 1) await setEgress(wish, run.deps);
}
