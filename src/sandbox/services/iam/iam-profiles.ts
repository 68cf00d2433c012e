import type { AuthorizationCheck, Operations } from '../../contracts.ts';
import { type Fields, optionalText } from '../../wire/fields.ts';
import {
  deleteConflict,
  entityExists,
  limitExceeded,
  nameOf,
  onNew,
  onProfile,
  page,
  pathOf,
  profileMembers,
  tagsOf,
} from './iam-common.ts';
import { type IamState, type InstanceProfile, noSuchEntity } from './iam-state.ts';
import { requestTagContext } from '../tags.ts';

/** Instance profiles, through which EC2 gets a role. */
export function instanceProfileOperations(state: IamState): Operations {
  const profileOf = (input: Fields): InstanceProfile =>
    state.profile(nameOf(input, 'InstanceProfileName', 128));
  const members = (profile: InstanceProfile, tags = true): Fields =>
    profileMembers(
      profile,
      profile.roleName === undefined ? undefined : state.roles.get(profile.roleName),
      tags,
    );
  const check =
    (action: string) =>
    (input: Fields): readonly AuthorizationCheck[] => {
      const name = nameOf(input, 'InstanceProfileName', 128);
      const profile = state.profiles.get(name);
      return [
        profile === undefined
          ? onNew(action, state.arn(`instance-profile/${name}`), new Map())
          : onProfile(action, profile),
      ];
    };

  return {
    CreateInstanceProfile: {
      authorize: (input) => {
        const tags = tagsOf(input);
        const arn = state.arn(`instance-profile${pathOf(input)}${nameOf(input, 'InstanceProfileName', 128)}`);
        const checks = [onNew('CreateInstanceProfile', arn, tags)];
        return tags.size === 0 ? checks : [...checks, onNew('TagInstanceProfile', arn, tags)];
      },
      run: (input) => {
        const name = nameOf(input, 'InstanceProfileName', 128);
        if (state.profiles.has(name)) throw entityExists(`Instance Profile ${name} already exists.`);
        return { InstanceProfile: members(state.addProfile(name, pathOf(input), tagsOf(input))) };
      },
    },
    GetInstanceProfile: {
      authorize: check('GetInstanceProfile'),
      run: (input) => ({ InstanceProfile: members(profileOf(input)) }),
    },
    ListInstanceProfiles: {
      authorize: () => [{ action: 'iam:ListInstanceProfiles', resource: state.arn('instance-profile/') }],
      run: (input) => {
        const prefix = optionalText(input, 'PathPrefix') ?? '/';
        const found = [...state.profiles.values()]
          .filter((profile) => profile.path.startsWith(prefix))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        const { items, tail } = page(input, found);
        return { InstanceProfiles: items.map((profile) => members(profile, false)), ...tail };
      },
    },
    TagInstanceProfile: {
      authorize: (input) =>
        check('TagInstanceProfile')(input).map((one) => ({
          ...one,
          context: { ...one.context, ...requestTagContext(tagsOf(input)) },
        })),
      run: (input) => {
        const profile = profileOf(input);
        for (const [key, value] of tagsOf(input)) profile.tags.set(key, value);
      },
    },
    AddRoleToInstanceProfile: {
      authorize: (input) => {
        const role = state.roles.get(nameOf(input, 'RoleName', 64));
        const checks = check('AddRoleToInstanceProfile')(input);
        if (role === undefined) return checks;
        const context = { 'iam:PassedToService': 'ec2.amazonaws.com' };
        return [...checks, { action: 'iam:PassRole', resource: role.arn, context }];
      },
      run: (input) => {
        const profile = profileOf(input);
        const role = state.role(nameOf(input, 'RoleName', 64));
        if (profile.roleName !== undefined) {
          throw limitExceeded('Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1');
        }
        state.setProfileRole(profile, role.name);
      },
    },
    RemoveRoleFromInstanceProfile: {
      authorize: check('RemoveRoleFromInstanceProfile'),
      run: (input) => {
        const profile = profileOf(input);
        const name = nameOf(input, 'RoleName', 64);
        if (profile.roleName !== name) {
          throw noSuchEntity(`The role with name ${name} is not in the instance profile ${profile.name}.`);
        }
        state.setProfileRole(profile, undefined);
      },
    },
    DeleteInstanceProfile: {
      authorize: check('DeleteInstanceProfile'),
      run: (input) => {
        const profile = profileOf(input);
        if (profile.roleName !== undefined) {
          throw deleteConflict('Cannot delete entity, must remove roles from instance profile first.');
        }
        state.profiles.delete(profile.name);
      },
    },
  };
}
