import { poll } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { failed } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { runningOldestFirst } from './inventory.ts';
import { TAG } from './names.ts';
import type { BootDiagnosis, BootingBastion, BootVerdict } from '../ports/boot-diagnosis.ts';
import type { Ec2Port, Instance } from '../ports/ec2.ts';
import type { NodesPort } from '../ports/nodes.ts';

/** Waits from the launch of the instance until a session can start, or throws the reason why none can. */

export interface ReadinessDeps {
  readonly ec2: Ec2Port;
  readonly nodes: NodesPort;
  readonly diagnosis: BootDiagnosis;
  readonly clock: Clock;
  readonly report: Report;
  readonly signal: AbortSignal;
}

export interface ReadinessOptions extends BootingBastion {
  /**
   * True if the instance was just launched, so that `up` waits for the verdict of its boot script; absent = as
   * `installs`.
   */
  readonly boots?: boolean;
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 300_000;
const INTERVAL_MS = 1_000;
/** If the console output is still empty so long after the agent came online, `up` stops waiting for it. */
const SILENCE_MS = 90_000;

/**
 * Waits until the instance runs, its agent is online and its boot script is done. When two `up` launched at once, the
 * older instance is kept and the other one is terminated; the kept one is returned.
 * Throws `instance-ended`, `boot-failed`, `agent-denied`, `role-untrusted`, `agent-not-online`.
 */
export async function waitUntilReady(options: ReadinessOptions, deps: ReadinessDeps): Promise<Instance> {
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  const end = deps.clock.now() + deadlineMs;
  const instance = await inStep(deps, 'instance-running', 'instance starts', () =>
    untilRunning(options, end, deps),
  );
  await inStep(deps, 'agent-online', 'agent comes online', () =>
    untilOnline({ ...options, instanceId: instance.id }, end, deps),
  );
  // Being online is not enough: an agent without a control channel reports itself to SSM, and no session can reach it.
  if (options.boots ?? options.installs) {
    await inStep(deps, 'boot-done', 'boot script finishes', () =>
      untilBooted({ ...options, instanceId: instance.id }, end, deps),
    );
  }
  return instance;
}

async function inStep<T>(
  deps: ReadinessDeps,
  step: string,
  title: string,
  work: () => Promise<T>,
): Promise<T> {
  deps.report({ type: 'step-started', step, title });
  try {
    const result = await work();
    deps.report({ type: 'step-done', step, title });
    return result;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    deps.report({ type: 'step-failed', step, title, detail });
    throw error;
  }
}

const remaining = (end: number, clock: Clock): number => Math.max(0, end - clock.now());

async function untilRunning(options: ReadinessOptions, end: number, deps: ReadinessDeps): Promise<Instance> {
  return poll(
    async () => {
      const found = await deps.ec2.instances({ tag: { key: TAG.bastion, values: [options.name] } });
      const alive = runningOldestFirst(found);
      const kept = alive[0];
      const second = alive.slice(1).map((instance) => instance.id);
      if (second.length > 0) {
        deps.report({
          type: 'note',
          level: 'warning',
          code: 'second-bastion-ended',
          message: `another \`up\` launched ${kept?.id ?? ''} at the same time: keeping it and terminating ${second.join(', ')}`,
        });
        await deps.ec2.terminateInstances(second);
      }
      if (kept?.state === 'running') return kept;
      const mine = found.find((instance) => instance.id === options.instanceId);
      if (kept === undefined && mine !== undefined) throw deps.diagnosis.ended(mine);
      return undefined;
    },
    {
      clock: deps.clock,
      intervalMs: INTERVAL_MS,
      deadlineMs: remaining(end, deps.clock),
      signal: deps.signal,
      onTimeout: () =>
        failed('instance-not-running', `instance ${options.instanceId} did not start in time`, {
          details: { instanceId: options.instanceId, name: options.name },
        }),
    },
  );
}

async function untilOnline(options: ReadinessOptions, end: number, deps: ReadinessDeps): Promise<void> {
  let verdict: BootVerdict = { kind: 'running', last: undefined };
  await poll(
    async () => {
      const [node] = await deps.nodes.nodes([options.instanceId]);
      if (node?.pingStatus === 'Online') return node;
      verdict = await readVerdict(options.instanceId, deps);
      if (verdict.kind === 'failed') throw deps.diagnosis.bootFailed(options, verdict.reason);
      const [instance] = await deps.ec2.instances({ ids: [options.instanceId] });
      if (instance !== undefined && instance.state !== 'running' && instance.state !== 'pending')
        throw deps.diagnosis.ended(instance);
      if (verdict.kind === 'running' && verdict.last !== undefined)
        deps.report({ type: 'step-progress', step: 'agent-online', detail: verdict.last });
      return undefined;
    },
    {
      clock: deps.clock,
      intervalMs: INTERVAL_MS,
      deadlineMs: remaining(end, deps.clock),
      signal: deps.signal,
      onTimeout: () => deps.diagnosis.agentMissing(options, verdict),
    },
  );
}

async function readVerdict(instanceId: string, deps: ReadinessDeps): Promise<BootVerdict> {
  return deps.diagnosis.verdictOf(await deps.ec2.consoleOutput(instanceId));
}

/** Waits until a boot script that has begun reports a verdict. The script reports one even when it fails. */
async function untilBooted(options: ReadinessOptions, end: number, deps: ReadinessDeps): Promise<void> {
  const { instanceId, installs } = options;
  const silentUntil = deps.clock.now() + SILENCE_MS;
  let last: string | undefined;
  const verdict = await poll(
    async () => {
      const seen = await readVerdict(instanceId, deps);
      if (seen.kind === 'failed') throw deps.diagnosis.bootFailed(options, seen.reason);
      if (seen.kind === 'ready') return seen.kind;
      last = seen.last;
      if (last === undefined) return deps.clock.now() < silentUntil ? undefined : 'silent';
      deps.report({ type: 'step-progress', step: 'boot-done', detail: last });
      return undefined;
    },
    {
      clock: deps.clock,
      intervalMs: INTERVAL_MS,
      deadlineMs: Math.max(INTERVAL_MS, remaining(end, deps.clock)),
      signal: deps.signal,
      onTimeout: () =>
        deps.diagnosis.bootFailed(options, `it did not finish in time; its last line is: ${last ?? 'none'}`),
    },
  );
  if (verdict === 'ready') return;
  deps.report({
    type: 'note',
    level: 'warning',
    code: 'boot-unknown',
    message: `the agent is online, but the console of ${instanceId} does not show whether the boot script finished: ${installs ? 'ecs_connect.sh may not be installed yet' : 'it is not known whether sessions can start'}`,
  });
}
