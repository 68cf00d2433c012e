import type { AuthorizationCheck } from '../../contracts.ts';
import type { AccessController } from '../../iam/access-control.ts';
import type { LaunchIam } from './ec2-launcher.ts';
import type { LaunchPlan } from './ec2-launch-plan.ts';
import { addServiceLinkedRole } from '../iam/iam-roles.ts';
import type { IamState, InstanceProfile } from '../iam/iam-state.ts';

/**
 * What EC2 needs from IAM: instance profiles with their propagation delay, PassRole, and the service-linked role of
 * Spot.
 */

const SPOT_ROLE = 'AWSServiceRoleForEC2Spot';

export function createLaunchIam(iam: IamState, access: AccessController, region: string): LaunchIam {
  return {
    profileForLaunch: (wanted) => {
      const profile = findProfile(iam, wanted);
      if (profile === undefined || iam.now < profile.settledAt) return { state: 'unknown' };
      if (profile.roleName === undefined) return { state: 'without-role' };
      return { state: 'usable', arn: profile.arn, id: profile.id, roleName: profile.roleName };
    },
    ensureSpotRole: (principal) => {
      if (iam.roles.has(SPOT_ROLE)) return true;
      const service = 'spot.amazonaws.com';
      const { refused } = access.examine(principal, region, [
        {
          action: 'iam:CreateServiceLinkedRole',
          resource: iam.arn(`role/aws-service-role/${service}/${SPOT_ROLE}`),
          context: { 'iam:AWSServiceName': service },
        },
      ]);
      if (refused !== undefined) return false;
      addServiceLinkedRole(iam, service);
      return true;
    },
  };
}

/** The iam:PassRole checks for every role that the plans pass to EC2. */
export function passRoleChecks(iam: IamState, plans: readonly LaunchPlan[]): readonly AuthorizationCheck[] {
  const roles = new Set(
    plans.flatMap((plan) => {
      const roleName = plan.profile === undefined ? undefined : findProfile(iam, plan.profile)?.roleName;
      const role = roleName === undefined ? undefined : iam.roles.get(roleName);
      return role === undefined ? [] : [role.arn];
    }),
  );
  return [...roles].map((resource) => ({
    action: 'iam:PassRole',
    resource,
    context: { 'iam:PassedToService': 'ec2.amazonaws.com' },
  }));
}

function findProfile(iam: IamState, wanted: NonNullable<LaunchPlan['profile']>): InstanceProfile | undefined {
  if (wanted.field === 'name') return iam.profiles.get(wanted.value);
  return [...iam.profiles.values()].find((profile) => profile.arn === wanted.value);
}
