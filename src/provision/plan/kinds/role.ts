import type { Tags } from '../../ports/tags.ts';
import { whenVisible } from '../apply-deps.ts';
import type { Existing, Ref, ResourceKind } from './resource-kind.ts';

export interface RoleInput {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  /** JSON. */
  readonly trust: string;
  /** Undefined = without a permissions boundary. */
  readonly boundaryArn: Ref<'boundary'> | undefined;
  readonly tags: Tags;
}

export interface ExistingRole extends Existing {
  readonly name: string;
}

export const role: ResourceKind<RoleInput, ExistingRole> = {
  title: 'role',
  settles: true,
  async create(input, run) {
    const boundaryArn = input.boundaryArn === undefined ? undefined : run.resolve(input.boundaryArn);
    const id = await whenVisible(run.deps, () => run.deps.iam.createRole({ ...input, boundaryArn }));
    return { id, name: input.name };
  },
  async adopt({ name }, { deps }) {
    const found = await deps.iam.role(name);
    return found === undefined ? undefined : { id: found.arn, name, tags: found.tags };
  },
  isGone: async ({ name }, { iam }) => (await iam.role(name)) === undefined,
  removal: {
    find: ({ role: found }) =>
      found === undefined
        ? []
        : [{ name: found.name, reason: 'created by up', existing: { id: found.name, name: found.name } }],
    delete: ({ name }, { iam }) => iam.deleteRole(name),
    mayBeInUse: true,
    command: ({ name }) => ({ service: 'iam', args: ['delete-role', '--role-name', name] }),
  },
};
