import type { Inventory } from '../bastion/inventory.ts';
import type { AnyDeleteStep, Plan } from './plan.ts';
import { type KindName, KINDS_IN_ORDER_OF_DELETION, RESOURCE_KINDS } from './resource-kinds.ts';

export interface DownPlan extends Plan {
  readonly steps: readonly AnyDeleteStep[];
}

/** Deletes all resources of one bastion, in the order in which AWS allows it (docs/reference/vpc.md §4). */
export function planDown(inventory: Inventory): DownPlan {
  return {
    warnings: [],
    steps: KINDS_IN_ORDER_OF_DELETION.flatMap((kind) => deletionsOf(kind, inventory)),
  };
}

function deletionsOf(kind: KindName, inventory: Inventory): readonly AnyDeleteStep[] {
  const found = RESOURCE_KINDS[kind].removal?.find(inventory) ?? [];
  // The compiler cannot infer that `existing` is of the type that belongs to `kind`.
  return found.map((each) => ({ action: 'delete', kind, ...each }) as AnyDeleteStep);
}
