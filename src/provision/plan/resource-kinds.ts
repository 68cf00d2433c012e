import { boundary } from './kinds/boundary.ts';
import { databaseRule } from './kinds/database-rule.ts';
import { egress } from './kinds/egress.ts';
import { fleet } from './kinds/fleet.ts';
import { instanceProfile } from './kinds/instance-profile.ts';
import { instance } from './kinds/instance.ts';
import { launchTemplate } from './kinds/launch-template.ts';
import { lease } from './kinds/lease.ts';
import { profileRole } from './kinds/profile-role.ts';
import type { ResourceKind } from './kinds/resource-kind.ts';
import { rolePolicy } from './kinds/role-policy.ts';
import { role } from './kinds/role.ts';
import { securityGroup } from './kinds/security-group.ts';

/** Every resource kind of a bastion, in the order in which AWS allows their deletion (docs/reference/vpc.md §4). */
const KINDS = {
  'database-rule': databaseRule,
  lease,
  instance,
  fleet,
  'launch-template': launchTemplate,
  egress,
  'security-group': securityGroup,
  'profile-role': profileRole,
  'instance-profile': instanceProfile,
  'role-policy': rolePolicy,
  role,
  boundary,
};

/** Stable: it is part of the JSON of `up --dry-run` and `down`. */
export type KindName = keyof typeof KINDS;

/** Input of the call that creates a resource of that kind. */
export type InputOf<K extends KindName> = Parameters<(typeof KINDS)[K]['create']>[0];

/** What identifies a resource of that kind. */
export type ExistingOf<K extends KindName> =
  (typeof KINDS)[K] extends ResourceKind<never, infer Found, infer _Created> ? Found : never;

export const RESOURCE_KINDS: {
  readonly [K in KindName]: ResourceKind<InputOf<K>, ExistingOf<K>, ExistingOf<K> | undefined>;
} = KINDS;

export const KINDS_IN_ORDER_OF_DELETION = Object.keys(KINDS) as readonly KindName[];

/** What a step does, as progress shows it, e.g. `create security group fargate-connect-default`. */
export const stepTitle = (step: {
  readonly action: string;
  readonly kind: KindName;
  readonly name: string;
}): string => `${step.action} ${RESOURCE_KINDS[step.kind].title} ${step.name}`;
