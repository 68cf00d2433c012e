import { nameOfArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import { type Fields, optionalText, requiredText } from '../../wire/fields.ts';
import {
  deleteConflict,
  entityExists,
  limitExceeded,
  nameOf,
  onNew,
  onRole,
  page,
  pathOf,
  policyMembers,
  policySize,
  tagsOf,
} from './iam-common.ts';
import { type IamState, type ManagedPolicy, noSuchEntity, type Role } from './iam-state.ts';
import { resourceTagContext } from '../tags.ts';

const MAX_MANAGED_SIZE = 6144;

/** Managed policies and their attachment to roles. */
export function policyOperations(state: IamState): Operations {
  const policyOf = (input: Fields): ManagedPolicy =>
    state.policy(requiredText(input, 'PolicyArn', 'ValidationError'));
  const attachedRoles = (arn: string): readonly Role[] =>
    [...state.roles.values()].filter((role) => role.attached.has(arn));
  const boundedRoles = (arn: string): readonly Role[] =>
    [...state.roles.values()].filter((role) => role.boundaryArn === arn);
  const members = (policy: ManagedPolicy): Fields =>
    policyMembers(policy, attachedRoles(policy.arn).length, boundedRoles(policy.arn).length);
  const check =
    (action: string) =>
    (input: Fields): readonly AuthorizationCheck[] => {
      const arn = requiredText(input, 'PolicyArn', 'ValidationError');
      const tags = state.policies.get(arn)?.tags ?? new Map<string, string>();
      return [{ action: `iam:${action}`, resource: arn, context: resourceTagContext(tags, 'iam') }];
    };
  const checkRole =
    (action: string) =>
    (input: Fields): readonly AuthorizationCheck[] => {
      const name = nameOf(input, 'RoleName', 64);
      const role = state.roles.get(name);
      const arn = optionalText(input, 'PolicyArn');
      const context = arn === undefined ? {} : { 'iam:PolicyARN': arn };
      return [
        role === undefined
          ? onNew(action, state.arn(`role/${name}`), new Map(), context)
          : onRole(action, role, context),
      ];
    };

  return {
    CreatePolicy: {
      authorize: (input) => {
        const tags = tagsOf(input);
        const arn = state.arn(`policy${pathOf(input)}${nameOf(input, 'PolicyName', 128)}`);
        const checks = [onNew('CreatePolicy', arn, tags)];
        return tags.size === 0 ? checks : [...checks, onNew('TagPolicy', arn, tags)];
      },
      run: (input) => {
        const name = nameOf(input, 'PolicyName', 128);
        const path = pathOf(input);
        const text = requiredText(input, 'PolicyDocument', 'ValidationError');
        if ([...state.policies.values()].some((policy) => policy.name === name && !policy.awsOwned)) {
          throw entityExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
        }
        if (policySize(text) > MAX_MANAGED_SIZE) {
          throw limitExceeded(`Cannot exceed quota for PolicySize: ${MAX_MANAGED_SIZE}`);
        }
        return {
          Policy: members(state.addPolicy({ name, path, text, tags: tagsOf(input), awsOwned: false })),
        };
      },
    },
    GetPolicy: { authorize: check('GetPolicy'), run: (input) => ({ Policy: members(policyOf(input)) }) },
    GetPolicyVersion: {
      authorize: check('GetPolicyVersion'),
      run: (input) => {
        const policy = policyOf(input);
        const version = requiredText(input, 'VersionId', 'ValidationError');
        if (version !== 'v1') throw noSuchEntity(`Policy ${policy.arn} version ${version} does not exist.`);
        return { PolicyVersion: { Document: encodeURIComponent(policy.policy.text), ...versionOf(policy) } };
      },
    },
    ListPolicyVersions: {
      authorize: check('ListPolicyVersions'),
      run: (input) => ({ Versions: [versionOf(policyOf(input))], IsTruncated: false }),
    },
    DeletePolicy: {
      authorize: check('DeletePolicy'),
      run: (input) => {
        const policy = policyOf(input);
        if (policy.awsOwned) throw new AwsError('AccessDenied', `${policy.arn} belongs to AWS`, 403);
        if (attachedRoles(policy.arn).length > 0 || boundedRoles(policy.arn).length > 0) {
          throw deleteConflict('Cannot delete a policy attached to entities.');
        }
        state.policies.delete(policy.arn);
      },
    },
    ListPolicies: {
      authorize: () => [{ action: 'iam:ListPolicies', resource: state.arn('policy/') }],
      run: (input) => {
        const scope = optionalText(input, 'Scope') ?? 'All';
        const prefix = optionalText(input, 'PathPrefix') ?? '/';
        const found = [...state.policies.values()]
          .filter((policy) => scope === 'All' || policy.awsOwned === (scope === 'AWS'))
          .filter((policy) => policy.path.startsWith(prefix));
        const { items, tail } = page(input, found);
        return { Policies: items.map(members), ...tail };
      },
    },
    ListEntitiesForPolicy: {
      authorize: check('ListEntitiesForPolicy'),
      run: (input) => {
        const { arn } = policyOf(input);
        const usage = optionalText(input, 'PolicyUsageFilter');
        const roles = usage === 'PermissionsBoundary' ? boundedRoles(arn) : attachedRoles(arn);
        const { items, tail } = page(input, roles);
        return {
          PolicyGroups: [],
          PolicyUsers: [],
          PolicyRoles: items.map((role) => ({ RoleName: role.name, RoleId: role.id })),
          ...tail,
        };
      },
    },
    ListAttachedRolePolicies: {
      authorize: checkRole('ListAttachedRolePolicies'),
      run: (input) => {
        const role = state.role(nameOf(input, 'RoleName', 64));
        const { items, tail } = page(input, [...role.attached].sort());
        return {
          AttachedPolicies: items.map((arn) => ({
            PolicyName: nameOfArn(arn),
            PolicyArn: arn,
          })),
          ...tail,
        };
      },
    },
    AttachRolePolicy: {
      authorize: checkRole('AttachRolePolicy'),
      run: (input) => {
        const role = state.role(nameOf(input, 'RoleName', 64));
        role.attached.add(policyOf(input).arn);
      },
    },
    DetachRolePolicy: {
      authorize: checkRole('DetachRolePolicy'),
      run: (input) => {
        const role = state.role(nameOf(input, 'RoleName', 64));
        const arn = requiredText(input, 'PolicyArn', 'ValidationError');
        if (!role.attached.delete(arn)) throw noSuchEntity(`Policy ${arn} was not found.`);
      },
    },
  };
}

const versionOf = (policy: ManagedPolicy): Fields => ({
  VersionId: 'v1',
  IsDefaultVersion: true,
  CreateDate: policy.createdAt,
});
