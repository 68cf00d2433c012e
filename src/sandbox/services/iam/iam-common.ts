import { type AuthorizationCheck, AwsError } from '../../contracts.ts';
import { count, type Fields, list, optionalText, requiredText } from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import type { InstanceProfile, ManagedPolicy, Role } from './iam-state.ts';
import { parseTags, requestTagContext, resourceTagContext, tagMembers, type Tags } from '../tags.ts';

/** What the IAM operations share: parameters, condition keys, answer shapes. */

const NAME = /^[\w+=,.@-]+$/;
const PATH = /^\/(?:[\u0021-\u007e]*\/)?$/;

/** Throws AwsError `ValidationError`. */
export function nameOf(input: Fields, parameter: string, maxLength: number): string {
  const name = requiredText(input, parameter, 'ValidationError');
  if (!NAME.test(name) || name.length > maxLength) {
    throw new AwsError(
      'ValidationError',
      `The specified value for ${parameter} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_- and be at most ${maxLength} long`,
    );
  }
  return name;
}

export function pathOf(input: Fields): string {
  const path = optionalText(input, 'Path') ?? '/';
  if (!PATH.test(path) || path.length > 512) {
    throw new AwsError('ValidationError', `The specified value for path is invalid: ${path}`);
  }
  return path;
}

export const tagsOf = (input: Fields): Tags => parseTags(list(input, 'Tags'), 'InvalidInput');

const roleContext = (role: Role): Record<string, string> => ({
  ...resourceTagContext(role.tags, 'iam'),
  ...(role.boundaryArn === undefined ? {} : { 'iam:PermissionsBoundary': role.boundaryArn }),
});

export const onRole = (
  action: string,
  role: Role,
  context: AuthorizationCheck['context'] = {},
): AuthorizationCheck => ({
  action: `iam:${action}`,
  resource: role.arn,
  context: { ...roleContext(role), ...context },
});

export const onProfile = (
  action: string,
  profile: InstanceProfile,
  context: AuthorizationCheck['context'] = {},
): AuthorizationCheck => ({
  action: `iam:${action}`,
  resource: profile.arn,
  context: { ...resourceTagContext(profile.tags, 'iam'), ...context },
});

/** A check on a resource that is about to be created: its ARN, and the tags it would get. */
export const onNew = (
  action: string,
  arn: string,
  tags: Tags,
  context: AuthorizationCheck['context'] = {},
): AuthorizationCheck => ({
  action: `iam:${action}`,
  resource: arn,
  context: { ...requestTagContext(tags), ...context },
});

/** Pages of IAM's lists: `Marker`, `MaxItems` (100), `IsTruncated`. */
export function page<T>(
  input: Fields,
  items: readonly T[],
): { readonly items: readonly T[]; readonly tail: Fields } {
  const size = count(input, 'MaxItems') ?? 100;
  if (size < 1 || size > 1000) throw new AwsError('ValidationError', `MaxItems ${size} is not in 1…1000`);
  const { items: found, next } = paginate(items, optionalText(input, 'Marker'), size, 'ValidationError');
  return { items: found, tail: { IsTruncated: next !== undefined, Marker: next } };
}

export function roleMembers(role: Role, full: boolean): Fields {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: role.createdAt,
    AssumeRolePolicyDocument: encodeURIComponent(role.trust.text),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    ...(full
      ? {
          PermissionsBoundary:
            role.boundaryArn === undefined
              ? undefined
              : { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: role.boundaryArn },
          Tags: role.tags.size === 0 ? undefined : tagMembers(role.tags),
        }
      : {}),
  };
}

export function profileMembers(profile: InstanceProfile, role: Role | undefined, tags: boolean): Fields {
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    CreateDate: profile.createdAt,
    Roles: role === undefined ? [] : [roleMembers(role, false)],
    Tags: tags && profile.tags.size > 0 ? tagMembers(profile.tags) : undefined,
  };
}

export function policyMembers(policy: ManagedPolicy, attachments: number, boundaries: number): Fields {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: 'v1',
    AttachmentCount: attachments,
    PermissionsBoundaryUsageCount: boundaries,
    IsAttachable: true,
    CreateDate: policy.createdAt,
    UpdateDate: policy.createdAt,
    Tags: policy.tags.size === 0 ? undefined : tagMembers(policy.tags),
  };
}

export const entityExists = (message: string): AwsError => new AwsError('EntityAlreadyExists', message, 409);
export const deleteConflict = (message: string): AwsError => new AwsError('DeleteConflict', message, 409);
export const limitExceeded = (message: string): AwsError => new AwsError('LimitExceeded', message, 409);

/** The size as IAM counts it: without white space. */
export const policySize = (text: string): number => text.replace(/\s/g, '').length;
