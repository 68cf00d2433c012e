import { poll, retry } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { access, failed, leftovers, ToolError } from '../../core/errors.ts';
import type { AwsCommandFacts } from '../../core/facts/remaining-resource.ts';
import type { Report } from '../../core/events.ts';
import {
  type Foreign,
  type Inventory,
  type InventoryScope,
  isEmpty,
  type Read,
  readInventory,
} from '../bastion/inventory.ts';
import { type AnyDeleteStep, type DeleteStep, idOf } from '../plan/plan.ts';
import { planDown } from '../plan/plan-down.ts';
import { type KindName, RESOURCE_KINDS, stepTitle } from '../plan/resource-kinds.ts';
import type { Ec2Port } from '../ports/ec2.ts';
import type { IamPort } from '../ports/iam.ts';

/**
 * Deletes a bastion, found by tags and names alone, and then reads the inventory again to verify that no resource
 * remains.
 */

export interface TeardownDeps {
  readonly ec2: Ec2Port;
  readonly iam: IamPort;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** How the inventory is read again; absent = a denial is an error. */
  readonly read?: Read;
}

/** What a complete teardown did; an incomplete one throws. */
export interface TeardownResult {
  /** The deleted resources, in the order of deletion. */
  readonly deleted: readonly AnyDeleteStep[];
  /** Resources that have the tag or the name of the bastion but not both, and were therefore not deleted. */
  readonly kept: readonly Foreign[];
}

/** An open session on an instance. */
export interface SessionOn {
  readonly sessionId: string;
  readonly owner: string;
}

/**
 * How many times the inventory is read and its resources are deleted, because AWS shows deletions late and some fail at
 * first.
 */
const ROUNDS = 4;
const ROUND_PAUSE_MS = 3_000;
/**
 * How long to wait for a resource in use. The inventory is read again between attempts, since the user of the resource
 * may be part of the bastion.
 */
const IN_USE_DEADLINE_MS = 120_000;
const FIRST_IN_USE_DEADLINE_MS = 10_000;
const TERMINATION_DEADLINE_MS = 240_000;

/** Throws `sessions-active` if someone other than `callerArn` is connected. */
export async function refuseIfInUse(
  inventory: Inventory,
  callerArn: string,
  sessionsOn: (instanceId: string) => Promise<readonly SessionOn[]>,
): Promise<void> {
  const running = inventory.instances.filter((instance) => instance.state === 'running');
  const sessions = (await Promise.all(running.map((instance) => sessionsOn(instance.id)))).flat();
  const others = sessions.filter((session) => session.owner !== callerArn);
  if (others.length === 0) return;
  const owners = [...new Set(others.map((session) => session.owner))];
  throw failed('sessions-active', `bastion ${inventory.name} is in use by ${owners.join(', ')}`, {
    details: {
      name: inventory.name,
      sessions: others.map(({ sessionId, owner }) => ({ id: sessionId, owner })),
    },
  });
}

/**
 * Throws `leftovers` (exit 5), which names each remaining resource with the command that removes it, or `access-denied`
 * when a missing permission is the reason.
 */
export async function tearDown(
  first: Inventory,
  scope: InventoryScope,
  deps: TeardownDeps,
): Promise<TeardownResult> {
  // The scope keeps path and prefix, because the tags that name them are deleted with the first resources.
  const own = { ...scope, iam: first.iam };
  const deleted: AnyDeleteStep[] = [];
  const problems = new Map<string, unknown>();
  let inventory = first;
  const end = deps.clock.now() + IN_USE_DEADLINE_MS;
  for (let round = 0; !isEmpty(inventory); round++) {
    if (round > 0) await sleep(deps.clock, ROUND_PAUSE_MS * Math.min(round, 2), deps.signal);
    problems.clear();
    const failedKinds = new Set<string>();
    for (const step of planDown(inventory).steps) {
      deps.signal.throwIfAborted();
      const { removal } = RESOURCE_KINDS[step.kind];
      if (removal?.onlyAfter !== undefined && failedKinds.has(removal.onlyAfter)) continue;
      const problem = await runStep(step, round, problems.size === 0, deps);
      if (problem !== undefined) {
        failedKinds.add(step.kind);
        problems.set(keyOf(step), problem);
      } else if (!deleted.some((other) => keyOf(other) === keyOf(step))) deleted.push(step);
    }
    inventory = await readInventory(deps, own, deps.read);
    const found = [...problems.values()];
    // Waiting does not help against a missing permission, but a resource in use becomes free.
    if (found.some(isDenied)) break;
    if (found.some(isInUse) ? deps.clock.now() >= end : round + 1 >= ROUNDS) break;
  }
  if (!isEmpty(inventory)) throw somethingLeft(inventory, scope, problems);
  return { deleted, kept: inventory.foreign };
}

