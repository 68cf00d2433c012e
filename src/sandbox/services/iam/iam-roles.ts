import { AwsError, type Operations } from '../../contracts.ts';
import { parsePolicy } from '../../iam/policy-document.ts';
import { type Fields, optionalText, requiredText, texts } from '../../wire/fields.ts';
import {
  deleteConflict,
  entityExists,
  limitExceeded,
  nameOf,
  onNew,
  onRole,
  page,
  pathOf,
  policySize,
  profileMembers,
  roleMembers,
  tagsOf,
} from './iam-common.ts';
import { type IamState, noSuchEntity, type Role } from './iam-state.ts';
import { parseTags, requestTagContext, tagMembers } from '../tags.ts';

const MAX_TRUST_SIZE = 2048;
const MAX_INLINE_SIZE = 10_240;

/** Roles, their inline policies and their tags. */
export function roleOperations(state: IamState): Operations {
  const roleOf = (input: Fields): Role => state.role(nameOf(input, 'RoleName', 64));
  const newArn = (input: Fields): string => state.arn(`role${pathOf(input)}${nameOf(input, 'RoleName', 64)}`);
  /** The check of an action on a role; for a missing role it uses the ARN that the role would have. */
  const check = (action: string) => (input: Fields) => {
    const name = nameOf(input, 'RoleName', 64);
    const role = state.roles.get(name);
    return [role === undefined ? onNew(action, state.arn(`role/${name}`), new Map()) : onRole(action, role)];
  };
  const inlineOf = (role: Role, name: string): string => {
    const policy = role.inline.get(name);
    if (policy === undefined) throw noSuchEntity(`The role policy with name ${name} cannot be found.`);
    return policy.text;
  };
  const notServiceLinked = (role: Role): Role => {
    if (!role.serviceLinked) return role;
    throw new AwsError(
      'UnmodifiableEntity',
      `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
    );
  };

  return {
    CreateRole: {
      authorize: (input) => {
        const tags = tagsOf(input);
        const boundary = optionalText(input, 'PermissionsBoundary');
        const arn = newArn(input);
        const checks = [
          onNew(
            'CreateRole',
            arn,
            tags,
            boundary === undefined ? {} : { 'iam:PermissionsBoundary': boundary },
          ),
        ];
        return tags.size === 0 ? checks : [...checks, onNew('TagRole', arn, tags)];
      },
      run: (input) => {
        const name = nameOf(input, 'RoleName', 64);
        const trustText = requiredText(input, 'AssumeRolePolicyDocument', 'ValidationError');
        const boundaryArn = optionalText(input, 'PermissionsBoundary');
        if (state.roles.has(name)) throw entityExists(`Role with name ${name} already exists.`);
        if (policySize(trustText) > MAX_TRUST_SIZE) {
          throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${MAX_TRUST_SIZE}`);
        }
        if (boundaryArn !== undefined && !state.policies.has(boundaryArn)) {
          throw noSuchEntity(`Scope ARN: ${boundaryArn} does not exist or is not attachable.`);
        }
        const role = state.addRole({
          name,
          path: pathOf(input),
          trustText,
          serviceLinked: false,
          description: optionalText(input, 'Description'),
          boundaryArn,
          tags: tagsOf(input),
          maxSessionSeconds: Number(optionalText(input, 'MaxSessionDuration') ?? '3600'),
        });
        return { Role: roleMembers(role, true) };
      },
    },
    GetRole: { authorize: check('GetRole'), run: (input) => ({ Role: roleMembers(roleOf(input), true) }) },
    ListRoles: {
      authorize: () => [{ action: 'iam:ListRoles', resource: state.arn('role/') }],
      run: (input) => {
        const prefix = optionalText(input, 'PathPrefix') ?? '/';
        const roles = [...state.roles.values()].filter((role) => role.path.startsWith(prefix)).sort(byName);
        const { items, tail } = page(input, roles);
        return { Roles: items.map((role) => roleMembers(role, false)), ...tail };
      },
    },
    DeleteRole: {
      authorize: check('DeleteRole'),
      run: (input) => {
        const role = notServiceLinked(roleOf(input));
        if ([...state.profiles.values()].some((profile) => profile.roleName === role.name)) {
          throw deleteConflict('Cannot delete entity, must remove roles from instance profile first.');
        }
        if (role.attached.size > 0)
          throw deleteConflict('Cannot delete entity, must detach all policies first.');
        if (role.inline.size > 0) throw deleteConflict('Cannot delete entity, must delete policies first.');
        state.roles.delete(role.name);
      },
    },
    UpdateAssumeRolePolicy: {
      authorize: check('UpdateAssumeRolePolicy'),
      run: (input) => {
        const role = notServiceLinked(roleOf(input));
        const text = requiredText(input, 'PolicyDocument', 'ValidationError');
        state.roles.set(role.name, { ...role, trust: { text, document: parsePolicy(text, 'trust') } });
      },
    },
    TagRole: {
      authorize: (input) => {
        const tags = tagsOf(input);
        return check('TagRole')(input).map((one) => ({
          ...one,
          context: { ...one.context, ...requestTagContext(tags) },
        }));
      },
      run: (input) => {
        const role = roleOf(input);
        const merged = new Map([...role.tags, ...tagsOf(input)]);
        parseTags(tagMembers(merged), 'InvalidInput');
        for (const [key, value] of merged) role.tags.set(key, value);
      },
    },
    UntagRole: {
      authorize: (input) =>
        check('UntagRole')(input).map((one) => ({
          ...one,
          context: { ...one.context, 'aws:TagKeys': texts(input, 'TagKeys') },
        })),
      run: (input) => {
        const role = roleOf(input);
        for (const key of texts(input, 'TagKeys')) role.tags.delete(key);
      },
    },
    ListRoleTags: {
      authorize: check('ListRoleTags'),
      run: (input) => {
        const { items, tail } = page(input, tagMembers(roleOf(input).tags));
        return { Tags: items, ...tail };
      },
    },
    PutRolePolicy: {
      authorize: check('PutRolePolicy'),
      run: (input) => {
        const role = notServiceLinked(roleOf(input));
        const name = nameOf(input, 'PolicyName', 128);
        const text = requiredText(input, 'PolicyDocument', 'ValidationError');
        const policy = { text, document: parsePolicy(text) };
        const others = [...role.inline].filter(([other]) => other !== name);
        const size = others.reduce((sum, [, other]) => sum + policySize(other.text), policySize(text));
        if (size > MAX_INLINE_SIZE) {
          throw limitExceeded(
            `Maximum policy size of ${MAX_INLINE_SIZE} bytes exceeded for role ${role.name}`,
          );
        }
        role.inline.set(name, policy);
      },
    },
    GetRolePolicy: {
      authorize: check('GetRolePolicy'),
      run: (input) => {
        const role = roleOf(input);
        const name = nameOf(input, 'PolicyName', 128);
        return {
          RoleName: role.name,
          PolicyName: name,
          PolicyDocument: encodeURIComponent(inlineOf(role, name)),
        };
      },
    },
    ListRolePolicies: {
      authorize: check('ListRolePolicies'),
      run: (input) => {
        const { items, tail } = page(input, [...roleOf(input).inline.keys()].sort());
        return { PolicyNames: items, ...tail };
      },
    },
    DeleteRolePolicy: {
      authorize: check('DeleteRolePolicy'),
      run: (input) => {
        const role = notServiceLinked(roleOf(input));
        const name = nameOf(input, 'PolicyName', 128);
        inlineOf(role, name);
        role.inline.delete(name);
      },
    },
    ListInstanceProfilesForRole: {
      authorize: check('ListInstanceProfilesForRole'),
      run: (input) => {
        const role = roleOf(input);
        const profiles = [...state.profiles.values()].filter((profile) => profile.roleName === role.name);
        const { items, tail } = page(input, profiles.sort(byName));
        return { InstanceProfiles: items.map((profile) => profileMembers(profile, role, false)), ...tail };
      },
    },
    CreateServiceLinkedRole: {
      authorize: (input) => {
        const service = requiredText(input, 'AWSServiceName', 'ValidationError');
        return [
          {
            action: 'iam:CreateServiceLinkedRole',
            resource: state.arn(`role/aws-service-role/${service}/${serviceRoleName(state, service)}`),
            context: { 'iam:AWSServiceName': service },
          },
        ];
      },
      run: (input) => {
        const service = requiredText(input, 'AWSServiceName', 'ValidationError');
        const name = serviceRoleName(state, service);
        if (state.roles.has(name)) {
          throw new AwsError(
            'InvalidInput',
            `Service role name ${name} has been taken in this account, please try a different suffix.`,
          );
        }
        return { Role: roleMembers(addServiceLinkedRole(state, service), true) };
      },
    },
  };
}

/** Throws AwsError `InvalidInput` for a service without such a role. */
function serviceRoleName(state: IamState, service: string): string {
  const role = state.serviceLinkedRoles.find(({ principal }) => principal === service);
  if (role === undefined)
    throw new AwsError('InvalidInput', `${service} is not a service with a linked role here`);
  return role.roleName;
}

/** Adds the role with which a service (`spot.amazonaws.com`) acts in the account. Throws AwsError `InvalidInput`. */
export function addServiceLinkedRole(state: IamState, service: string): Role {
  return state.addRole({
    name: serviceRoleName(state, service),
    path: `/aws-service-role/${service}/`,
    trustText: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
    }),
    serviceLinked: true,
  });
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;
