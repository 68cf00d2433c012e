import type { CreateStep, DeleteStep, KeepStep, ReplaceStep, UpdateStep } from './plan.ts';
import type { ExistingOf, InputOf, KindName } from './resource-kinds.ts';

/** Functions that create plan steps, for the planner. */

export const create = <K extends KindName>(
  kind: K,
  name: string,
  reason: string,
  input: InputOf<K>,
  parent?: string,
): CreateStep<K> => ({ action: 'create', kind, name, reason, input, ...parentOf(parent) });

/** `existing` is undefined for a resource that does not belong to the bastion and is not changed. */
export const keep = <K extends KindName>(
  kind: K,
  name: string,
  reason: string,
  existing: ExistingOf<K> | undefined,
  parent?: string,
): KeepStep<K> => ({ action: 'keep', kind, name, reason, existing, ...parentOf(parent) });

export const update = <K extends KindName>(
  kind: K,
  name: string,
  reason: string,
  existing: ExistingOf<K>,
  input: InputOf<K>,
): UpdateStep<K> => ({ action: 'update', kind, name, reason, existing, input });

export const replace = <K extends KindName>(
  kind: K,
  name: string,
  reason: string,
  existing: ExistingOf<K>,
  input: InputOf<K>,
  parent?: string,
): ReplaceStep<K> => ({ action: 'replace', kind, name, reason, existing, input, ...parentOf(parent) });

export const remove = <K extends KindName>(
  kind: K,
  name: string,
  reason: string,
  existing: ExistingOf<K>,
  parent?: string,
): DeleteStep<K> => ({ action: 'delete', kind, name, reason, existing, ...parentOf(parent) });

const parentOf = (parent: string | undefined): { readonly parent?: string } =>
  parent === undefined ? {} : { parent };
