import type { ErrorDetails } from '../../core/facts/fact.ts';
import type { Ref } from './kinds/resource-kind.ts';
import type { ExistingOf, InputOf, KindName } from './resource-kinds.ts';

/**
 * A plan is a list of steps: plan-up.ts and plan-down.ts decide them, and the plan is shown before any call that
 * changes something.
 */

export type PlanAction = 'create' | 'keep' | 'update' | 'replace' | 'delete';

interface StepText<K extends KindName> {
  readonly kind: K;
  readonly name: string;
  readonly reason: string;
  /**
   * Part of the JSON output: the group that holds a database rule, the database that it is for, or the group that a
   * template names.
   */
  readonly parent?: string;
}

export interface CreateStep<K extends KindName> extends StepText<K> {
  readonly action: 'create';
  readonly input: InputOf<K>;
}

export interface KeepStep<K extends KindName> extends StepText<K> {
  readonly action: 'keep';
  /** Undefined for a resource that does not belong to the bastion and is not changed. */
  readonly existing: ExistingOf<K> | undefined;
}

/** Changes the resource in place, by the same call that creates it. */
export interface UpdateStep<K extends KindName> extends StepText<K> {
  readonly action: 'update';
  readonly existing: ExistingOf<K>;
  readonly input: InputOf<K>;
}

/** Deletes the resource and creates it again under the same name; only kinds that have `replace` can have this step. */
export interface ReplaceStep<K extends KindName> extends StepText<K> {
  readonly action: 'replace';
  readonly existing: ExistingOf<K>;
  readonly input: InputOf<K>;
}

export interface DeleteStep<K extends KindName> extends StepText<K> {
  readonly action: 'delete';
  readonly existing: ExistingOf<K>;
}

/** A step for one resource kind, with all inputs of its AWS calls. */
export type StepOf<K extends KindName> =
  | CreateStep<K>
  | KeepStep<K>
  | UpdateStep<K>
  | ReplaceStep<K>
  | DeleteStep<K>;

export type PlanStep = { readonly [K in KindName]: StepOf<K> }[KindName];

/** Deletes one resource of any kind. */
export type AnyDeleteStep = { readonly [K in KindName]: DeleteStep<K> }[KindName];

/** A fact that the plan does not change and that a person should know before agreeing to the plan. */
export interface PlanWarning {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
  /** Facts that belong to the code (core/error-facts.ts). */
  readonly details?: ErrorDetails;
}

/** The steps in the order in which they are carried out. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  readonly warnings: readonly PlanWarning[];
}

/** The value of a resource that exists already, for a step that could also refer to the result of another one. */
export const known = (value: string): { readonly value: string } => ({ value });

/** Refers to the result of the step that creates the resource of that kind. */
export const outputOf = <K extends KindName>(kind: K): Ref<K> => ({ outputOf: kind });

/** Id, ARN or name of the existing resource; undefined for one that the step creates. */
export const idOf = (step: PlanStep): string | undefined =>
  step.action === 'create' ? undefined : step.existing?.id;

/** True if every step is `keep`. */
export const isNoop = (plan: Plan): boolean => plan.steps.every((step) => step.action === 'keep');

/** A step in the JSON output (`--json`): the fields are stable, and the inputs of the calls are left out. */
export interface StepFields {
  readonly action: PlanAction;
  readonly kind: KindName;
  readonly name: string;
  readonly reason: string;
  readonly id?: string;
  readonly parent?: string;
}

/** The step without what only its calls need. */
export function stepFields(step: PlanStep): StepFields {
  const { action, kind, name, reason, parent } = step;
  const id = idOf(step);
  return {
    action,
    kind,
    name,
    reason,
    ...(id === undefined ? {} : { id }),
    ...(parent === undefined ? {} : { parent }),
  };
}
