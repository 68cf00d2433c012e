import { isIpv6 } from '../../core/cidr.ts';
import { type Inventory, runningOldestFirst } from '../bastion/inventory.ts';
import { TAG } from '../bastion/names.ts';
import { type Lease, leaseOf } from '../lease/lease.ts';
import { hasIpv4 } from '../network/network.ts';
import type { Instance } from '../ports/ec2.ts';
import { launchSteps, leaseAfter, surplusSteps } from './launch-steps.ts';
import { databaseSteps, type FindAdmittingRule, groupSteps, otherVpcSteps } from './network-steps.ts';
import type { Plan, PlanWarning } from './plan.ts';
import { refuseDifferent, refuseOtherNames, refuseTaken } from './refusals.ts';
import { roleSteps } from './role-steps.ts';
import type { BastionSpec } from './spec.ts';

/** Decides what `up` has to do, from what exists and what was requested. Pure. */

export interface UpPlan extends Plan {
  /** Name of the bastion. */
  readonly bastion: string;
  /**
   * End and idle time of the bastion after the plan is carried out. A running one keeps its idle time, and its end
   * unless the request extends it.
   */
  readonly lease: Lease;
}

/** Throws `name-taken`, `bastion-elsewhere`, `bastion-differs`, `image-missing`. */
export function planUp(
  inventory: Inventory,
  spec: BastionSpec,
  now: number,
  findAdmittingRule: FindAdmittingRule,
): UpPlan {
  const alive = runningOldestFirst(inventory.instances);
  const kept = alive[0];
  if (kept !== undefined) refuseDifferent(kept, spec);
  refuseOtherNames(inventory, spec);
  const steps = [
    ...roleSteps(inventory, spec, kept),
    ...surplusSteps(inventory, alive),
    ...(kept === undefined ? otherVpcSteps(inventory, spec) : []),
    ...groupSteps(inventory, spec, kept),
    ...databaseSteps(inventory, spec, findAdmittingRule),
    ...launchSteps(inventory, spec, kept, now),
  ];
  refuseTaken(steps, inventory, spec);
  return {
    bastion: spec.name,
    steps,
    warnings: kept === undefined ? [] : keptWarnings(kept, spec),
    lease: kept === undefined ? spec : leaseAfter(kept, spec),
  };
}

const tagOf = (kept: Instance, key: string): string => {
  const value = kept.tags[key];
  return value === undefined ? `no tag ${key}` : `the tag ${key}=${value}`;
};

/** Warns about requests that cannot take effect while the instance runs. */
function keptWarnings(kept: Instance, spec: BastionSpec): readonly PlanWarning[] {
  const { asked } = spec;
  const { expiresAt, idleMinutes: idle } = leaseOf(kept);
  const reaches = spec.databases.length + spec.egressPorts.length;
  const differences: readonly (readonly [boolean, string])[] = [
    ...Object.entries(spec.givenTags)
      .filter(([key, value]) => kept.tags[key] !== value)
      .map(
        ([key, value]) =>
          [true, `it has ${tagOf(kept, key)}, although the tag ${key}=${value} is asked for`] as const,
      ),
    [
      spec.market === 'on-demand' && kept.market === 'spot',
      'it runs as spot, although on-demand is asked for',
    ],
    [
      asked.types && !spec.types.includes(kept.type),
      `its type is ${kept.type}, which is not one of those asked for`,
    ],
    [
      asked.subnets && !spec.network.subnets.some((subnet) => subnet.id === kept.subnetId),
      `it runs in ${kept.subnetId}, which is not one of those asked for`,
    ],
    [
      isIpv6(kept.privateIp ?? '') && hasIpv4(spec.network) && reaches > 0,
      `it has no IPv4 address in ${kept.subnetId}, and cannot reach a host without IPv6`,
    ],
    [
      spec.extends && expiresAt !== undefined && expiresAt > spec.expiresAt,
      `it ends at ${kept.tags[TAG.expiresAt] ?? ''}, later than asked for`,
    ],
    [
      asked.idle && idle !== undefined && idle !== spec.idleMinutes,
      `it ${idle === 0 ? 'does not end' : `ends after ${idle ?? ''} minutes`} without a session, and keeps that idle time`,
    ],
  ];
  return differences
    .filter(([differs]) => differs)
    .map(([, what]) => ({
      code: 'bastion-kept',
      message: `bastion ${spec.name} is kept: ${what}`,
      details: { name: spec.name },
    }));
}
