import { poll, retry } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { access, failed, leftovers, ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { iamWords } from '../roles/iam-names.ts';
import {
  type Foreign,
  type Inventory,
  type InventoryScope,
  isEmpty,
  LIVING,
  readInventory,
} from '../bastion/inventory.ts';
import type { PlanStep } from '../plan/plan.ts';
import { planDown } from '../plan/plan-down.ts';
import type { Ec2Port } from '../ports/ec2.ts';
import type { IamPort } from '../ports/iam.ts';

/** Removes a bastion by tags and names alone, and proves with a fresh look that nothing is left. */

export interface TeardownDeps {
  readonly ec2: Ec2Port;
  readonly iam: IamPort;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Of the AWS configuration, for the commands that remove what is left; undefined = that of the environment. */
  readonly profile?: string | undefined;
}

export interface TeardownResult {
  /** In the order of deletion. */
  readonly deleted: readonly PlanStep[];
  /** What looked like ours and was not touched. */
  readonly kept: readonly Foreign[];
}

/** Somebody's open session on an instance. */
export interface SessionOn {
  readonly sessionId: string;
  readonly owner: string;
}

/** How often to look again after deletes that AWS has not shown yet, or that failed. */
const ROUNDS = 4;
const BETWEEN_ROUNDS_MS = 3_000;
/** How long something may be in use before it is left; between tries everything is looked at anew, its user may be ours. */
const IN_USE_DEADLINE_MS = 120_000;
const IN_USE_PATIENCE_MS = 10_000;
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
    hints: [
      ...others.map((session) => `session ${session.sessionId} of ${session.owner}`),
      `fargate-connect down --name ${inventory.name} --force   # cuts them off`,
    ],
    details: { name: inventory.name, owners, sessions: others.map((session) => session.sessionId) },
  });
}

/**
 * Throws `leftovers` (exit 5) naming what remains with the command that removes it, or `access-denied` when a missing
 * permission is the reason.
 */
export async function tearDown(
  first: Inventory,
  scope: InventoryScope,
  deps: TeardownDeps,
): Promise<TeardownResult> {
  // The tags that told it go with the first things deleted.
  const own = { ...scope, iam: first.iam };
  const deleted: PlanStep[] = [];
  const problems = new Map<string, unknown>();
  let inventory = first;
  const end = deps.clock.now() + IN_USE_DEADLINE_MS;
  for (let round = 0; !isEmpty(inventory); round++) {
    if (round > 0) await sleep(deps.clock, BETWEEN_ROUNDS_MS * Math.min(round, 2), deps.signal);
    problems.clear();
    for (const step of planDown(inventory).steps) {
      deps.signal.throwIfAborted();
      await runStep(step, round, deps, deleted, problems);
    }
    inventory = await readInventory(deps, own);
    const found = [...problems.values()];
    // Time does not cure a missing permission, but it frees what is in use.
    if (found.some(isDenied)) break;
    if (found.some(isInUse) ? deps.clock.now() >= end : round + 1 >= ROUNDS) break;
  }
  if (!isEmpty(inventory)) throw somethingLeft(inventory, scope, problems, deps);
  return { deleted, kept: inventory.foreign };
}

const isDenied = (problem: unknown): problem is ToolError =>
  problem instanceof ToolError && problem.role === 'access';

const isInUse = (problem: unknown): boolean =>
  problem instanceof ToolError && problem.code === 'still-in-use';

const keyOf = (step: PlanStep): string => `${step.kind} ${step.name} ${step.id ?? ''}`;

async function runStep(
  step: PlanStep,
  round: number,
  deps: TeardownDeps,
  deleted: PlanStep[],
  problems: Map<string, unknown>,
): Promise<void> {
  // DeleteFleets would end the instance as well, by a right that was just refused or while we wait for it.
  if (step.kind === 'fleet' && [...problems.keys()].some((key) => key.startsWith('instance '))) return;
  const id = `down-${round}-${keyOf(step)}`;
  const title = `delete ${step.kind.replace('-', ' ')} ${step.name}`;
  deps.report({ type: 'step-started', step: id, title });
  try {
    // Waiting for a user of the resource makes sense while all went well, not for what could not be deleted itself.
    const patienceMs = problems.size === 0 ? IN_USE_PATIENCE_MS : 0;
    await deleteOne(step, id, patienceMs, deps);
    if (!deleted.some((other) => keyOf(other) === keyOf(step))) deleted.push(step);
    deps.report({ type: 'step-done', step: id, title });
  } catch (error) {
    if (deps.signal.aborted) throw error;
    problems.set(keyOf(step), error);
    const detail = error instanceof Error ? error.message : String(error);
    deps.report({ type: 'step-failed', step: id, title, detail });
  }
}

