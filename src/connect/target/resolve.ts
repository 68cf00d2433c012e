import { retry } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { findCluster, findTasks, type Wanted } from './discover.ts';
import type {
  Container,
  EcsPort,
  JudgeContainer,
  Service,
  SessionStart,
  Task,
  TaskDefinition,
} from '../ports.ts';
import { containerTarget } from '../session/session-documents.ts';
import { containerNeeded, isSameDeployment, namedContainer, networkContainer, whyFirst } from './select.ts';
import { containersOf } from './side-cars.ts';

/** A container whose agent is ready for a session. */
export interface ResolvedContainer {
  readonly cluster: string;
  readonly task: Task;
  readonly container: Container;
  /** `ecs:<cluster>_<taskId>_<runtimeId>`. */
  readonly target: string;
  /** Milliseconds since the epoch. Before this time, a refusal to connect may mean that the agent is still starting. */
  readonly settledAt: number;
  /** The next best task, if no task was named and that one is ready too: for when this one cannot be connected to. */
  readonly alternative?: ResolvedContainer | undefined;
}

/** A session that was started, and the container that it leads to: the resolved one, or its alternative. */
export interface StartedSession {
  readonly session: SessionStart;
  readonly resolved: ResolvedContainer;
}

export interface ResolveOptions {
  readonly ecs: EcsPort;
  readonly judge: JudgeContainer;
  readonly clock: Clock;
  readonly random: { number(): number };
  readonly report: Report;
  readonly signal?: AbortSignal;
  /** `exec`: the session needs this container. `network`: any container of the task will do. */
  readonly purpose: 'exec' | 'network';
  /** Asks the user; absent: an ambiguous choice is a usage error that lists the candidates. */
  readonly chooseContainer?: (task: Task) => Promise<Container>;
}

/** How long to wait for the agent of a young task; AWS staff say to expect 30–60 s (docs/reference/ecs-exec.md §2). */
const AGENT_DEADLINE_MS = 75_000;
const POLL_INTERVAL_MS = 2_000;
const CONNECT_DEADLINE_MS = 60_000;

/**
 * Turns names into a container that is ready for a session. When cluster and service are given and all is well, it
 * calls only ListTasks and DescribeTasks. Throws what `findCluster`, `findTasks`, `namedContainer` throw, and the errors
 * of `judge`; waits for young tasks only.
 */
export async function resolveContainer(wanted: Wanted, options: ResolveOptions): Promise<ResolvedContainer> {
  const { ecs, report } = options;
  const cluster = await findCluster(ecs, wanted);
  const tasks = await findTasks(ecs, cluster, wanted);
  const [task] = tasks;
  if (task === undefined)
    throw noMatch('no-running-task', `no task runs in cluster ${cluster}`, { details: { cluster } });
  const container = await chooseContainer(task, wanted, options);
  if (tasks.length > 1) {
    report({
      type: 'note',
      level: 'info',
      code: 'task-chosen',
      message: `using task ${task.id.slice(0, 8)}, ${whyFirst(tasks, wanted.container)}`,
      details: { task: task.id },
    });
  }
  const resolved = await onceReady(cluster, task, container, options);
  return { ...resolved, alternative: alternativeOf(resolved, tasks, options) };
}

/** The best of the other tasks that has the same container, ready for a session. */
function alternativeOf(
  { cluster, task: first, container: { name } }: ResolvedContainer,
  tasks: readonly Task[],
  { judge, clock }: ResolveOptions,
): ResolvedContainer | undefined {
  for (const task of tasks) {
    const container = task.containers.find((each) => each.name === name);
    if (task.id === first.id || container === undefined) continue;
    const state = judge(task, container, undefined, clock.now());
    if (!state.ready) continue;
    const target = containerTarget(cluster, task.id, state.runtimeId);
    return { cluster, task, container, target, settledAt: state.settledAt };
  }
  return undefined;
}

/** Waits until the container's agent is ready, if the task is young. Throws the errors of `judge`. */
export async function onceReady(
  cluster: string,
  found: Task,
  chosen: Container,
  options: ResolveOptions,
): Promise<ResolvedContainer> {
  const { ecs, judge, clock, report, signal } = options;
  let task = found;
  let container = chosen;
  const deadline = clock.now() + AGENT_DEADLINE_MS;
  for (let waited = false; ; waited = true) {
    const state = judge(task, container, undefined, clock.now());
    if (state.ready) {
      const target = containerTarget(cluster, task.id, state.runtimeId);
      return { cluster, task, container, target, settledAt: state.settledAt };
    }
    if (!state.mayStart || clock.now() >= deadline)
      throw await explained(cluster, task, container, state.error, options);
    if (!waited) {
      report({
        type: 'note',
        level: 'info',
        code: 'waiting-for-agent',
        message: `waiting until the task is ready, it was started a moment ago: ${state.error.message}`,
      });
    }
    await sleep(clock, POLL_INTERVAL_MS, signal);
    const [fresh] = await ecs.describeTasks(cluster, [task.arn]);
    task = fresh ?? task;
    const { name } = container;
    container = task.containers.find((each) => each.name === name) ?? container;
  }
}

/**
 * Makes the extra call that distinguishes an old task from a service without exec; only a failure is worth that call.
 */
