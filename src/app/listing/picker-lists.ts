import type { Cluster, EcsPort, PageIterator, Service, Task } from '../../connect/ports.ts';
import { describeVisibleClusters, withNearest } from '../../connect/target/discover.ts';
import type { PickerChoices } from '../../connect/target/picker.ts';
import { rankTasks } from '../../connect/target/select.ts';
import { isThrottled } from '../../core/partial-results.ts';
import { PacedCalls } from '../../core/paced-calls.ts';
import { mergeSorted } from '../../core/merge-sorted.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import type { BrowseList } from '../../ui/browse.ts';
import type { Needs } from '../collaborators.ts';
import { byRankThenId, LiveList } from './live-list.ts';
import {
  CLUSTER_COLUMNS,
  clusterRow,
  type PickerRow,
  SERVICE_COLUMNS,
  serviceRow,
  STANDALONE_ROW,
  standaloneRow,
  TASK_COLUMNS,
  taskRow,
} from './picker-rows.ts';

/** The lists of the picker that are loaded from ECS while they are on the screen. */

export type PickerList = BrowseList<PickerChoices>;

type ListDeps = Needs<'clock' | 'signal'>;

/** How recently a person has chosen something, from 0 (never) to 90; the names are those of one kind. */
export type Recency = (name: string) => number;

/** The rate at which all lists of one picker call ECS; a throttled call is repeated later. */
export const pacedCalls = ({ clock, signal }: ListDeps): PacedCalls =>
  new PacedCalls({ clock, signal, isRefusal: isThrottled });

export const clusterList = (ecs: EcsPort, calls: PacedCalls, recency: Recency): PickerList =>
  new LiveList<Cluster, PickerChoices>({
    columns: CLUSTER_COLUMNS,
    calls,
    source: {
      pages: (signal) => ecs.clusterNames(signal),
      describe: (names) => describeVisibleClusters(ecs, names),
      idOf: ({ name }) => name,
      batchSize: 100,
    },
    toRow: (name, cluster) => clusterRow(name, cluster, recency(name)),
  });

/** In a cluster with more tasks than this, tasks of no service are in a list of their own. */
const MOST_TASKS = 300;

/**
 * The services of a cluster, and beside them the tasks that belong to none. Tasks are read when all names are known, and
 * only if they are few; with more, one row leads to them.
 */
export function serviceList(
  ecs: EcsPort,
  cluster: string,
  calls: PacedCalls,
  deps: ListDeps & { readonly isForShell: boolean; readonly recency: Recency },
): PickerList {
  const { clock, isForShell, recency } = deps;
  let tasksOf: ReadonlyMap<string | undefined, readonly Task[]> | undefined;
  let areTooMany = false;
  const stop = new AbortController();
  const services = new LiveList<Service, PickerChoices>({
    columns: SERVICE_COLUMNS,
    calls,
    source: {
      pages: (signal) => nearestOnError(ecs.serviceNames(cluster, signal), withNearest(ecs, cluster)),
      describe: (names, signal) => ecs.describeServices(cluster, names, signal),
      idOf: ({ name }) => name,
      batchSize: 10,
    },
    toRow: (name, service) =>
      serviceRow({
        name,
        service,
        tasks: tasksOf?.get(name) ?? [],
        isForShell,
        recency: recency(name),
        now: clock.now(),
      }),
  });
  const readTasks = async (): Promise<void> => {
    const found = await fewTasks(ecs, cluster, stop.signal);
    areTooMany = found === undefined;
    tasksOf = byService(found ?? []);
    if (found === undefined) services.changed();
    else services.refresh();
  };
  let reading: Promise<void> | undefined;
  const isReadable = (): boolean => services.progress()?.isListed !== false && services.error() === undefined;
  /** Tasks are an addition to the list: without permission to read them, the services are shown alone. */
  const readTasksOnce = (): Promise<void> =>
    (reading ??= readTasks().catch(() => {
      tasksOf = new Map();
      services.changed();
    }));
  const extra = (): readonly PickerRow[] =>
    areTooMany
      ? [STANDALONE_ROW]
      : (tasksOf?.get(undefined) ?? []).map((task) => standaloneRow(task, judgeContainer, clock.now()));
  let merged: { readonly from: readonly PickerRow[]; readonly rows: readonly PickerRow[] } | undefined;
  return {
    columns: services.columns,
    rows() {
      const from = services.rows();
      if (merged?.from !== from) {
        const more = extra();
        merged = { from, rows: mergeSorted([from, [...more].sort(byRankThenId)], byRankThenId) };
      }
      return merged.rows;
    },
    progress: () =>
      services.progress() ??
      (tasksOf === undefined && services.error() === undefined
        ? {
            known: services.rows().length,
            total: services.rows().length,
            isListed: services.rows().length > 0,
          }
        : undefined),
    error: () => services.error(),
    shown(ids, isSearching) {
      services.shown(ids, isSearching);
      if (isReadable()) void readTasksOnce();
    },
    subscribe: (listener) => services.subscribe(listener),
    async loadAll() {
      await services.loadAll();
      if (isReadable()) await readTasksOnce();
    },
    close() {
      stop.abort();
      services.close();
    },
  };
}

