import type { Tags } from '../../ports/tags.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface InstanceProfileInput {
  readonly name: string;
  readonly path: string;
  readonly tags: Tags;
}

export interface ExistingInstanceProfile extends Existing {
  readonly name: string;
}

export const instanceProfile: ResourceKind<InstanceProfileInput, ExistingInstanceProfile> = {
  title: 'instance profile',
  settles: true,
  create: async (input, { deps }) => ({
    id: await deps.iam.createInstanceProfile(input),
    name: input.name,
  }),
  async adopt({ name }, { deps }) {
    const found = await deps.iam.instanceProfile(name);
    return found === undefined ? undefined : { id: found.arn, name, tags: found.tags };
  },
  isGone: async ({ name }, { iam }) => (await iam.instanceProfile(name)) === undefined,
  removal: {
    find: ({ profile }) =>
      profile === undefined
        ? []
        : [
            {
              name: profile.name,
              reason: 'created by up',
              existing: { id: profile.name, name: profile.name },
            },
          ],
    delete: ({ name }, { iam }) => iam.deleteInstanceProfile(name),
    mayBeInUse: true,
    command: ({ name }) => ({
      service: 'iam',
      args: ['delete-instance-profile', '--instance-profile-name', name],
    }),
  },
};
