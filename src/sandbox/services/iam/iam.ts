import type { SandboxService } from '../../contracts.ts';
import { policyOperations } from './iam-policies.ts';
import { instanceProfileOperations } from './iam-profiles.ts';
import { addServiceLinkedRole, roleOperations } from './iam-roles.ts';
import { simulatorOperations } from './iam-simulator.ts';
import { type IamDeps, IamState } from './iam-state.ts';
import { userOperations } from './iam-users.ts';

export interface IamService extends SandboxService {
  readonly state: IamState;
}

/** IAM with the seed's roles; the service-linked roles of Spot and ECS exist, as in any account in use. */
export function createIamService(deps: IamDeps): IamService {
  const state = new IamState(deps);
  addServiceLinkedRole(state, 'spot.amazonaws.com');
  addServiceLinkedRole(state, 'ecs.amazonaws.com');
  return {
    state,
    operations: {
      ...roleOperations(state),
      ...instanceProfileOperations(state),
      ...policyOperations(state),
      ...userOperations(state),
      ...simulatorOperations(state),
    },
    snapshot: () => snapshotOf(state),
  };
}

/** Without service-linked roles and AWS's own policies, which nobody can be said to have left behind. */
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
