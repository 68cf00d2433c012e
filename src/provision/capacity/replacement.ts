import { retry } from '../../core/backoff.ts';
import { describeDuration } from '../../core/duration.ts';
import { failed, ToolError } from '../../core/errors.ts';
import { runningOldestFirst } from '../bastion/inventory.ts';
import { type LaunchDeps, launchInstance, type LaunchSpec } from './launch.ts';
import { leaseOf } from '../lease/lease.ts';
import { commonName, TAG } from '../bastion/names.ts';
import type { Instance } from '../ports/ec2.ts';
import type { NodesPort } from '../ports/nodes.ts';
import { waitUntilReady } from '../bastion/readiness.ts';

/**
 * A spot bastion that EC2 takes back, launched once more: everything else of it still stands, so its own launch
 * template goes into the pools of its own fleet. VPC, subnets, role, groups, user data, and with them the end of the
 * lease, are therefore the same without anybody having remembered them.
 */

export interface ReplacementDeps extends Omit<LaunchDeps, 'approveOnDemand'> {
  readonly nodes: NodesPort;
  readonly region: string;
}

/** So long EC2 is asked for capacity. */
const CAPACITY_DEADLINE_MS = 8 * 60_000;
/** A lease that ends before a bastion has booted is over. */
const SHORTEST_LEASE_MS = 60_000;
const WORTH_WAITING = new Set(['no-capacity', 'quota-exceeded']);

/**
 * Resolves when the replacement's agent is online. Only spot: nothing costs more than what was agreed to. Several
 * clients that do this for the same instance share one replacement.
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
  const instanceId = (await otherOf(lost, deps)) ?? (await launch(lost, name, deps));
  return waitUntilReady(
    {
      name,
      instanceId,
      installs: lost.tags[TAG.cluster] !== undefined,
      boots: true,
      networkReason: 'that of the bastion which it replaces',
    },
    deps,
  );
}

/** Another client, or an `up`, was faster. */
async function otherOf(lost: Instance, deps: ReplacementDeps): Promise<string | undefined> {
  const tag = { key: TAG.bastion, values: [lost.tags[TAG.bastion] ?? ''] };
  const found = runningOldestFirst(await deps.ec2.instances({ tag, states: ['pending', 'running'] }));
  return found.find((instance) => instance.id !== lost.id)?.id;
}

async function launch(lost: Instance, name: string, deps: ReplacementDeps): Promise<string> {
  const step = { step: 'replacement', title: `launch a replacement of ${lost.id}: spot, same lease` };
  deps.report({ type: 'step-started', ...step });
  try {
    const { spec, templateId } = await sameAgain(lost, name, deps);
    const instanceId = await untilCapacity(lost, spec, templateId, deps);
    deps.report({ type: 'step-done', ...step, detail: instanceId });
    return instanceId;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    deps.report({ type: 'step-failed', ...step, detail });
    throw error;
  }
}

async function sameAgain(
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

/** Where spot was taken back it is scarce: EC2 is asked again and again, and what each pool says is said once. */
async function untilCapacity(
  lost: Instance,
  spec: LaunchSpec,
  templateId: string,
  deps: ReplacementDeps,
): Promise<string> {
  const said = new Set<string>();
  const launchDeps: LaunchDeps = {
    ...deps,
    approveOnDemand: () => Promise.resolve(false),
    report: (event) => {
      if (event.type === 'note' && said.has(event.message)) return;
      if (event.type === 'note') said.add(event.message);
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
      shouldRetry: (error) => error instanceof ToolError && WORTH_WAITING.has(error.code),
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
