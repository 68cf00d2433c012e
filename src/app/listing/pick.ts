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
import { pickContainer as containerOf } from '../../connect/target/select.ts';
import { noMatch } from '../../core/errors.ts';
import { BACK } from '../../ui/prompter.ts';
import type { Needs } from '../collaborators.ts';

type PickNeeds = Needs<'account' | 'clock' | 'prompter' | 'report'>;

/** Everything the picker can end with. */
export interface Picked {
  readonly cluster: string;
  readonly task: Task;
  readonly container: Container;
  readonly action: PickerAction;
  readonly database: Database | undefined;
}

/** Cluster → service → task → container → action, as far as flags have not answered. Throws `interrupted`, `input-needed`, no-match errors. */
export async function pick(deps: PickNeeds, wanted: Wanted): Promise<Picked> {
  const { choices } = await runPicker(deps, startPicker(await known(deps, wanted)));
  const { cluster, task, container, action, database } = choices;
  if (cluster === undefined || task === undefined || container === undefined || action === undefined) {
    throw noMatch('nothing-picked', 'nothing was picked');
  }
  return { cluster, task, container, action, database };
}

/** The same without the last question: a container for a shell. */
export async function pickContainer(deps: PickNeeds, wanted: Wanted): Promise<Wanted> {
  const start = startPicker({ ...(await known(deps, wanted)), action: 'shell' });
  const { choices } = await runPicker(deps, start);
  return {
    cluster: choices.cluster,
    service: undefined,
    task: choices.task?.arn,
    container: choices.container?.name,
  };
}

/** A service whose log is to be read, or a task that belongs to none. */
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

/** Flags answer their questions; a task or container that does not exist is an error, not a question. */
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
  const container = wanted.container === undefined ? undefined : containerOf(task, wanted.container);
  return {
    cluster,
    service: task.serviceName ?? null,
    task,
    ...(container === undefined ? {} : { container }),
  };
}

async function runPicker(deps: PickNeeds, start: PickerState): Promise<PickerState> {
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
        state = await ask(deps, state, `service in ${cluster}`, '--service', await services(ecs, cluster));
        break;
      case 'task': {
        const tasks = await tasksOf(ecs, cluster, service ?? null);
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
          containerEntries(task, judgeContainer, deps.clock.now()),
        );
        break;
      case 'action':
        state = await ask(deps, state, 'what now', 'exec, forward or db', actionEntries(true), false);
        break;
      case 'database': {
        const databases = await (await account.databases()).databases();
        state = await ask(deps, state, 'database', '-L', databaseEntries(databases));
        break;
      }
      default:
        state.step satisfies never;
    }
  }
}

/** One question, or none if there is only one answer. */
async function ask<T>(
  deps: Needs<'prompter' | 'report'>,
  state: PickerState,
  message: string,
  flag: string,
  entries: readonly PickerEntry<T>[],
  automatic = true,
): Promise<PickerState> {
  const { step } = state;
  const chose = (value: T, isAutomatic: boolean): PickerState =>
    advance(state, { type: 'chose', choices: { [step]: value }, automatic: isAutomatic });
  if (entries.length === 0) {
    throw noMatch('nothing-to-pick', `there is no ${step} to pick from`);
  }
  const only = automatic ? onlyChoice(entries) : undefined;
  if (only !== undefined) {
    deps.report({
      type: 'note',
      level: 'info',
      code: 'picked',
      message: `${message}: ${only.name} (the only one)`,
    });
    return chose(only.value, true);
  }
  const answer = await deps.prompter.select({ message, flag, choices: entries, back: canGoBack(state) });
  return answer === BACK ? advance(state, { type: 'back' }) : chose(answer, false);
}

async function services(ecs: EcsPort, cluster: string): Promise<readonly PickerEntry<string | null>[]> {
  const names = await collect(ecs.serviceNames(cluster)).catch(withNearest(ecs, cluster));
  const [described, loose] = await Promise.all([
    describeAllServices(ecs, cluster, names),
    names.length === 0 ? tasksOf(ecs, cluster, null) : [],
  ]);
  return serviceEntries(described, loose.length);
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
