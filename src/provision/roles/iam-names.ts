import { usage } from '../../core/errors.ts';

/** Names of the IAM resources of a bastion. IAM has no regions and cannot be searched by tag, so they are found by path and name. */

export interface IamNaming {
  /** `/`, or segments between slashes. */
  readonly path: string;
  /** Prefix of every name; empty unless an organisation requires one. */
  readonly prefix: string;
}

/** The default without `--iam-path` and `--iam-prefix`: the policies in the package are scoped to it. */
export const DEFAULT_IAM_NAMING: IamNaming = { path: '/fargate-connect/', prefix: '' };

export const isDefaultNaming = ({ path, prefix }: IamNaming): boolean =>
  path === DEFAULT_IAM_NAMING.path && prefix === DEFAULT_IAM_NAMING.prefix;

export interface IamNames {
  readonly role: string;
  readonly profile: string;
  readonly boundary: string;
}

/** The region is part of the name, so that each region can have a bastion of the same name. */
export function iamNames(bastion: string, region: string, { prefix }: IamNaming): IamNames {
  const name = `${prefix}fargate-connect-${bastion}-${region}`;
  return { role: name, profile: name, boundary: `${name}-boundary` };
}

/** Name of a boundary that an administrator created once for all bastions of the account. */
export const sharedBoundary = ({ prefix }: IamNaming): string => `${prefix}fargate-connect-bastion-boundary`;

/**
 * Bastion to which an IAM name belongs in this region; undefined if the name does not have the form that `iamNames`
 * creates.
 */
export function bastionOfIamName(iamName: string, region: string, { prefix }: IamNaming): string | undefined {
  const start = `${prefix}fargate-connect-`;
  const end = `-${region}`;
  const name = iamName.replace(/-boundary$/, '');
  if (!name.startsWith(start) || !name.endsWith(end) || name.length <= start.length + end.length)
    return undefined;
  return name.slice(start.length, -end.length);
}

/** IAM's limit for the name of a role. */
const LONGEST_ROLE_NAME = 64;
const LONGEST_PATH = 128;

/** Throws `iam-path`, `iam-prefix` (usage). */
export function checkIamNaming(naming: IamNaming): IamNaming {
  const { path, prefix } = naming;
  if (path.length > LONGEST_PATH || !/^\/(?:[\w+=.@-]+\/)*$/.test(path)) {
    throw usage('iam-path', `${JSON.stringify(path)} is no path of IAM`, {
      details: { path },
    });
  }
  if (/^[\w+=.@-]{0,24}$/.test(prefix)) return naming;
  throw usage('iam-prefix', `${JSON.stringify(prefix)} is no prefix of IAM names`, {
    details: { prefix },
  });
}

/** Throws `iam-prefix` (usage) where bastion, region and prefix together are too long for a role. */
export function checkRoleName(bastion: string, region: string, naming: IamNaming): void {
  const { role } = iamNames(bastion, region, naming);
  if (role.length <= LONGEST_ROLE_NAME) return;
  throw usage('iam-prefix', `role ${role} has ${role.length} characters, IAM takes ${LONGEST_ROLE_NAME}`, {
    details: { role, limit: LONGEST_ROLE_NAME },
  });
}

/** Path and prefix in the tag of a resource; undefined without the tag. */
export function namingOfTag(value: string | undefined): IamNaming | undefined {
  const match = /^(\/(?:[^/]+\/)*)([^/]*)$/.exec(value ?? '');
  return match === null ? undefined : { path: match[1] ?? '/', prefix: match[2] ?? '' };
}

/**
 * The policy document of the package with the ARNs of roles, profiles and policies changed to another path and prefix.
 */
export function withIamNaming(document: string, { path, prefix }: IamNaming): string {
  return document
    .replaceAll(/:(role|instance-profile|policy)\/fargate-connect\/(?!\$\{role\})/g, `:$1${path}${prefix}`)
    .replaceAll(/:role\/fargate-connect\/(?=\$\{role\})/g, `:role${path}`)
    .replaceAll(/:(role|instance-profile)\/(?=fargate-connect-\$\{bastion\})/g, `:$1/${prefix}`);
}
