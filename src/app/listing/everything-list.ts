import { nameOfArn } from '../../core/arn.ts';
import { describeVisibleClusters } from '../../connect/target/discover.ts';
import type { PickerChoices } from '../../connect/target/picker.ts';
import type { EcsPort, Service, Task } from '../../connect/ports.ts';
import type { PacedCalls } from '../../core/paced-calls.ts';
import { mergeSorted } from '../../core/merge-sorted.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import type { BrowseList } from '../../ui/browse.ts';
import type { Needs } from '../collaborators.ts';
import { byRankThenId, errorOf, LiveList, progressOf } from './live-list.ts';
import { type PickerRow, serviceRow, taskRow } from './picker-rows.ts';
import type { PickerList, Recency } from './picker-lists.ts';

/**
 * The services of all clusters, and, as soon as something is searched, their tasks. A row that is chosen answers several
 * questions at once.
 */
export function everythingList(
  ecs: EcsPort,
  calls: PacedCalls,
  deps: Needs<'clock'> & { readonly isForShell: boolean; readonly recency: Recency },
): PickerList {
  const { clock, isForShell, recency } = deps;
  const listeners = new Set<() => void>();
  const changed = (): void => {
    rows = undefined;
    for (const listener of listeners) listener();
  };
  let rows: readonly PickerRow[] | undefined;
  let isSearching = false;
  let failure: unknown;
  let clusters: readonly string[] | undefined;
  let services: readonly BrowseList<PickerChoices>[] = [];
  let tasks: readonly BrowseList<PickerChoices>[] | undefined;
  let isClosed = false;

  const start = async (): Promise<void> => {
    const names: string[] = [];
    for await (const page of ecs.clusterNames()) names.push(...page);
    const visible = await describeVisibleClusters(ecs, names);
    if (isClosed) return;
    clusters = visible.map(({ name }) => name).sort();
    services = clusters.map((cluster) => servicesIn(cluster));
    for (const list of services) list.subscribe(changed);
    changed();
  };
  const started = start().catch((error: unknown) => {
    failure = error;
    changed();
  });

  const servicesIn = (cluster: string): BrowseList<PickerChoices> =>
    new LiveList<Service, PickerChoices>({
      columns: [],
      calls,
      source: {
        pages: (signal) => ecs.serviceNames(cluster, signal),
        describe: (names, signal) => ecs.describeServices(cluster, names, signal),
        idOf: ({ name }) => name,
        batchSize: 10,
      },
      toRow: (name, service) => {
        const facts = { name, service, tasks: [], isForShell, recency: recency(name), now: clock.now() };
        return inCluster(serviceRow(facts), cluster);
      },
    });

  const tasksIn = (cluster: string): BrowseList<PickerChoices> => {
    const list = new LiveList<Task, PickerChoices>({
      columns: [],
      calls,
      source: {
        pages: (signal) => ecs.taskArns(cluster, { desiredStatus: 'RUNNING' }, signal),
        describe: (arns, signal) => ecs.describeTasks(cluster, arns, signal),
        idOf: ({ arn }) => arn,
        batchSize: 100,
      },
      toRow: (arn, task) => (task === undefined ? undefined : taskIn(arn, task, cluster)),
    });
    void list.loadAll();
    return list;
  };

  const taskIn = (arn: string, task: Task, cluster: string): PickerRow => {
    const row = taskRow(arn, task, judgeContainer, clock.now());
    const name = `${task.serviceName ?? nameOfArn(task.taskDefinitionArn)} ${task.id.slice(0, 8)}`;
    return {
      ...row,
      value: { cluster, service: task.serviceName ?? null, task },
      cells: [name, cluster, undefined, row.cells[1], undefined, row.cells[3], row.cells[2]],
      search: `${row.search} ${cluster}`,
    };
  };

  const lists = (): readonly BrowseList<PickerChoices>[] => [
    ...services,
    ...(isSearching ? (tasks ?? []) : []),
  ];
  return {
    columns: COLUMNS,
    rows: () =>
      (rows ??= mergeSorted(
        lists().map((list) => list.rows()),
        byRankThenId,
      )),
    progress() {
      if (failure !== undefined) return undefined;
      if (clusters === undefined) return { known: 0, total: 0, isListed: false };
      return progressOf(lists());
    },
    error: () => failure ?? errorOf(lists()),
    shown(ids, searching) {
      for (const [index, list] of services.entries()) {
        const prefix = `${clusters?.[index] ?? ''}/`;
        list.shown(
          ids.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length)),
          false,
        );
      }
      if (searching === isSearching || clusters === undefined) return;
      isSearching = searching;
      if (searching && tasks === undefined) {
        tasks = clusters.map(tasksIn);
        for (const list of tasks) list.subscribe(changed);
      }
      changed();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async loadAll() {
      await started;
      await Promise.all(services.map((list) => list.loadAll()));
    },
    close() {
      isClosed = true;
      for (const list of [...services, ...(tasks ?? [])]) list.close();
      listeners.clear();
    },
  };
}

const COLUMNS = [
  { title: 'service or task' },
  { title: 'cluster' },
  { title: 'running', align: 'right' as const },
  { title: 'health' },
  { title: 'deployment', dropOrder: 2 },
  { title: 'exec', dropOrder: 1 },
  { title: 'age', align: 'right' as const, dropOrder: 3 },
];

/** The service's row with its cluster, which is also part of its id: two clusters may have a service of one name. */
const inCluster = (row: PickerRow, cluster: string): PickerRow => ({
  ...row,
  id: `${cluster}/${row.id}`,
  value: { ...row.value, cluster },
  cells: [row.cells[0], cluster, ...row.cells.slice(1, 6)],
  search: `${row.search} ${cluster}`,
});