function byService(tasks: readonly Task[]): ReadonlyMap<string | undefined, readonly Task[]> {
  const groups = new Map<string | undefined, Task[]>();
  for (const task of tasks) {
    const group = groups.get(task.serviceName);
    if (group === undefined) groups.set(task.serviceName, [task]);
    else group.push(task);
  }
  return groups;
}

/** The running and pending tasks of the cluster; undefined if there are more than a few hundred. */
async function fewTasks(
  ecs: EcsPort,
  cluster: string,
  signal: AbortSignal,
): Promise<readonly Task[] | undefined> {
  const arns: string[] = [];
  for await (const page of ecs.taskArns(cluster, { desiredStatus: 'RUNNING' }, signal)) {
    arns.push(...page);
    if (arns.length > MOST_TASKS) return undefined;
  }
  return arns.length === 0 ? [] : ecs.describeTasks(cluster, arns, signal);
}

/** Running and pending tasks of a service, or with `null` those of no service. */
export function taskList(
  ecs: EcsPort,
  cluster: string,
  service: string | null,
  calls: PacedCalls,
  { clock }: ListDeps,
): PickerList {
  const filter = { desiredStatus: 'RUNNING' as const, ...(service === null ? {} : { service }) };
  let order: ReadonlyMap<string, number> = new Map();
  let ordered = 0;
  const list = new LiveList<Task, PickerChoices>({
    columns: TASK_COLUMNS,
    calls,
    source: {
      pages: (signal) => nearestOnError(ecs.taskArns(cluster, filter, signal), withNearest(ecs, cluster)),
      describe: (arns, signal) => ecs.describeTasks(cluster, arns, signal),
      idOf: ({ arn }) => arn,
      batchSize: 100,
    },
    toRow: (arn, task) => {
      // Whether a task belongs to a service is known only when it is described.
      if (service === null && (task === undefined || task.serviceName !== undefined)) return undefined;
      return taskRow(arn, task, judgeContainer, clock.now());
    },
    // The task that a command without --task would use comes first.
    compare: (a, b) => {
      const known = list.known();
      if (ordered !== known) {
        ordered = known;
        order = new Map(rankTasks(list.items()).map((task, index) => [task.arn, index]));
      }
      return (order.get(a.id) ?? Infinity) - (order.get(b.id) ?? Infinity) || byRankThenId(a, b);
    },
  });
  if (service === null) void list.loadAll();
  return list;
}

/** Pages whose error is thrown again with the nearest existing names. */
function nearestOnError<T>(
  pages: AsyncIterable<readonly T[]>,
  onError: (error: unknown) => Promise<never>,
): AsyncIterable<readonly T[]> {
  return {
    [Symbol.asyncIterator](): PageIterator<T> {
      const iterator: PageIterator<T> = pages[Symbol.asyncIterator]();
      return {
        get isAtEnd() {
          return iterator.isAtEnd === true;
        },
        next: () => iterator.next().catch(onError),
      };
    },
  };
}
