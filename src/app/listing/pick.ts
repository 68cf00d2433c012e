import { judgeContainer } from '../../diagnose/ecs/container.ts';
import { nameOfArn } from '../../core/arn.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import {
  collect,
  describeAllServices,
  describeVisibleClusters,
  withNearest,
} from '../../connect/target/discover.ts';
import {
  actionEntries,
  advance,
  canGoBack,
  clusterEntries,
  containerEntries,
  databaseEntries,
  idleActionEntries,
  onlyChoice,
  type PickerAction,
  type PickerChoices,
  type PickerEntry,
  type PickerState,
  serviceEntries,
  startPicker,
  taskEntries,
} from '../../connect/target/picker.ts';
import type { Container, Database, EcsPort, Task } from '../../connect/ports.ts';
import { findTasks } from '../../connect/target/discover.ts';
import { namedContainer } from '../../connect/target/select.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import { fuzzyFilter } from '../../ui/fuzzy.ts';
import { BACK } from '../../ui/prompter.ts';
import type { Needs } from '../collaborators.ts';

type PickNeeds = Needs<'account' | 'clock' | 'prompter' | 'report'>;

/** Every result that the picker can have. */
export interface Picked {
  readonly cluster: string;
  /** Undefined = the task belongs to no service. */
  readonly service: string | undefined;
  /** Task and container are undefined for a service without running tasks: action `logs` or `reasons`. */
  readonly task: Task | undefined;
  readonly container: Container | undefined;
  readonly action: PickerAction;
  readonly database: Database | undefined;
}

/**
 * Asks for cluster → service → task → container → action, except what flags have answered. Throws `interrupted`,
 * `input-needed`, no-match errors.
 */
export async function pick(deps: PickNeeds, wanted: Wanted): Promise<Picked> {
  const { choices } = await runPicker(deps, startPicker(await known(deps, wanted)));
  const { cluster, service, task, container, action, database } = choices;
  if (cluster === undefined || action === undefined) throw noMatch('nothing-picked', 'nothing was picked');
  return { cluster, service: service ?? task?.serviceName, task, container, action, database };
}

/**
 * The same without the last question: picks a container for a shell. `typed` is a part of the service's name: the list
 * of services opens with it as filter.
 */
export async function pickContainer(deps: PickNeeds, wanted: Wanted, typed?: string): Promise<Wanted> {
  const start = startPicker({ ...(await known(deps, wanted)), action: 'shell' });
  const { choices } = await runPicker(deps, start, typed);
  return {
    cluster: choices.cluster,
    service: undefined,
    task: choices.task?.arn,
    container: choices.container?.name,
  };
}

/** Picks a service whose log should be read, or a task that belongs to no service. */
export async function pickService(deps: PickNeeds, wanted: Wanted): Promise<Wanted> {
  const start = startPicker({ ...(await known(deps, wanted)), action: 'logs' });
  const { choices } = await runPicker(deps, start);
  return {
    cluster: choices.cluster,
    service: choices.service ?? undefined,
    task: choices.task?.arn,
    container: undefined,
  };
}

/** Flags answer their questions; a named task or container that does not exist is an error and leads to no question. */
async function known(deps: Needs<'account'>, wanted: Wanted): Promise<PickerChoices> {
  const cluster = wanted.cluster === undefined ? undefined : nameOfArn(wanted.cluster);
  if (cluster === undefined || wanted.task === undefined) {
    return {
      ...(cluster === undefined ? {} : { cluster }),
      ...(wanted.service === undefined ? {} : { service: nameOfArn(wanted.service) }),
    };
  }
  const ecs = await (await deps.account()).ecs();
  const [task] = await findTasks(ecs, cluster, wanted);
  if (task === undefined) return { cluster };
  const container = wanted.container === undefined ? undefined : namedContainer(task, wanted.container);
  return {
    cluster,
    service: task.serviceName ?? null,
    task,
    ...(container === undefined ? {} : { container }),
  };
}

async function runPicker(deps: PickNeeds, start: PickerState, typed?: string): Promise<PickerState> {
  const account = await deps.account();
  const ecs = await account.ecs();
  let state = start;
  for (;;) {
    const { cluster = '', service, task } = state.choices;
    switch (state.step) {
      case 'done':
        return state;
      case 'cluster': {
        const clusters = await describeVisibleClusters(ecs, await collect(ecs.clusterNames()));
        state = await ask(deps, state, 'cluster', '--cluster', clusterEntries(clusters));
        break;
      }
      case 'service':
        state = await ask(
          deps,
          state,
          `service in ${cluster}`,
          '--service',
          await services(ecs, cluster, state.known.action === 'shell'),
          typed,
        );
        break;
      case 'task': {
        const tasks = await tasksOf(ecs, cluster, service ?? null).catch((error: unknown) => {
          if (typeof service !== 'string' || state.known.action === 'shell' || !isNoRunningTask(error))
            throw error;
          return undefined;
        });
        if (tasks === undefined) {
          state = advance(state, { type: 'chose', choices: { isIdle: true }, automatic: true });
          break;
        }
        const title = service === null ? `task in ${cluster}` : `task of ${service ?? cluster}`;
        state = await ask(deps, state, title, '--task', taskEntries(tasks, judgeContainer, deps.clock.now()));
        break;
      }
      case 'container':
        if (task === undefined)
          throw noMatch('no-running-task', `no task runs in cluster ${cluster}`, { details: { cluster } });
        state = await ask(
          deps,
          state,
          `container of task ${task.id.slice(0, 8)}`,
          '--container',
          containerEntries(task, judgeContainer, deps.clock.now(), state.known.action === 'shell'),
        );
        break;
      case 'action':
        state = await askForAction(deps, state);
        break;
      case 'database': {
        const databases = await (await account.databases()).databases();
        state = await ask(deps, state, 'database', undefined, databaseEntries(databases));
        break;
      }
      default:
        state.step satisfies never;
    }
  }
}