const isDenied = (problem: unknown): problem is ToolError =>
  problem instanceof ToolError && problem.role === 'access';

const isInUse = (problem: unknown): boolean =>
  problem instanceof ToolError && problem.code === 'still-in-use';

const keyOf = (step: AnyDeleteStep): string => `${step.kind} ${step.name} ${idOf(step) ?? ''}`;

/** Resolves with the error of the deletion; undefined = deleted. Rejects when the person stopped the run. */
async function runStep(
  step: AnyDeleteStep,
  round: number,
  allWentWell: boolean,
  deps: TeardownDeps,
): Promise<Error | undefined> {
  const id = `down-${round}-${keyOf(step)}`;
  const title = stepTitle(step);
  deps.report({ type: 'step-started', step: id, title });
  try {
    // Waiting for a resource in use helps only if its user was deleted.
    await deleteOne(step, id, allWentWell ? FIRST_IN_USE_DEADLINE_MS : 0, deps);
    deps.report({ type: 'step-done', step: id, title });
    return undefined;
  } catch (error) {
    if (deps.signal.aborted) throw error;
    const problem = error instanceof Error ? error : new Error(String(error));
    deps.report({ type: 'step-failed', step: id, title, detail: problem.message });
    return problem;
  }
}

async function deleteOne<K extends KindName>(
  { kind, existing }: DeleteStep<K>,
  stepId: string,
  inUseDeadlineMs: number,
  deps: TeardownDeps,
): Promise<void> {
  const { removal, title } = RESOURCE_KINDS[kind];
  if (removal === undefined) return;
  const work = (): Promise<void> => removal.delete(existing, deps);
  await (removal.mayBeInUse === true ? whileInUse(deps, stepId, inUseDeadlineMs, work) : work());
  const state = removal.stateOf?.bind(removal);
  if (state === undefined) return;
  await untilGone(`${title} ${existing.id}`, () => state(existing, deps), stepId, deps);
}

/** Network interfaces and the links between IAM resources still exist for seconds after their owners were deleted. */
function whileInUse(
  deps: TeardownDeps,
  stepId: string,
  inUseDeadlineMs: number,
  work: () => Promise<void>,
): Promise<void> {
  return retry(work, {
    clock: deps.clock,
    random: deps.random,
    baseMs: 1_000,
    capMs: 5_000,
    deadlineMs: inUseDeadlineMs,
    signal: deps.signal,
    shouldRetry: isInUse,
    onRetry: () => deps.report({ type: 'step-progress', step: stepId, detail: 'still in use, trying again' }),
  });
}

async function untilGone(
  what: string,
  state: () => Promise<string | undefined>,
  stepId: string,
  deps: TeardownDeps,
): Promise<void> {
  await poll(
    async () => {
      const seen = await state();
      if (seen === undefined) return true;
      deps.report({ type: 'step-progress', step: stepId, detail: seen });
      return undefined;
    },
    {
      clock: deps.clock,
      intervalMs: 1_000,
      deadlineMs: TERMINATION_DEADLINE_MS,
      signal: deps.signal,
      onTimeout: () =>
        failed('not-terminated', `${what} is still not terminated`, { details: { instanceId: what } }),
    },
  );
}

/** The command that deletes one resource by hand; undefined for one that is deleted with another. */
function removalCommand<K extends KindName>(
  { kind, existing }: DeleteStep<K>,
  region: string,
): AwsCommandFacts | undefined {
  const command = RESOURCE_KINDS[kind].removal?.command(existing);
  return command === undefined ? undefined : { ...command, region };
}

function somethingLeft(
  inventory: Inventory,
  scope: InventoryScope,
  problems: ReadonlyMap<string, unknown>,
): ToolError {
  const steps = planDown(inventory).steps;
  const names = steps.map((step) => `${step.kind} ${step.name}`);
  const remaining = steps.map((step) => {
    const problem = problems.get(keyOf(step));
    return {
      resource: `${step.kind} ${step.name}`,
      removal: removalCommand(step, scope.region),
      reason: problem instanceof Error ? problem.message : undefined,
    };
  });
  const details = { names: [inventory.name], left: names, remaining };
  const denied = [...problems.values()].find(isDenied);
  if (denied !== undefined) {
    return access(denied.code, `${denied.message}; not deleted: ${names.join(', ')}`, {
      details: { action: '', ...denied.details, ...details },
      cause: denied,
    });
  }
  return leftovers('leftovers', `${steps.length} left of bastion ${inventory.name}: ${names.join(', ')}`, {
    details,
  });
}
