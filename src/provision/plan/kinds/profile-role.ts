import { whenVisible } from '../apply-deps.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface ProfileRoleInput {
  readonly profile: string;
  readonly role: string;
}

/** `id` is the name of the role. */
export interface ExistingProfileRole extends Existing {
  readonly profile: string;
}

/** The membership of the role in the instance profile. */
export const profileRole: ResourceKind<ProfileRoleInput, ExistingProfileRole> = {
  title: 'profile role',
  settles: true,
  async create({ profile, role }, { deps }) {
    // For a second role IAM returns LimitExceeded, which the SDK treats as throttling and retries for a long time.
    const found = await deps.iam.instanceProfile(profile);
    if (found?.roleNames.includes(role) !== true)
      await whenVisible(deps, () => deps.iam.addRoleToInstanceProfile(profile, role));
    return { id: role, profile };
  },
  removal: {
    find: ({ profile }) =>
      profile === undefined
        ? []
        : profile.roleNames.map((id) => ({
            name: profile.name,
            reason: 'created by up',
            existing: { id, profile: profile.name },
          })),
    delete: ({ profile, id }, { iam }) => iam.removeRoleFromInstanceProfile(profile, id),
    command: ({ profile, id }) => ({
      service: 'iam',
      args: ['remove-role-from-instance-profile', '--instance-profile-name', profile, '--role-name', id],
    }),
  },
};
