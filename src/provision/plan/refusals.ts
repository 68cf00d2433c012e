import { failed, usage } from '../../core/errors.ts';
import type { Foreign, Inventory } from '../bastion/inventory.ts';
import { TAG } from '../bastion/names.ts';
import type { Instance } from '../ports/ec2.ts';
import type { PlanStep } from './plan.ts';
import type { KindName } from './resource-kinds.ts';
import type { BastionSpec } from './spec.ts';

/** Reasons for which `up` makes no plan: what exists contradicts what was requested. Pure. */

/** The kind under which the inventory lists a foreign resource that has a name `up` needs. */
const FOREIGN_KIND: Partial<Record<KindName, Foreign['kind']>> = {
  boundary: 'policy',
  role: 'role',
  'instance-profile': 'instance profile',
  'security-group': 'security group',
  'launch-template': 'launch template',
};

/**
 * Throws `name-taken` before anything is created, if the name that a later step needs belongs to a foreign resource.
 */
export function refuseTaken(steps: readonly PlanStep[], inventory: Inventory, spec: BastionSpec): void {
  const created = new Set(
    steps.flatMap((item) => (item.action === 'create' ? FOREIGN_KIND[item.kind] : undefined)),
  );
  const taken = inventory.foreign.filter(
    (item) =>
      item.holdsName &&
      created.has(item.kind) &&
      (item.vpcId === undefined || item.vpcId === spec.network.vpcId),
  );
  if (taken.length === 0) return;
  throw failed('name-taken', `a name that bastion ${spec.name} needs is taken`, {
    details: { name: spec.name, taken: taken.map(({ kind, id, why }) => ({ kind, id, why })) },
  });
}

/**
 * Throws `bastion-differs` when the tags of the bastion name another IAM path or prefix: `down` looks for one role
 * only, and would not find a second one.
 */
export function refuseOtherNames({ iam: { path, prefix } }: Inventory, spec: BastionSpec): void {
  if (spec.role.kind === 'given' || (path === spec.iam.path && prefix === spec.iam.prefix)) return;
  const naming = `the IAM path ${path}${prefix === '' ? '' : ` and the prefix ${prefix}`}`;
  throw usage('bastion-differs', `bastion ${spec.name} was made with ${naming}`, {
    details: { name: spec.name, difference: { kind: 'iam', path, prefix } },
  });
}

/** Throws `bastion-elsewhere` or `bastion-differs` when the running instance does not match the request. */
export function refuseDifferent(instance: Instance, spec: BastionSpec): void {
  if (instance.vpcId !== spec.network.vpcId) {
    throw usage(
      'bastion-elsewhere',
      `bastion ${spec.name} runs in ${instance.vpcId}, not in ${spec.network.vpcId}`,
      {
        details: { name: spec.name, vpc: instance.vpcId, wanted: spec.network.vpcId },
      },
    );
  }
  const lacking = spec.clientGroups.map((group) => group.id).filter((id) => !instance.groupIds.includes(id));
  if (lacking.length > 0) {
    throw usage('bastion-differs', `bastion ${spec.name} was made without ${lacking.join(', ')}`, {
      details: {
        name: spec.name,
        groups: instance.groupIds,
        difference: { kind: 'groups', wanted: lacking },
      },
    });
  }
  const cluster = instance.tags[TAG.cluster];
  if (cluster === spec.cluster) return;
  const purpose = (of: string | undefined): string => (of === undefined ? 'tunnels only' : `cluster ${of}`);
  throw usage(
    'bastion-differs',
    `bastion ${spec.name} was made for ${purpose(cluster)}, not for ${purpose(spec.cluster)}`,
    {
      details: { name: spec.name, cluster, difference: { kind: 'cluster', wanted: spec.cluster } },
    },
  );
}
