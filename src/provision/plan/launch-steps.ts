import type { Inventory } from '../bastion/inventory.ts';
import { commonName, TAG } from '../bastion/names.ts';
import type { LaunchSpec } from '../capacity/launch.ts';
import { launchTemplateContent } from '../capacity/launch-template.ts';
import { overrides } from '../capacity/pool.ts';
import { type Lease, leaseOf } from '../lease/lease.ts';
import type { Instance, LaunchTemplate } from '../ports/ec2.ts';
import type { LaunchTemplateInput } from './kinds/launch-template.ts';
import { egressInput, groupFor, groupIdOf } from './network-steps.ts';
import type { PlanStep } from './plan.ts';
import { profileArnOf } from './role-steps.ts';
import type { BastionSpec } from './spec.ts';
import { create, keep, remove, replace, update } from './steps.ts';

/** The part of the plan of `up` that concerns launch template and instance. Pure. */

/**
 * A launch template that is younger than this belongs to an `up` that still runs, perhaps one of another person. It is
 * used, not replaced.
 */
const YOUNG_MS = 120_000;

/** The lease is never shortened, because another person may rely on it. */
export function leaseAfter(kept: Instance, spec: BastionSpec): Lease {
  const { expiresAt, idleMinutes } = leaseOf(kept);
  return { expiresAt: spec.extends ? Math.max(spec.expiresAt, expiresAt ?? 0) : expiresAt, idleMinutes };
}

/**
 * Instances that must be terminated before a launch: stopped ones, and running ones other than the one that is kept.
 */
export function surplusSteps(inventory: Inventory, alive: readonly Instance[]): readonly PlanStep[] {
  const terminate = ({ id, market }: Instance, reason: string): PlanStep =>
    remove('instance', id, reason, { id, market, launched: false });
  return [
    ...inventory.instances
      .filter(({ state }) => state === 'stopping' || state === 'stopped')
      .map((instance) => terminate(instance, `is ${instance.state}, and is not started again`)),
    ...alive.slice(1).map((instance) => terminate(instance, 'is a second instance of this bastion')),
  ];
}

/** `kept` is the instance that already runs. */
export function launchSteps(
  inventory: Inventory,
  spec: BastionSpec,
  kept: Instance | undefined,
  now: number,
): readonly PlanStep[] {
  if (kept !== undefined) return keptSteps(inventory, spec, kept);
  const template = templateStep(inventory, spec, now);
  const pools = `${spec.types.join(', ')} in ${spec.network.subnets.map((subnet) => subnet.id).join(', ')}`;
  const address = spec.network.publicIp ? ', with a public address' : '';
  const existing = template.action === 'keep' ? template.existing : undefined;
  return [
    template,
    create('instance', commonName(spec.name), `${spec.market}, one of ${pools}${address}`, {
      launch: launchSpec(spec, existing !== undefined),
      templateId: existing === undefined ? { outputOf: 'launch-template' } : { value: existing.id },
      template: templateInput(inventory, spec),
      egress: egressInput(inventory, spec, undefined),
    }),
  ];
}

function keptSteps(inventory: Inventory, spec: BastionSpec, kept: Instance): readonly PlanStep[] {
  const [template] = inventory.templates;
  const { id, market, type, state } = kept;
  const until = kept.tags[TAG.expiresAt] ?? 'an unknown time';
  const { expiresAt } = leaseAfter(kept, spec);
  return [
    ...(template === undefined
      ? []
      : [keep('launch-template', template.name, 'in use', { id: template.id, name: template.name })]),
    keep('instance', id, `${type}, ${state}`, { id, market, launched: false }),
    expiresAt === undefined || expiresAt === leaseOf(kept).expiresAt
      ? keep('lease', id, `until ${until}`, { id })
      : update(
          'lease',
          id,
          `from ${until} to ${new Date(expiresAt).toISOString()}`,
          { id },
          {
            instanceId: id,
            expiresAt,
          },
        ),
  ];
}

const templateInput = (inventory: Inventory, spec: BastionSpec): LaunchTemplateInput => ({
  content: launchTemplateContent(spec),
  profileArn: profileArnOf(inventory, spec),
  groupId: groupIdOf(inventory, spec),
  market: spec.market,
});

const volumeText = ({ volumeKey }: BastionSpec): string =>
  volumeKey === undefined ? 'encrypted root volume' : `root volume encrypted with ${volumeKey}`;

function templateStep(
  inventory: Inventory,
  spec: BastionSpec,
  now: number,
): Extract<PlanStep, { readonly kind: 'launch-template' }> {
  const name = commonName(spec.name);
  const [template] = inventory.templates;
  const input = templateInput(inventory, spec);
  if (template === undefined)
    return create(
      'launch-template',
      name,
      `IMDSv2 only, ${volumeText(spec)}, no key pair, terminates on shutdown`,
      input,
    );
  const existing = { id: template.id, name };
  const named = template.tags[TAG.group];
  if (named !== undefined && named !== groupFor(inventory, spec)?.id)
    return replace(
      'launch-template',
      name,
      `names security group ${named}, which no longer exists`,
      { ...existing, missingGroupId: named },
      input,
      named,
    );
  if (template.tags[TAG.digest] === input.content.tags[TAG.digest])
    return keep('launch-template', name, 'is up to date', existing);
  return isOfRunningUp(template, spec, now)
    ? keep(
        'launch-template',
        name,
        'another `up` created it a moment ago, and this one uses it too',
        existing,
      )
    : replace('launch-template', name, 'an earlier run created it with other settings', existing, input);
}

const isOfRunningUp = (template: LaunchTemplate, spec: BastionSpec, now: number): boolean =>
  now - template.createdAt < YOUNG_MS && template.tags[TAG.cluster] === spec.cluster;

const launchSpec = (spec: BastionSpec, mayRepeat: boolean): LaunchSpec => ({
  name: spec.name,
  market: spec.market,
  pools: overrides(
    spec.types,
    spec.network.subnets.map((subnet) => subnet.id),
    spec.images,
  ),
  zones: new Map(spec.network.subnets.map((subnet) => [subnet.id, subnet.zone])),
  tags: spec.tags,
  mayRepeat,
});
