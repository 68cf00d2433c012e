import { retry } from '../../core/backoff.ts';
import { describeDuration } from '../../core/duration.ts';
import { failed, ToolError } from '../../core/errors.ts';
import { runningOldestFirst } from '../bastion/inventory.ts';
import { type LaunchDeps, launchInstance, type LaunchSpec } from './launch.ts';
import { leaseOf } from '../lease/lease.ts';
import { commonName, TAG } from '../bastion/names.ts';
import type { BootDiagnosis } from '../ports/boot-diagnosis.ts';
import type { Instance } from '../ports/ec2.ts';
import type { NodesPort } from '../ports/nodes.ts';
import { waitUntilReady } from '../bastion/readiness.ts';

/**
 * Launches a replacement of a spot bastion that EC2 interrupts. All other resources of the bastion still exist, so the
 * replacement is launched from its launch template in the pools of its fleet. VPC, subnets, role, security groups, user
 * data and the end of the lease are therefore the same, and no local record is needed.
 */

export interface ReplacementDeps extends Omit<LaunchDeps, 'approveOnDemand'> {
  readonly nodes: NodesPort;
  readonly diagnosis: BootDiagnosis;
  readonly region: string;
}

/** The longest time for which the tool keeps asking EC2 for capacity. */
const CAPACITY_DEADLINE_MS = 8 * 60_000;
/** With less time left the lease counts as over, because it would end before the replacement has booted. */
const SHORTEST_LEASE_MS = 60_000;
const TEMPORARY_ERRORS = new Set(['no-capacity', 'quota-exceeded']);

/**
 * Resolves when the replacement's agent is online. It is a spot instance, so that it costs no more than the person agreed
 * to. Several clients that replace the same instance share one replacement.
 * Throws `lease-over`, `replacement-impossible`, and what launch and readiness throw.
 */
export async function replaceBastion(lost: Instance, deps: ReplacementDeps): Promise<Instance> {
  const name = lost.tags[TAG.bastion] ?? '';
  const { expiresAt } = leaseOf(lost);
  if (expiresAt !== undefined && expiresAt - deps.clock.now() < SHORTEST_LEASE_MS) {
    throw failed('lease-over', `the lease of bastion ${name} is over: it is not replaced`, {
      details: { name, instanceId: lost.id },
    });
  }
  const instanceId = (await launchedByOther(lost, deps)) ?? (await launch(lost, name, deps));
  return waitUntilReady(
    {
      name,
      instanceId,
      installs: lost.tags[TAG.cluster] !== undefined,
      boots: true,
      networkReason: 'the same as that of the bastion that it replaces',
    },
    deps,
  );
}

/** Id of the instance that another client or an `up` launched meanwhile; undefined = there is none. */
async function launchedByOther(lost: Instance, deps: ReplacementDeps): Promise<string | undefined> {
  const tag = { key: TAG.bastion, values: [lost.tags[TAG.bastion] ?? ''] };
  const found = runningOldestFirst(await deps.ec2.instances({ tag, states: ['pending', 'running'] }));
  return found.find((instance) => instance.id !== lost.id)?.id;
}

async function launch(lost: Instance, name: string, deps: ReplacementDeps): Promise<string> {
  const step = { step: 'replacement', title: `launch a replacement of ${lost.id}: spot, same lease` };
  deps.report({ type: 'step-started', ...step });
  try {
    const { spec, templateId } = await specOf(lost, name, deps);
    const instanceId = await untilCapacity(lost, spec, templateId, deps);
    deps.report({ type: 'step-done', ...step, detail: instanceId });
    return instanceId;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    deps.report({ type: 'step-failed', ...step, detail });
    throw error;
  }
}

async function specOf(
  lost: Instance,
  name: string,
  deps: ReplacementDeps,
): Promise<{ readonly spec: LaunchSpec; readonly templateId: string }> {
  const common = commonName(name);
  const [templates, pools] = await Promise.all([
    deps.ec2.launchTemplates({ names: [common] }),
    deps.ec2.fleetPools(lost.tags['aws:ec2:fleet-id'] ?? ''),
  ]);
  const template = templates.find((candidate) => candidate.tags[TAG.bastion] === name);
  if (template === undefined || pools.length === 0) {
    const missing = template === undefined ? 'launch template' : 'fleet';
    throw failed('replacement-impossible', `bastion ${name} cannot be replaced: its ${missing} is gone`, {
      details: { name, instanceId: lost.id, missing },
    });
  }
  const subnets = await deps.ec2.subnets({ ids: [...new Set(pools.map((pool) => pool.subnetId))] });
  const own = Object.entries(lost.tags).filter(([key]) => !key.startsWith('aws:'));
  return {
    templateId: template.id,
    spec: {
      name,
      market: 'spot',
      pools,
      zones: new Map(subnets.map((subnet) => [subnet.id, subnet.zone])),
      tags: { ...Object.fromEntries(own), [TAG.replaces]: lost.id },
      replaces: lost.id,
      mayRepeat: true,
    },
  };
}

/** Asks EC2 repeatedly, because spot capacity is scarce after an interruption. A pool's refusal is reported once. */
async function untilCapacity(
  lost: Instance,
  spec: LaunchSpec,
  templateId: string,
  deps: ReplacementDeps,
): Promise<string> {
  const reported = new Set<string>();
  const launchDeps: LaunchDeps = {
    ...deps,
    approveOnDemand: () => Promise.resolve(false),
    report: (event) => {
      if (event.type === 'note' && reported.has(event.message)) return;
      if (event.type === 'note') reported.add(event.message);
      deps.report(event);
    },
  };
  let round = 0;
  const applied = await retry(
    () =>
      launchInstance({ ...spec, occasion: `${lost.id}-${round++}` }, templateId, launchDeps, 'replacement', {
        templateFor: () => Promise.resolve(templateId),
      }),
    {
      clock: deps.clock,
      random: deps.random,
      baseMs: 5_000,
      capMs: 60_000,
      deadlineMs: CAPACITY_DEADLINE_MS,
      signal: deps.signal,
      shouldRetry: (error) => error instanceof ToolError && TEMPORARY_ERRORS.has(error.code),
      onRetry: (error, delayMs) =>
        deps.report({
          type: 'step-progress',
          step: 'replacement',
          detail: `${error instanceof Error ? error.message : ''}, asking again in ${describeDuration(delayMs)}`,
        }),
    },
  );
  return applied.instanceId;
}
