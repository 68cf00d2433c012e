/** What is to be done, step by step: decided by plan-up.ts and plan-down.ts, printed before anything is called. */

export type PlanAction = 'create' | 'keep' | 'update' | 'replace' | 'delete';

export type ResourceKind =
  | 'boundary'
  | 'role'
  | 'role-policy'
  | 'instance-profile'
  | 'profile-role'
  | 'security-group'
  | 'egress'
  | 'database-rule'
  | 'launch-template'
  | 'fleet'
  | 'instance'
  | 'lease';

export interface PlanStep {
  readonly action: PlanAction;
  readonly kind: ResourceKind;
  readonly name: string;
  /** Of what exists; undefined for what is only to be created. */
  readonly id: string | undefined;
  readonly reason: string;
  /** The group in which a database rule lives, the database it is for, or the group that a template to be replaced names. */
  readonly parent?: string;
}

/** Something that the plan does not change and that a person should know before saying yes. */
export interface PlanWarning {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
}

export interface Plan {
  readonly steps: readonly PlanStep[];
  readonly warnings: readonly PlanWarning[];
}

export function step(
  action: PlanAction,
  kind: ResourceKind,
  name: string,
  reason: string,
  more: { readonly id?: string | undefined; readonly parent?: string } = {},
): PlanStep {
  return {
    action,
    kind,
    name,
    reason,
    id: more.id,
    ...(more.parent === undefined ? {} : { parent: more.parent }),
  };
}

/** Nothing but `keep`. */
export const isNoop = (plan: Plan): boolean => plan.steps.every((item) => item.action === 'keep');
