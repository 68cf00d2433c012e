import { iamTags, ROLE_POLICY, TAG } from '../bastion/names.ts';
import type { Inventory } from '../bastion/inventory.ts';
import { canonicalJson } from '../policy/policy-documents.ts';
import type { Instance } from '../ports/ec2.ts';
import { type IamNames, iamNames, sharedBoundary } from '../roles/iam-names.ts';
import type { Ref } from './kinds/resource-kind.ts';
import { known, outputOf, type PlanStep } from './plan.ts';
import type { BastionSpec, RoleSpec } from './spec.ts';
import { create, keep, update } from './steps.ts';

/** The IAM part of the plan of `up`. Pure. */

type OwnRoleSpec = Extract<RoleSpec, { readonly kind: 'own' }>;

/** ARN of the instance profile that the launch template names. */
export function profileArnOf({ profile }: Inventory, { role }: BastionSpec): Ref<'instance-profile'> {
  if (role.kind === 'given') return known(role.profileArn);
  return profile === undefined ? outputOf('instance-profile') : known(profile.arn);
}

/** `kept` is the instance that already runs. */
export function roleSteps(
  inventory: Inventory,
  spec: BastionSpec,
  kept: Instance | undefined,
): readonly PlanStep[] {
  const { role } = spec;
  const reason = 'created by an administrator';
  if (role.kind === 'given') return [keep('instance-profile', role.profileName, reason, undefined)];
  if (kept?.tags[TAG.role] === 'given')
    return [keep('instance-profile', `that of ${kept.id}`, reason, undefined)];
  const names = iamNames(spec.name, spec.region, spec.iam);
  return [
    ...boundarySteps(inventory, spec, role, names),
    roleStep(inventory, spec, role, names),
    rolePolicyStep(inventory, spec, role, names),
    ...profileSteps(inventory, spec, names),
  ];
}

function boundarySteps(
  inventory: Inventory,
  spec: BastionSpec,
  role: OwnRoleSpec,
  names: IamNames,
): readonly PlanStep[] {
  const wanted = role.boundary;
  switch (wanted.kind) {
    case 'none':
      return [];
    case 'existing':
      return [keep('boundary', wanted.arn, wanted.why, undefined)];
    case 'own': {
      const { boundary } = inventory;
      if (boundary !== undefined) return [keep('boundary', names.boundary, 'exists', { id: boundary.arn })];
      return [
        create('boundary', names.boundary, 'limits what the role can ever be allowed to do', {
          name: names.boundary,
          path: spec.iam.path,
          arn: wanted.arn,
          description: `fargate-connect: most that bastion ${spec.name} could ever do`,
          document: wanted.document,
          tags: iamTags(spec.tags),
          sharedName: sharedBoundary(spec.iam),
          cluster: spec.cluster,
        }),
      ];
    }
    default:
      return wanted satisfies never;
  }
}

function boundaryArnOf(
  { boundary }: Inventory,
  { boundary: wanted }: OwnRoleSpec,
): Ref<'boundary'> | undefined {
  if (wanted.kind === 'none') return undefined;
  if (wanted.kind === 'existing') return known(wanted.arn);
  return boundary === undefined ? outputOf('boundary') : known(boundary.arn);
}

function roleStep(
  inventory: Inventory,
  spec: BastionSpec,
  role: OwnRoleSpec,
  { role: name }: IamNames,
): PlanStep {
  const existing = inventory.role;
  if (existing !== undefined) return keep('role', name, 'exists', { id: existing.arn, name });
  const reason =
    role.boundary.kind === 'none' ? 'without a permissions boundary, as asked' : 'only EC2 can assume it';
  return create('role', name, reason, {
    name,
    path: spec.iam.path,
    description: `fargate-connect: bastion ${spec.name} in ${spec.region}`,
    trust: role.trust,
    boundaryArn: boundaryArnOf(inventory, role),
    tags: iamTags(spec.tags),
  });
}

function rolePolicyStep(
  inventory: Inventory,
  spec: BastionSpec,
  role: OwnRoleSpec,
  names: IamNames,
): PlanStep {
  const scope =
    spec.cluster === undefined
      ? 'allows the channels of the SSM agent only'
      : `allows the channels of the SSM agent, and ECS Exec in cluster ${spec.cluster}`;
  const existing = inventory.role?.policy;
  const input = { role: names.role, name: ROLE_POLICY, document: role.policy };
  if (existing === undefined) return create('role-policy', names.role, scope, input);
  const found = { id: ROLE_POLICY, role: names.role };
  return canonicalJson(existing) === canonicalJson(role.policy)
    ? keep('role-policy', names.role, 'is up to date', found)
    : update('role-policy', names.role, `differs from the wanted one, which ${scope}`, found, input);
}

function profileSteps({ profile }: Inventory, spec: BastionSpec, names: IamNames): readonly PlanStep[] {
  const name = names.profile;
  return [
    profile === undefined
      ? create('instance-profile', name, 'gives the instance its role', {
          name,
          path: spec.iam.path,
          tags: iamTags(spec.tags),
        })
      : keep('instance-profile', name, 'exists', { id: profile.arn, name }),
    profile?.roleNames.includes(names.role) === true
      ? keep('profile-role', name, 'holds the role', { id: names.role, profile: name })
      : create('profile-role', name, 'puts the role into the profile', { profile: name, role: names.role }),
  ];
}
