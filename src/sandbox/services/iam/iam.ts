import { AwsError, type SandboxService } from '../../contracts.ts';
import type { ServiceDescription } from '../service-description.ts';
import { accountOperations } from './iam-account.ts';
import { policyOperations } from './iam-policies.ts';
import { instanceProfileOperations } from './iam-profiles.ts';
import { addServiceLinkedRole, roleOperations } from './iam-roles.ts';
import { simulatorOperations } from './iam-simulator.ts';
import { type IamDeps, IamState } from './iam-state.ts';
import { userOperations } from './iam-users.ts';

export interface IamService extends SandboxService {
  readonly state: IamState;
}

/** IAM with the seed's roles and the service-linked roles of an account in use. */
function createIamService(deps: IamDeps): IamService {
  const state = new IamState(deps);
  for (const { principal, isPresent } of deps.serviceLinkedRoles)
    if (isPresent) addServiceLinkedRole(state, principal);
  return {
    state,
    operations: {
      ...roleOperations(state),
      ...instanceProfileOperations(state),
      ...policyOperations(state),
      ...userOperations(state),
      ...accountOperations(state),
      ...simulatorOperations(state),
    },
    snapshot: () => snapshotOf(state),
  };
}

export const iamDescription: ServiceDescription<IamService> = {
  name: 'iam',
  title: 'IAM',
  isGlobal: true,
  wire: { kind: 'query', version: '2010-05-08', namespace: 'https://iam.amazonaws.com/doc/2010-05-08/' },
  errors: {
    throttling: { code: 'Throttling', status: 400 },
    internal: 'ServiceFailure',
    notFoundYet(input) {
      const named = ['RoleName', 'InstanceProfileName', 'PolicyArn'].find(
        (name) => input[name] !== undefined,
      );
      return named === undefined
        ? undefined
        : new AwsError('NoSuchEntity', `The ${named} ${String(input[named])} cannot be found.`, 404);
    },
  },
  create: ({ seed, clock, ids, keys, timing, services }) =>
    createIamService({
      seed,
      clock,
      ids,
      keys,
      profilePropagationMs: timing.profilePropagationMs,
      serviceLinkedRoles: services.flatMap((service) => service.serviceLinkedRoles ?? []),
    }),
};

/** The account's resources, without service-linked roles and AWS's managed policies, which no caller created. */
function snapshotOf(state: IamState): unknown {
  const byKey = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    roles: byKey(state.roles)
      .filter(([, role]) => !role.serviceLinked)
      .map(([name, role]) => ({
        name,
        path: role.path,
        trust: role.trust.text,
        boundary: role.boundaryArn ?? null,
        inline: Object.fromEntries(byKey(role.inline).map(([policy, { text }]) => [policy, text])),
        attached: [...role.attached].sort(),
        tags: Object.fromEntries(byKey(role.tags)),
      })),
    instanceProfiles: byKey(state.profiles).map(([name, profile]) => ({
      name,
      path: profile.path,
      role: profile.roleName ?? null,
      tags: Object.fromEntries(byKey(profile.tags)),
    })),
    policies: byKey(state.policies)
      .filter(([, policy]) => !policy.awsOwned)
      .map(([arn, policy]) => ({
        arn,
        document: policy.policy.text,
        tags: Object.fromEntries(byKey(policy.tags)),
      })),
  };
}
