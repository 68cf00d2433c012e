import * as sdk from '@aws-sdk/client-iam';
import type { ClientConfig } from './client-config.ts';
import { endRetriesOn } from './interruption.ts';
import { limitConcurrency } from './throttling.ts';

import { failed } from '../core/errors.ts';
import type { IamPort } from '../provision/ports/iam.ts';
import type { Tags } from '../provision/ports/tags.ts';
import { awsErrorName, mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** IAM reports the same error with and without the suffix, depending on where it was thrown. */
const isNamed = (error: unknown, name: string): boolean => {
  const found = awsErrorName(error);
  return found === name || found === `${name}Exception`;
};

/** Returns undefined for NoSuchEntity. */
export async function ifExists<T>(action: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await mapped(action, work);
  } catch (error) {
    if (isNamed(error, 'NoSuchEntity')) return undefined;
    throw error;
  }
}

async function creation<T>(action: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await mapped(action, work);
  } catch (error) {
    if (!isNamed(error, 'EntityAlreadyExists')) throw error;
    throw failed('already-exists', `${name} exists already`, {
      details: { awsError: 'EntityAlreadyExists', action },
      cause: error,
    });
  }
}

async function deletion(action: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await ifExists(action, work);
  } catch (error) {
    if (!isNamed(error, 'DeleteConflict')) throw error;
    throw failed('still-in-use', `${action} refused: something still uses it`, {
      details: { awsError: 'DeleteConflict', action },
      cause: error,
    });
  }
}

const tagList = (tags: Tags): sdk.Tag[] => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
const tagsOf = (tags: readonly sdk.Tag[] | undefined): Tags =>
  Object.fromEntries((tags ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? '']));

/** IAM returns policy documents URL-encoded. */
const decoded = (document: string | undefined): string | undefined =>
  document === undefined ? undefined : decodeURIComponent(document);

/** IAM is global, but the client still needs a region for its endpoint. */
export function createIamPort(config: ClientConfig): IamPort {
  const client = endRetriesOn(
    limitConcurrency(withProfileEndpoints(new sdk.IAMClient(config), config)),
    config.interruption,
  );
  return { ...roleCalls(client), ...profileCalls(client), ...policyCalls(client) };
}

function roleCalls(
  client: sdk.IAMClient,
): Pick<
  IamPort,
  | 'role'
  | 'roleNames'
  | 'createRole'
  | 'rolePolicyNames'
  | 'rolePolicy'
  | 'putRolePolicy'
  | 'deleteRolePolicy'
  | 'deleteRole'
> {
  return {
    async role(RoleName) {
      const answer = await ifExists('iam:GetRole', () => client.send(new sdk.GetRoleCommand({ RoleName })));
      const role = answer?.Role;
      if (role === undefined) return undefined;
      return {
        name: role.RoleName ?? RoleName,
        arn: role.Arn ?? '',
        path: role.Path ?? '/',
        boundaryArn: role.PermissionsBoundary?.PermissionsBoundaryArn,
        trust: decoded(role.AssumeRolePolicyDocument),
        tags: tagsOf(role.Tags),
      };
    },
    async roleNames(PathPrefix) {
      return mapped('iam:ListRoles', async () => {
        const names: string[] = [];
        for await (const page of sdk.paginateListRoles({ client }, { PathPrefix }))
          names.push(...(page.Roles ?? []).flatMap((role) => role.RoleName ?? []));
        return names;
      });
    },
    async createRole({ name, path, description, trust, boundaryArn, tags }) {
      const created = await creation('iam:CreateRole', `role ${name}`, () =>
        client.send(
          new sdk.CreateRoleCommand({
            RoleName: name,
            Path: path,
            Description: description,
            AssumeRolePolicyDocument: trust,
            PermissionsBoundary: boundaryArn,
            Tags: tagList(tags),
          }),
        ),
      );
      return created.Role?.Arn ?? '';
    },
    async rolePolicyNames(RoleName) {
      const names = await ifExists('iam:ListRolePolicies', async () => {
        const found: string[] = [];
        for await (const page of sdk.paginateListRolePolicies({ client }, { RoleName }))
          found.push(...(page.PolicyNames ?? []));
        return found;
      });
      return names ?? [];
    },
    async rolePolicy(RoleName, PolicyName) {
      const answer = await ifExists('iam:GetRolePolicy', () =>
        client.send(new sdk.GetRolePolicyCommand({ RoleName, PolicyName })),
      );
      return decoded(answer?.PolicyDocument);
    },
    async putRolePolicy(RoleName, PolicyName, PolicyDocument) {
      await mapped('iam:PutRolePolicy', () =>
        client.send(new sdk.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument })),
      );
    },
    async deleteRolePolicy(RoleName, PolicyName) {
      await deletion('iam:DeleteRolePolicy', () =>
        client.send(new sdk.DeleteRolePolicyCommand({ RoleName, PolicyName })),
      );
    },
    async deleteRole(RoleName) {
      await deletion('iam:DeleteRole', () => client.send(new sdk.DeleteRoleCommand({ RoleName })));
    },
  };
}

