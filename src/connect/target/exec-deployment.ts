import { nameOfArn } from '../../core/arn.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import { failed, noMatch } from '../../core/errors.ts';
import type { EcsPort, JudgeContainer, Service, Task, TaskDefinition } from '../ports.ts';
import { collect, withNearest } from './discover.ts';
import { rankTasks } from './select.ts';
import { containersOf } from './side-cars.ts';

/**
 * Enables ECS Exec for a service. Running tasks keep the value with which they started, so that a new deployment has to
 * replace them (docs/reference/ecs-exec.md §1).
 */

export interface ExecDeploymentPlan {
  readonly cluster: string;
  readonly service: Service;
  /** The tasks that a new deployment replaces, newest first. */
  readonly replaced: readonly Task[];
  /** ARN of the role of the new tasks. */
  readonly taskRoleArn: string;
  /** True if the service has it enabled, and each of its tasks too: there is nothing to do. */
  readonly isEnabled: boolean;
}

/**
 * Reads what enabling it would change. Throws `service-not-found`, and where the new tasks could not be entered either:
 * `deployment-controller`, `task-role-needed`, `root-read-only`.
 */
export async function planExecDeployment(
  ecs: EcsPort,
  cluster: string,
  name: string,
): Promise<ExecDeploymentPlan> {
  const [service] = await ecs.describeServices(cluster, [name]).catch(withNearest(ecs, cluster));
  if (service === undefined)
    return withNearest(
      ecs,
      cluster,
    )(
      noMatch('service-not-found', `no service ${name} in cluster ${cluster}`, {
        details: { cluster, service: name },
      }),
    );
  const [replaced, definition] = await Promise.all([
    tasksOf(ecs, cluster, name),
    ecs.taskDefinition(service.taskDefinitionArn),
  ]);
  const { taskRoleArn } = definition;
  const isEnabled = service.execEnabled && replaced.every(({ execEnabled }) => execEnabled);
  if (!isEnabled) refuseController(cluster, service);
  if (taskRoleArn === undefined)
    throw failed(
      'task-role-needed',
      `task definition ${nameOfArn(definition.arn)} names no task role, and ECS Exec needs one`,
      { details: { cluster, service: name, taskDefinition: nameOfArn(definition.arn) } },
    );
  refuseReadOnlyRoot(cluster, name, definition, replaced[0]);
  return { cluster, service, replaced, taskRoleArn, isEnabled };
}

async function tasksOf(ecs: EcsPort, cluster: string, service: string): Promise<readonly Task[]> {
  const arns = await collect(ecs.taskArns(cluster, { service, desiredStatus: 'RUNNING' }));
  return arns.length === 0 ? [] : rankTasks(await ecs.describeTasks(cluster, arns));
}

function refuseController(cluster: string, { name, deploymentController: controller }: Service): void {
  if (controller === 'ECS') return;
  throw failed(
    'deployment-controller',
    `service ${name} is deployed by ${controller} and not by ECS, so a new deployment has to be started there`,
    { details: { cluster, service: name, controller } },
  );
}

/** The agent writes to the container's file system (docs/reference/ecs-exec.md §1). */
function refuseReadOnlyRoot(
  cluster: string,
  service: string,
  definition: TaskDefinition,
  example: Task | undefined,
): void {
  const own =
    example === undefined
      ? definition.containers.map(({ name }) => name)
      : containersOf(example, definition).application.map(({ name }) => name);
  const containers = definition.containers.filter(({ name }) => own.includes(name));
  if (containers.length === 0 || containers.some(({ readonlyRoot }) => !readonlyRoot)) return;
  throw failed(
    'root-read-only',
    `the root file system of ${containers.map(({ name }) => name).join(', ')} is read-only, so the agent of ECS Exec cannot start there`,
    { details: { cluster, service, taskDefinition: nameOfArn(definition.arn) } },
  );
}

const POLL_INTERVAL_MS = 3_000;
/** Pulling a large image and passing its health checks can take minutes. */
const DEADLINE_MS = 15 * 60_000;

export interface WaitOptions {
  readonly ecs: EcsPort;
  readonly judge: JudgeContainer;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The state of the newest task, whenever it changes: `task 1f0e9d8c is PENDING`. */
  readonly onProgress: (text: string) => void;
}

/**
 * Waits until the agent runs in a container of a task that the deployment started. Throws `deployment-failed`,
 * `deployment-timeout`, the errors of `judge`, `interrupted`.
 */
export async function newExecTask(
  plan: ExecDeploymentPlan,
  deploymentId: string,
  options: WaitOptions,
): Promise<Task> {
  const { ecs, judge, clock, signal, onProgress } = options;
  const { cluster, service } = plan;
  const about = { cluster, service: service.name };
  const old = new Set(plan.replaced.map(({ arn }) => arn));
  const deadline = clock.now() + DEADLINE_MS;
  let reported = '';
  for (;;) {
    const [described, tasks] = await Promise.all([
      ecs.describeServices(cluster, [service.name]),
      tasksOf(ecs, cluster, service.name),
    ]);
    const deployment = described[0]?.deployments.find(({ id }) => id === deploymentId);
    if (deployment === undefined || deployment.rolloutState === 'FAILED')
      throw failed(
        'deployment-failed',
        deployment === undefined
          ? `another deployment of ${service.name} replaced the one that enables ECS Exec`
          : `the new deployment of ${service.name} failed: ${deployment.rolloutReason ?? 'ECS names no reason'}`,
        { details: about },
      );
    const fresh = tasks.filter(({ arn, execEnabled }) => execEnabled && !old.has(arn));
    for (const task of fresh) {
      const verdicts = containersOf(task).application.map((container) =>
        judge(task, container, undefined, clock.now()),
      );
      if (verdicts.some(({ ready }) => ready)) return task;
      const [first] = verdicts;
      if (first?.ready === false && verdicts.every((verdict) => !verdict.ready && !verdict.mayStart))
        throw first.error;
    }
    const text = stateText(fresh, deployment.failedTasks);
    if (text !== reported) onProgress((reported = text));
    if (clock.now() >= deadline)
      throw failed(
        'deployment-timeout',
        `no new task of ${service.name} could be entered within ${describeDuration(DEADLINE_MS)}: ${text}`,
        { details: about },
      );
    await sleep(clock, POLL_INTERVAL_MS, signal);
  }
}

function stateText(tasks: readonly Task[], failedTasks: number): string {
  const failures = failedTasks === 0 ? '' : `, ${failedTasks} failed`;
  const [task] = tasks;
  if (task === undefined) return `no new task yet${failures}`;
  const state = task.lastStatus === 'RUNNING' ? 'runs, and its agent is starting' : `is ${task.lastStatus}`;
  return `task ${task.id.slice(0, 8)} ${state}${failures}`;
}