/** Asks one question, or none if there is only one answer. */
async function ask<T>(
  deps: Needs<'prompter' | 'report'>,
  state: PickerState,
  message: string,
  flag: string | undefined,
  entries: readonly PickerEntry<T>[],
  typed = '',
): Promise<PickerState> {
  const { step } = state;
  const chose = (value: T, isAutomatic: boolean): PickerState =>
    advance(state, { type: 'chose', choices: { [step]: value }, automatic: isAutomatic });
  if (entries.length === 0) {
    throw noMatch('nothing-to-pick', `there is no ${step} to pick from`);
  }
  const only = onlyChoice(entries);
  if (only !== undefined) {
    deps.report({
      type: 'note',
      level: 'info',
      code: 'picked',
      message: `${message}: ${only.name} (the only one)`,
    });
    return chose(only.value, true);
  }
  // A filter that nothing matches would show an empty list.
  const filter = fuzzyFilter(typed, entries, ({ name }) => name).length > 0 ? typed : '';
  const answer = await deps.prompter.select({
    message,
    flag,
    choices: entries,
    back: canGoBack(state),
    typed: filter,
  });
  return answer === BACK ? advance(state, { type: 'back' }) : chose(answer, false);
}

/** The last question, asked even if there is one answer only. No flag of `connect` answers it, but a command of its own. */
async function askForAction(deps: Needs<'prompter' | 'clock'>, state: PickerState): Promise<PickerState> {
  const choices = actions(state, deps);
  const { cluster = '', service, task, container } = state.choices;
  const isTaskNeeded = state.known.task !== undefined || typeof service !== 'string';
  const answer = await deps.prompter.select({
    message: 'what now',
    flag: undefined,
    choices,
    back: canGoBack(state),
    picked: {
      cluster,
      service: service ?? undefined,
      task: isTaskNeeded ? task?.id : undefined,
      container: container?.name,
      actions: choices.filter(({ disabled }) => disabled === undefined).map(({ value }) => value),
    },
  });
  return answer === BACK
    ? advance(state, { type: 'back' })
    : advance(state, { type: 'chose', choices: { action: answer }, automatic: false });
}

/** What can be done with what was chosen so far. */
function actions({ choices }: PickerState, deps: Needs<'clock'>): readonly PickerEntry<PickerAction>[] {
  const { task, container, isIdle } = choices;
  if (isIdle === true || task === undefined || container === undefined) return idleActionEntries();
  const state = judgeContainer(task, container, undefined, deps.clock.now());
  return actionEntries(true, state.ready || state.mayStart ? undefined : state.error.message);
}

const isNoRunningTask = (error: unknown): boolean =>
  error instanceof ToolError && error.code === 'no-running-task';

/** In a cluster with more tasks than this, their health is not read: each call describes only a hundred tasks. */
const MAX_TASKS = 300;

async function services(
  ecs: EcsPort,
  cluster: string,
  isForShell: boolean,
): Promise<readonly PickerEntry<string | null>[]> {
  const names = await collect(ecs.serviceNames(cluster)).catch(withNearest(ecs, cluster));
  const described = await describeAllServices(ecs, cluster, names);
  const total = described.reduce(
    (sum, { runningCount, pendingCount }) => sum + runningCount + pendingCount,
    0,
  );
  const tasks = total > MAX_TASKS ? [] : await tasksIn(ecs, cluster);
  const standalone = tasks.filter(({ serviceName }) => serviceName === undefined);
  return serviceEntries(described, standalone.length, tasks, isForShell);
}

/** Running and pending tasks of the cluster. */
async function tasksIn(ecs: EcsPort, cluster: string): Promise<readonly Task[]> {
  const arns = await collect(ecs.taskArns(cluster, { desiredStatus: 'RUNNING' }));
  return arns.length === 0 ? [] : ecs.describeTasks(cluster, arns);
}

async function tasksOf(ecs: EcsPort, cluster: string, service: string | null): Promise<readonly Task[]> {
  const tasks = await findTasks(ecs, cluster, {
    cluster,
    service: service ?? undefined,
    task: undefined,
    container: undefined,
  });
  return service === null ? tasks.filter((task) => task.serviceName === undefined) : tasks;
}