async function deleteOne(
  step: PlanStep,
  stepId: string,
  patienceMs: number,
  deps: TeardownDeps,
): Promise<void> {
  const { ec2, iam } = deps;
  const id = step.id ?? '';
  switch (step.kind) {
    case 'database-rule':
      return ec2.revokeIngress(step.parent ?? '', id);
    case 'instance':
      await ec2.terminateInstances([id]);
      return untilTerminated(id, stepId, deps);
    case 'fleet':
      return ec2.deleteFleets([id]);
    case 'launch-template':
      return ec2.deleteLaunchTemplate(id);
    case 'security-group':
      return whileInUse(deps, stepId, patienceMs, () => ec2.deleteSecurityGroup(id));
    case 'profile-role':
      return iam.removeRoleFromInstanceProfile(step.name, id);
    case 'instance-profile':
      return whileInUse(deps, stepId, patienceMs, () => iam.deleteInstanceProfile(id));
    case 'role-policy':
      return iam.deleteRolePolicy(step.name, id);
    case 'role':
      return whileInUse(deps, stepId, patienceMs, () => iam.deleteRole(id));
    case 'boundary':
      return whileInUse(deps, stepId, patienceMs, () => iam.deletePolicy(id));
    case 'egress':
    case 'lease':
      return;
    default:
      step.kind satisfies never;
  }
}

/** Network interfaces and IAM links outlive their owners by seconds. */
function whileInUse(
  deps: TeardownDeps,
  stepId: string,
  patienceMs: number,
  work: () => Promise<void>,
): Promise<void> {
  return retry(work, {
    clock: deps.clock,
    random: deps.random,
    baseMs: 1_000,
    capMs: 5_000,
    deadlineMs: patienceMs,
    signal: deps.signal,
    shouldRetry: isInUse,
    onRetry: () => deps.report({ type: 'step-progress', step: stepId, detail: 'still in use, trying again' }),
  });
}

async function untilTerminated(instanceId: string, stepId: string, deps: TeardownDeps): Promise<void> {
  await poll(
    async () => {
      const [instance] = await deps.ec2.instances({ ids: [instanceId], states: LIVING });
      if (instance === undefined) return true;
      deps.report({ type: 'step-progress', step: stepId, detail: instance.state });
      return undefined;
    },
    {
      clock: deps.clock,
      intervalMs: 1_000,
      deadlineMs: TERMINATION_DEADLINE_MS,
      signal: deps.signal,
      onTimeout: () =>
        failed('not-terminated', `instance ${instanceId} is still not terminated`, {
          details: { instanceId },
        }),
    },
  );
}

/** The command that removes one thing by hand. */
function removalCommand(step: PlanStep, region: string, profile: string): string {
  const id = step.id ?? step.name;
  const ec2 = `aws${profile} ec2 --region ${region}`;
  const iam = `aws${profile} iam`;
  switch (step.kind) {
    case 'database-rule':
      return `${ec2} revoke-security-group-ingress --group-id ${step.parent ?? ''} --security-group-rule-ids ${id}`;
    case 'instance':
      return `${ec2} terminate-instances --instance-ids ${id}`;
    case 'fleet':
      return `${ec2} delete-fleets --terminate-instances --fleet-ids ${id}`;
    case 'launch-template':
      return `${ec2} delete-launch-template --launch-template-id ${id}`;
    case 'security-group':
    case 'egress':
      return `${ec2} delete-security-group --group-id ${id}`;
    case 'profile-role':
      return `${iam} remove-role-from-instance-profile --instance-profile-name ${step.name} --role-name ${id}`;
    case 'instance-profile':
      return `${iam} delete-instance-profile --instance-profile-name ${id}`;
    case 'role-policy':
      return `${iam} delete-role-policy --role-name ${step.name} --policy-name ${id}`;
    case 'role':
      return `${iam} delete-role --role-name ${id}`;
    case 'boundary':
      return `${iam} delete-policy --policy-arn ${id}`;
    case 'lease':
      return `${ec2} describe-instances --instance-ids ${id}`;
    default:
      return step.kind satisfies never;
  }
}

function somethingLeft(
  inventory: Inventory,
  scope: InventoryScope,
  problems: ReadonlyMap<string, unknown>,
  deps: TeardownDeps,
): ToolError {
  const profile = deps.profile === undefined ? '' : ` --profile ${deps.profile}`;
  const steps = planDown(inventory).steps;
  const names = steps.map((step) => `${step.kind} ${step.name}`);
  const hints = steps.map((step) => {
    const problem = problems.get(keyOf(step));
    const why = problem instanceof Error ? `   # ${problem.message}` : '';
    return `${removalCommand(step, scope.region, profile)}${why}`;
  });
  const details = { name: inventory.name, left: names };
  const denied = [...problems.values()].find(isDenied);
  if (denied !== undefined) {
    return access(denied.code, `${denied.message}; left behind: ${names.join(', ')}`, {
      hints: [...denied.hints, ...hints],
      details: { ...denied.details, ...details },
      cause: denied,
    });
  }
  return leftovers('leftovers', `${steps.length} left of bastion ${inventory.name}: ${names.join(', ')}`, {
    hints: [
      ...hints,
      `fargate-connect down --name ${inventory.name} --region ${scope.region}${iamWords(scope.iam)}${profile}   # tries again`,
    ],
    details,
  });
}
