import { launchTemplateSpec, type LaunchTemplateContent } from '../../capacity/launch-template.ts';
import type { Market } from '../../ports/ec2.ts';
import { whenVisible } from '../apply-deps.ts';
import { createOrAdopt } from '../create-or-adopt.ts';
import type { Existing, Ref, ResourceKind } from './resource-kind.ts';

export interface LaunchTemplateInput {
  readonly content: LaunchTemplateContent;
  readonly profileArn: Ref<'instance-profile'>;
  readonly groupId: Ref<'security-group'>;
  readonly market: Market;
}

export interface ExistingLaunchTemplate extends Existing {
  readonly name: string;
  /** The security group that the template names, if the plan did not find that group. */
  readonly missingGroupId?: string;
}

export const launchTemplate: ResourceKind<LaunchTemplateInput, ExistingLaunchTemplate> = {
  title: 'launch template',
  async create({ content, market, ...refs }, run) {
    const parts = { profileArn: run.resolve(refs.profileArn), groupId: run.resolve(refs.groupId) };
    const spec = launchTemplateSpec(content, parts, market);
    const request = { ...spec, clientToken: run.deps.uuid() };
    const id = await whenVisible(run.deps, () => run.deps.ec2.createLaunchTemplate(request));
    return { id, name: content.name };
  },
  async adopt({ content }, { deps }) {
    return (await deps.ec2.launchTemplates({ names: [content.name] }))[0];
  },
  async replace(existing, input, run) {
    // The group existed, but was not visible yet when the plan was made.
    if (existing.missingGroupId === run.resolve(input.groupId)) return existing;
    await run.deps.ec2.deleteLaunchTemplate(existing.id);
    return createOrAdopt(launchTemplate, existing.name, input, run);
  },
  async isGone({ id, name }, { ec2 }) {
    const found = await ec2.launchTemplates({ names: [name] });
    return !found.some((template) => template.id === id);
  },
  removal: {
    find: ({ templates }) =>
      templates.map(({ id, name }) => ({ name, reason: 'created by up', existing: { id, name } })),
    delete: ({ id }, { ec2 }) => ec2.deleteLaunchTemplate(id),
    command: ({ id }) => ({ service: 'ec2', args: ['delete-launch-template', '--launch-template-id', id] }),
  },
};
