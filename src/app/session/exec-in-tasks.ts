import type { Writable } from 'node:stream';

import type { Container, Task } from '../../connect/ports.ts';
import { findCluster, findTasks, type Wanted } from '../../connect/target/discover.ts';
import { chooseContainer, onceReady, type ResolveOptions } from '../../connect/target/resolve.ts';
import { parseArn } from '../../core/arn.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { ToolError, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import { findPlugin, runCommand, type SessionNeeds } from './container-session.ts';
import { asTransportStatus, resolveOptions, watchTasks } from './session-setup.ts';

/** How the command ended in one task. */
export interface TaskResult {
  readonly task: Task;
  /** Name of the container; undefined if the task has none that was asked for. */
  readonly container: string | undefined;
  /** The exit status of the command, or that of the error. */
  readonly status: number;
  /** Why the command did not run, or why its status is not known. */
  readonly error: ToolError | undefined;
}

/** Where the output of each task goes; cli/render/ writes it. */
export interface TaskOutputs {
  open(task: Task): { readonly stdout: Writable; readonly stderr: Writable };
  /** Called once for each task, after its last output. */
  ended(result: TaskResult): Promise<void>;
}

/** Sessions at a time. */
const MOST_SESSIONS = 20;

/**
 * Runs a command in every running task that `wanted` names, each with an empty stdin and with pipes. Resolves with the
 * worst exit status; a task in which the command cannot run does not stop the others. Throws `command-needed`,
 * `container-needed`, what `findTasks` throws, and `interrupted`.
 */
export async function execInTasks(
  wanted: Wanted,
  command: readonly string[],
  outputs: TaskOutputs,
  deps: SessionNeeds,
): Promise<number> {
  if (command.length === 0)
    throw usage('command-needed', 'a shell opens in one task only, and several tasks are meant', {
      details: {},
    });
  const plugin = deps.settings.transport === 'plugin' ? await findPlugin(deps) : undefined;
  const options = await resolveOptions(deps, 'exec');
  const cluster = await findCluster(options.ecs, wanted);
  const found = await findTasks(options.ecs, cluster, wanted);
  // Named tasks are waited for; of a service, the tasks that do not run yet are left out.
  const running = found.filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const tasks = wanted.task !== undefined || running.length === 0 ? found : running;
  reportPlace(cluster, tasks, found.length - tasks.length, deps);
  const [containers, watch] = await Promise.all([containersFor(tasks, wanted, options), watchTasks(deps)]);
  const statuses = await mapConcurrently(
    tasks,
    async (task) => {
      const { stdout, stderr } = outputs.open(task);
      const container = containers.get(task);
      const name = container instanceof ToolError ? wanted.container : container?.name;
      const outcome = await outcomeOf(async () => {
        if (container === undefined || container instanceof ToolError) throw container;
        const resolved = await onceReady(cluster, task, container, options);
        const terminal = { ...deps.terminal, stdout, stderr, stdinIsTty: false, stdoutIsTty: false };
        return runCommand(resolved, { command, stdin: false, place: undefined, watch }, false, plugin, {
          ...deps,
          terminal,
        });
      });
      await outputs.ended({ task, container: name, ...outcome });
      return outcome.status;
    },
    MOST_SESSIONS,
  );
  reportSummary(tasks, statuses, deps);
  return Math.max(...statuses);
}

/**
 * The container of each task, or the error that none was found. Tasks of one task definition use the same container, so
 * that a person is asked only once.
 */
async function containersFor(
  tasks: readonly Task[],
  wanted: Wanted,
  options: ResolveOptions,
): Promise<ReadonlyMap<Task, Container | ToolError>> {
  const names = new Map<string, string>();
  const containers = new Map<Task, Container | ToolError>();
  for (const task of tasks) {
    const name = wanted.container ?? names.get(task.taskDefinitionArn);
    try {
      const container = await chooseContainer(task, { container: name }, options);
      names.set(task.taskDefinitionArn, container.name);
      containers.set(task, container);
    } catch (error) {
      if (!(error instanceof ToolError) || error.role !== 'no-match') throw error;
      containers.set(task, error);
    }
  }
  return containers;
}

async function outcomeOf(run: () => Promise<number>): Promise<Pick<TaskResult, 'status' | 'error'>> {
  try {
    return { status: await run(), error: undefined };
  } catch (thrown) {
    const error = asTransportStatus(thrown);
    if (!(error instanceof ToolError) || error.role === 'interrupted') throw error;
    return { status: error.exitStatus, error };
  }
}

function reportPlace(
  cluster: string,
  tasks: readonly Task[],
  notRunning: number,
  { report }: Needs<'report'>,
): void {
  const [first] = tasks;
  const { region, account } = parseArn(first?.arn ?? '') ?? { region: '', account: '' };
  const waiting = notRunning === 0 ? '' : ` (${notRunning} more not running yet)`;
  report({
    type: 'note',
    level: 'info',
    code: 'session-place',
    message: `${countOf(tasks.length)}${waiting} in cluster ${cluster}, ${region}, account ${account}`,
    details: { cluster, tasks: tasks.map(({ arn }) => arn), region, account },
  });
}

/** One line with the tasks whose status is not 0. */
function reportSummary(
  tasks: readonly Task[],
  statuses: readonly number[],
  { report }: Needs<'report'>,
): void {
  const failures = tasks.flatMap(({ id }, index) => {
    const status = statuses[index] ?? 0;
    return status === 0 ? [] : [`${id.slice(0, 8)} with ${status}`];
  });
  const message =
    failures.length === 0
      ? `${countOf(tasks.length)}: the command ended with status 0 in each`
      : `${countOf(tasks.length)}: not 0 in ${failures.length}: ${failures.join(', ')}`;
  report({ type: 'note', level: failures.length === 0 ? 'info' : 'warning', code: 'tasks-ended', message });
}

const countOf = (tasks: number): string => (tasks === 1 ? '1 task' : `${tasks} tasks`);
