import { whenVisible } from '../apply-deps.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface RolePolicyInput {
  readonly role: string;
  readonly name: string;
  /** JSON. */
  readonly document: string;
}

/** `id` is the name of the policy. */
export interface ExistingRolePolicy extends Existing {
  readonly role: string;
}

/**
 * The inline policy of the role. `down` also deletes inline policies that others have added, because IAM does not
 * delete a role that has any.
 */
export const rolePolicy: ResourceKind<RolePolicyInput, ExistingRolePolicy> = {
  title: 'role policy',
  settles: true,
  async create({ role, name, document }, { deps }) {
    await whenVisible(deps, () => deps.iam.putRolePolicy(role, name, document));
    return { id: name, role };
  },
  removal: {
    find: ({ role }) =>
      role === undefined
        ? []
        : role.policyNames.map((id) => ({
            name: role.name,
            reason: 'created by up',
            existing: { id, role: role.name },
          })),
    delete: ({ role, id }, { iam }) => iam.deleteRolePolicy(role, id),
    command: ({ role, id }) => ({
      service: 'iam',
      args: ['delete-role-policy', '--role-name', role, '--policy-name', id],
    }),
  },
};