async function explained(
  cluster: string,
  task: Task,
  container: Container,
  error: ToolError,
  { ecs, judge, clock }: ResolveOptions,
): Promise<ToolError> {
  if (error.code !== 'exec-not-enabled' || task.serviceName === undefined) return error;
  const services: readonly Service[] = await ecs
    .describeServices(cluster, [task.serviceName])
    .catch(() => []);
  const state = judge(task, container, services[0], clock.now());
  return state.ready ? error : state.error;
}

/** The container that was named, or `chooseApplication`; any container will do for the purpose `network`. */
export async function chooseContainer(
  task: Task,
  wanted: Pick<Wanted, 'container'>,
  options: ResolveOptions,
): Promise<Container> {
  if (options.purpose === 'network') {
    const container = networkContainer(task, wanted.container);
    if (container !== undefined) return container;
  }
  return wanted.container === undefined
    ? chooseApplication(task, options)
    : namedContainer(task, wanted.container);
}

/**
 * The one container that is no side-car, which is reported if there are others; asks if there are several. Reads the
 * task definition only if names and images leave more than one.
 */
async function chooseApplication(task: Task, options: ResolveOptions): Promise<Container> {
  let found = containersOf(task);
  if (found.application.length > 1) found = containersOf(task, await definitionOf(task, options));
  const { application, sideCars } = found;
  const [only] = application;
  if (only === undefined || application.length > 1) {
    if (options.chooseContainer === undefined) throw containerNeeded(task, application);
    return options.chooseContainer(task);
  }
  if (sideCars.length > 0) {
    const others = sideCars.map(({ container, role }) => `${container.name}: ${role}`).join(', ');
    options.report({
      type: 'note',
      level: 'info',
      code: 'container-chosen',
      message: `using container ${only.name} (${others})`,
      details: { container: only.name },
    });
  }
  return only;
}

/** Undefined if it may not be read or is gone: then names and images must do. */
async function definitionOf(
  task: Task,
  { ecs, report, chooseContainer }: ResolveOptions,
): Promise<TaskDefinition | undefined> {
  try {
    return await ecs.taskDefinition(task.taskDefinitionArn);
  } catch (error) {
    if (!(error instanceof ToolError) || (error.role !== 'access' && error.role !== 'no-match')) throw error;
    // Without a terminal the choice cannot be made by asking, so the refusal is the reason for the failure.
    if (error.role === 'access' && chooseContainer === undefined)
      throw error.with({
        message: `the task definition, which tells side-cars from the application, cannot be read: ${error.message}`,
      });
    report({ type: 'note', level: 'info', code: 'task-definition-unread', message: error.message });
    return undefined;
  }
}

/**
 * Calls ExecuteCommand, and repeats it while the agent of a young task runs but is not connected yet; see
 * `whenConnected`.
 */
export function startExec(
  resolved: ResolvedContainer,
  command: string,
  options: ConnectOptions,
): Promise<StartedSession> {
  const { ecs } = options;
  return whenConnected(resolved, options, ({ cluster, task, container }) =>
    ecs.executeCommand({ cluster, task: task.arn, container: container.name, command }),
  );
}

type ConnectOptions = Pick<ResolveOptions, 'ecs' | 'clock' | 'random' | 'report' | 'signal'>;

/**
 * Repeats `start` for up to a minute while it fails with `target-not-connected` and the task is young. Then it tries the
 * alternative once, and reports that; it tries it at once if the same deployment has started it. Throws the error of
 * the resolved task if neither can be connected to.
 */
export async function whenConnected(
  resolved: ResolvedContainer,
  options: Omit<ConnectOptions, 'ecs'>,
  start: (resolved: ResolvedContainer) => Promise<SessionStart>,
): Promise<StartedSession> {
  const { alternative } = resolved;
  const isReplaceable = alternative !== undefined && isSameDeployment(alternative.task, resolved.task);
  try {
    const session = await (isReplaceable ? start(resolved) : whileYoung(resolved, options, start));
    return { session, resolved };
  } catch (error) {
    if (alternative === undefined || !cannotBeEntered(error)) throw error;
    options.report({
      type: 'note',
      level: 'warning',
      code: 'task-chosen',
      message: `task ${resolved.task.id.slice(0, 8)} cannot be connected to, trying task ${alternative.task.id.slice(0, 8)}: ${error.message}`,
      details: { task: alternative.task.id },
    });
    const session = await whileYoung(alternative, options, start).catch((second: unknown) => {
      throw cannotBeEntered(second) ? error : second;
    });
    return { session, resolved: alternative };
  }
}

/** Whether another task may help: the agent is not connected, or the task began to stop after it was described. */
const cannotBeEntered = (error: unknown): error is ToolError =>
  error instanceof ToolError && (error.code === 'target-not-connected' || error.code === 'exec-not-enabled');

function whileYoung(
  resolved: ResolvedContainer,
  { clock, random, signal }: Omit<ConnectOptions, 'ecs'>,
  start: (resolved: ResolvedContainer) => Promise<SessionStart>,
): Promise<SessionStart> {
  return retry(() => start(resolved), {
    clock,
    baseMs: 1_000,
    capMs: 8_000,
    random: () => random.number(),
    deadlineMs: CONNECT_DEADLINE_MS,
    shouldRetry: (error) =>
      error instanceof ToolError && error.code === 'target-not-connected' && clock.now() < resolved.settledAt,
    ...(signal === undefined ? {} : { signal }),
  });
}