function profileCalls(
  client: sdk.IAMClient,
): Pick<
  IamPort,
  | 'instanceProfile'
  | 'instanceProfileNames'
  | 'createInstanceProfile'
  | 'addRoleToInstanceProfile'
  | 'removeRoleFromInstanceProfile'
  | 'deleteInstanceProfile'
> {
  return {
    async instanceProfile(InstanceProfileName) {
      const answer = await ifExists('iam:GetInstanceProfile', () =>
        client.send(new sdk.GetInstanceProfileCommand({ InstanceProfileName })),
      );
      const profile = answer?.InstanceProfile;
      if (profile === undefined) return undefined;
      return {
        name: profile.InstanceProfileName ?? InstanceProfileName,
        arn: profile.Arn ?? '',
        path: profile.Path ?? '/',
        roleNames: (profile.Roles ?? []).flatMap((role) => role.RoleName ?? []),
        trust: decoded(profile.Roles?.[0]?.AssumeRolePolicyDocument),
        tags: tagsOf(profile.Tags),
      };
    },
    async instanceProfileNames(PathPrefix) {
      return mapped('iam:ListInstanceProfiles', async () => {
        const names: string[] = [];
        for await (const page of sdk.paginateListInstanceProfiles({ client }, { PathPrefix }))
          names.push(
            ...(page.InstanceProfiles ?? []).flatMap((profile) => profile.InstanceProfileName ?? []),
          );
        return names;
      });
    },
    async createInstanceProfile({ name, path, tags }) {
      const created = await creation('iam:CreateInstanceProfile', `instance profile ${name}`, () =>
        client.send(
          new sdk.CreateInstanceProfileCommand({
            InstanceProfileName: name,
            Path: path,
            Tags: tagList(tags),
          }),
        ),
      );
      return created.InstanceProfile?.Arn ?? '';
    },
    async addRoleToInstanceProfile(InstanceProfileName, RoleName) {
      try {
        await mapped('iam:AddRoleToInstanceProfile', () =>
          client.send(new sdk.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName })),
        );
      } catch (error) {
        // A profile holds one role, and adding any second one, even the same, is LimitExceeded. The inventory shows
        // which role it holds.
        if (!isNamed(error, 'LimitExceeded') && !isNamed(error, 'EntityAlreadyExists')) throw error;
      }
    },
    async removeRoleFromInstanceProfile(InstanceProfileName, RoleName) {
      await deletion('iam:RemoveRoleFromInstanceProfile', () =>
        client.send(new sdk.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName })),
      );
    },
    async deleteInstanceProfile(InstanceProfileName) {
      await deletion('iam:DeleteInstanceProfile', () =>
        client.send(new sdk.DeleteInstanceProfileCommand({ InstanceProfileName })),
      );
    },
  };
}

function policyCalls(
  client: sdk.IAMClient,
): Pick<IamPort, 'policy' | 'policyArns' | 'createPolicy' | 'deletePolicy'> {
  return {
    async policy(PolicyArn) {
      const answer = await ifExists('iam:GetPolicy', () =>
        client.send(new sdk.GetPolicyCommand({ PolicyArn })),
      );
      const policy = answer?.Policy;
      if (policy === undefined) return undefined;
      return {
        name: policy.PolicyName ?? '',
        arn: policy.Arn ?? PolicyArn,
        path: policy.Path ?? '/',
        tags: tagsOf(policy.Tags),
      };
    },
    async policyArns(PathPrefix) {
      return mapped('iam:ListPolicies', async () => {
        const arns: string[] = [];
        for await (const page of sdk.paginateListPolicies({ client }, { PathPrefix, Scope: 'Local' }))
          arns.push(...(page.Policies ?? []).flatMap((policy) => policy.Arn ?? []));
        return arns;
      });
    },
    async createPolicy({ name, path, description, document, tags }) {
      const created = await creation('iam:CreatePolicy', `policy ${name}`, () =>
        client.send(
          new sdk.CreatePolicyCommand({
            PolicyName: name,
            Path: path,
            Description: description,
            PolicyDocument: document,
            Tags: tagList(tags),
          }),
        ),
      );
      return created.Policy?.Arn ?? '';
    },
    async deletePolicy(PolicyArn) {
      await deletion('iam:DeletePolicy', () => client.send(new sdk.DeletePolicyCommand({ PolicyArn })));
    },
  };
}
