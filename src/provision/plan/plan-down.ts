import type { Inventory } from '../bastion/inventory.ts';
import { type Plan, step } from './plan.ts';

/** Everything of one bastion, in the order in which it can be deleted (docs/reference/vpc.md §4). */
export function planDown(inventory: Inventory): Plan {
  const reason = 'made by up';
  return {
    warnings: [],
    steps: [
      ...inventory.databaseRules.map((rule) =>
        step(
          'delete',
          'database-rule',
          `tcp/${rule.fromPort} in ${rule.groupId}`,
          'opened by up --allow-db',
          {
            id: rule.id,
            parent: rule.groupId,
          },
        ),
      ),
      ...inventory.instances.map((instance) =>
        step('delete', 'instance', instance.id, `${instance.type}, ${instance.state}`, { id: instance.id }),
      ),
      ...inventory.fleets.map((fleet) => step('delete', 'fleet', fleet.id, reason, { id: fleet.id })),
      ...inventory.templates.map((template) =>
        step('delete', 'launch-template', template.name, reason, { id: template.id }),
      ),
      ...inventory.groups.map((group) =>
        step('delete', 'security-group', group.name, reason, { id: group.id }),
      ),
      ...(inventory.profile?.roleNames ?? []).map((role) =>
        step('delete', 'profile-role', inventory.profile?.name ?? '', reason, { id: role }),
      ),
      ...(inventory.profile === undefined
        ? []
        : [
            step('delete', 'instance-profile', inventory.profile.name, reason, {
              id: inventory.profile.name,
            }),
          ]),
      ...(inventory.role?.policyNames ?? []).map((policy) =>
        step('delete', 'role-policy', inventory.role?.name ?? '', reason, { id: policy }),
      ),
      ...(inventory.role === undefined
        ? []
        : [step('delete', 'role', inventory.role.name, reason, { id: inventory.role.name })]),
      ...(inventory.boundary === undefined
        ? []
        : [step('delete', 'boundary', inventory.boundary.name, reason, { id: inventory.boundary.arn })]),
    ],
  };
}
