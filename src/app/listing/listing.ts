import { awsClock } from '../aws-clock.ts';
import { nameOfArn } from '../../core/arn.ts';
import {
  findCluster,
  findTasks,
  describeVisibleClusters,
  withNearest,
} from '../../connect/target/discover.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { Cluster, Container, EcsPort, PageIterator, Service, Task } from '../../connect/ports.ts';
import { ListLoader, type ListSource, loadLists } from '../../connect/target/list-loader.ts';
import { containerTarget } from '../../connect/session/session-documents.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import { waitsFor } from '../../connect/target/stop-reason.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import { isThrottled, untilThrottled } from '../../core/partial-results.ts';
import { PacedCalls } from '../../core/paced-calls.ts';
import type { Needs } from '../collaborators.ts';
import { wantedOf } from '../session/session-setup.ts';
import { databaseItems } from './database-items.ts';
import type { IncompleteList, Items, ListRecord } from './list-record.ts';

export type ListKind = 'clusters' | 'services' | 'tasks' | 'containers' | 'databases';

type ListNeeds = Needs<'account' | 'clock' | 'signal', 'cluster' | 'service' | 'task' | 'container'>;

export interface Listing extends Items {
  /** AWS's time at the last answer, in milliseconds since the epoch. */
  readonly now: number;
}

export interface ListingOptions {
  /** Receives the records as they become known, in no particular order, and AWS's time. */
  readonly onRecords?: (records: readonly ListRecord[], now: number) => void;
  /** `total` counts the items that are listed so far; more may follow while `isListed` is false. */
  readonly onProgress?: (progress: { known: number; total: number; isListed: boolean }) => void;
}

/**
 * All items of that kind that match the settings, sorted. When AWS refuses a part of them (throttling, or a cluster that
 * the person may not read), resolves with the others and says what is missing; throws if nothing is known.
 */
export async function listing(
  kind: ListKind,
  deps: ListNeeds,
  options: ListingOptions = {},
): Promise<Listing> {
  const account = await deps.account();
  const clock = awsClock(account, deps.clock);
  const now = (): number => clock.now();
  const onRecords: ItemOptions['onRecords'] = (records) => options.onRecords?.(records, now());
  return { ...(await items(kind, account, now, deps, { ...options, onRecords })), now: now() };
}

/** `now` is AWS's time as soon as AWS has answered. */
async function items(
  kind: ListKind,
  account: AwsAccount,
  now: () => number,
  deps: ListNeeds,
  options: ItemOptions,
): Promise<Items> {
  switch (kind) {
    case 'clusters':
      return clusters(await account.ecs());
    case 'databases':
      return databaseItems(wantedOf(deps.settings), account);
    case 'services':
      return loaded(kind, serviceSource, await account.ecs('thrown'), deps, options);
    case 'tasks':
    case 'containers': {
      const wanted = wantedOf(deps.settings);
      if (wanted.service === undefined && wanted.task === undefined)
        return loaded(kind, taskSource(kind, now), await account.ecs('thrown'), deps, options);
      const ecs = await account.ecs();
      const found = sortedTasks(await findTasks(ecs, await findCluster(ecs, wanted), wanted));
      return whole(
        kind === 'tasks' ? found.map((task) => taskRecord(task, now())) : containers(found, now(), deps),
        options,
      );
    }
  }
}

type ItemOptions = Pick<ListingOptions, 'onProgress'> & {
  readonly onRecords: (records: readonly ListRecord[]) => void;
};

function whole(records: readonly ListRecord[], { onRecords }: ItemOptions): Items {
  onRecords(records);
  return { records, incomplete: [] };
}

/** One described item, as the records that are printed for it: a task has one for each container. */
interface Item {
  readonly id: string;
  readonly records: readonly ListRecord[];
}

type SourceIn = (ecs: EcsPort, cluster: string) => ListSource<Item>;

/** Reads a list of each cluster, all of them with one pace. */
async function loaded(
  kind: 'services' | 'tasks' | 'containers',
  sourceIn: SourceIn,
  ecs: EcsPort,
  deps: ListNeeds,
  { onRecords, onProgress }: ItemOptions,
): Promise<Items> {
  const { clock, signal } = deps;
  const calls = new PacedCalls({
    clock,
    signal,
    isRefusal: isThrottled,
    // An answer about a hundred tasks is half a megabyte, and the answers of several calls are in memory together.
    mostWorkers: kind === 'services' ? 8 : 4,
  });
  const loaders: { readonly cluster: string; readonly loader: ListLoader<Item> }[] = [];
  const onChange = (items: readonly Item[]): void => {
    if (items.length > 0) onRecords(items.flatMap(({ records }) => records));
    const lists = loaders.map(({ loader }) => loader.list);
    onProgress?.({
      known: lists.reduce((sum, list) => sum + list.described, 0),
      total: lists.reduce((sum, list) => sum + list.ids.length, 0),
      isListed: lists.every((list) => list.isListed),
    });
  };
  for (const cluster of await clusterNames(ecs, deps, calls))
    loaders.push({ cluster, loader: new ListLoader(sourceIn(ecs, cluster), onChange) });
  await loadLists(
    loaders.map(({ loader }) => loader),
    calls,
  );
  signal.throwIfAborted();
  const incomplete = loaders.flatMap(({ cluster, loader }) => incompleteList(kind, cluster, loader));
  const records = loaders.flatMap(({ loader }) => loader.list.rows().flatMap((item) => item.records));
  if (records.length === 0)
    for (const { cluster, loader } of loaders)
      // The nearest name is worth a call only where nothing else is printed.
      if (loader.error !== undefined) await withNearest(ecs, cluster)(loader.error);
  return { records: sorted(kind, wantedContainers(kind, records, deps)), incomplete };
}

function incompleteList(kind: string, cluster: string, { list, error }: ListLoader<Item>): IncompleteList[] {
  if (error === undefined) return [];
  if (!(error instanceof ToolError)) throw error;
  const noun = kind === 'containers' ? 'tasks' : kind;
  const missing = list.isListed
    ? `${list.ids.length - list.described} of ${list.ids.length} ${noun} of cluster ${cluster}`
    : list.described === 0
      ? `the ${noun} of cluster ${cluster}`
      : `the ${noun} of cluster ${cluster} but ${list.described}`;
  return [{ missing, error }];
}

const serviceSource: SourceIn = (ecs, cluster) => ({
  pages: (signal) => ecs.serviceNames(cluster, signal),
  async describe(names, signal) {
    const found = await ecs.describeServices(cluster, names, signal);
    return found.map((service) => ({ id: service.name, records: [serviceRecord(service)] }));
  },
  idOf: ({ id }) => id,
  batchSize: SERVICES_PER_CALL,
});

const taskSource =
  (kind: 'tasks' | 'containers', now: () => number): SourceIn =>
  (ecs, cluster) => ({
    pages: (signal) => ecs.taskArns(cluster, { desiredStatus: 'RUNNING' }, signal),
    async describe(arns, signal) {
      const found = await ecs.describeTasks(cluster, arns, signal);
      const at = now();
      return found.map((task) => ({
        id: task.arn,
        records:
          kind === 'tasks'
            ? [taskRecord(task, at)]
            : task.containers.map((container) => containerRecord(task, container, at)),
      }));
    },
    idOf: ({ id }) => id,
    batchSize: TASKS_PER_CALL,
  });

/** A cluster of which AWS throttled the description has its name only. */
async function clusters(ecs: EcsPort): Promise<Items> {
  const described = new Map<string, Cluster>();
  const { items: names, incomplete } = await untilThrottled<string>(async (found) => {
    const listed: string[] = [];
    for await (const page of ecs.clusterNames()) {
      listed.push(...page);
      found(page);
    }
    await describeVisibleClusters(ecs, listed, (some) => {
      for (const cluster of some) described.set(cluster.name, cluster);
    });
  });
  const shown = incomplete === undefined ? [...described.keys()] : names;
  return {
    records: shown
      .toSorted((a, b) => a.localeCompare(b))
      .map((name) => clusterRecord(name, described.get(name))),
    incomplete:
      incomplete === undefined
        ? []
        : [
            {
              missing: `clusters after the first ${described.size}, or what is known of them`,
              error: incomplete,
            },
          ],
  };
}

const clusterRecord = (name: string, cluster: Cluster | undefined): ListRecord => ({
  name,
  arn: cluster?.arn ?? null,
  status: cluster?.status ?? null,
  activeServices: cluster?.activeServices ?? null,
  runningTasks: cluster?.runningTasks ?? null,
});

/** The named cluster, else all clusters. */
async function clusterNames(
  ecs: EcsPort,
  deps: Needs<never, 'cluster'>,
  calls: PacedCalls,
): Promise<readonly string[]> {
  const { cluster } = deps.settings;
  if (cluster !== undefined) return [nameOfArn(cluster)];
  const names: string[] = [];
  const pages: PageIterator<string> = ecs.clusterNames()[Symbol.asyncIterator]();
  let isIdle = true;
  await calls.run(() => {
    if (!isIdle) return undefined;
    isIdle = false;
    return async () => {
      const page = await pages.next();
      if (page.done !== true) names.push(...page.value);
      isIdle = page.done !== true && pages.isAtEnd !== true;
    };
  });
  return names.sort();
}

const byText = new Intl.Collator().compare;

const textOf = (value: ListRecord[string] | undefined): string => String(value ?? '');

/** Services by cluster and name, tasks by service and id, the containers of a task in its order. */
const sorted = (kind: ListKind, records: readonly ListRecord[]): readonly ListRecord[] =>
  [...records].sort((a, b) =>
    kind === 'services'
      ? byText(textOf(a['cluster']), textOf(b['cluster'])) || byText(textOf(a['name']), textOf(b['name']))
      : byText(textOf(a['service']), textOf(b['service'])) ||
        byText(textOf(a['id'] ?? a['task']), textOf(b['id'] ?? b['task'])),
  );

const serviceRecord = (service: Service): ListRecord => ({
  name: service.name,
  arn: service.arn,
  cluster: nameOfArn(service.clusterArn),
  status: service.status,
  desired: service.desiredCount,
  running: service.runningCount,
  pending: service.pendingCount,
  launchType: service.launchType,
  execEnabled: service.execEnabled,
  taskDefinition: nameOfArn(service.taskDefinitionArn),
  createdAt: timestamp(service.createdAt),
});

const SERVICES_PER_CALL = 10;
const TASKS_PER_CALL = 100;

const sortedTasks = (found: readonly Task[]): readonly Task[] =>
  [...found].sort(
    (a, b) => (a.serviceName ?? '').localeCompare(b.serviceName ?? '') || a.id.localeCompare(b.id),
  );

const taskRecord = (task: Task, now: number): ListRecord => ({
  id: task.id,
  arn: task.arn,
  cluster: nameOfArn(task.clusterArn),
  service: task.serviceName ?? null,
  status: task.lastStatus,
  health: task.healthStatus,
  execEnabled: task.execEnabled,
  execReady: task.containers.some((container) => judgeContainer(task, container, undefined, now).ready),
  taskDefinition: nameOfArn(task.taskDefinitionArn),
  privateIp: task.privateIp ?? null,
  startedAt: timestamp(task.startedAt),
  containers: task.containers.map((container) => container.name),
  waitsFor: waitsFor(task) ?? null,
});

function containers(found: readonly Task[], now: number, deps: ListNeeds): readonly ListRecord[] {
  const all = found.flatMap((task) =>
    task.containers.map((container) => containerRecord(task, container, now)),
  );
  return wantedContainers('containers', all, deps);
}

/** Those with the name that `--container` gives. */
function wantedContainers(
  kind: ListKind,
  all: readonly ListRecord[],
  { settings: { container: wanted } }: Needs<never, 'container'>,
): readonly ListRecord[] {
  if (kind !== 'containers' || wanted === undefined) return all;
  const shown = all.filter(({ name }) => name === wanted);
  if (shown.length > 0) return shown;
  throw noMatch('container-not-found', `no task has a container ${wanted}`, {
    details: {
      cluster: textOf(all[0]?.['cluster']),
      task: undefined,
      container: wanted,
      ...candidatesFor(wanted, [...new Set(all.map(({ name }) => textOf(name)))]),
    },
  });
}

function containerRecord(task: Task, container: Container, now: number): ListRecord {
  const state = judgeContainer(task, container, undefined, now);
  return {
    name: container.name,
    task: task.id,
    cluster: nameOfArn(task.clusterArn),
    service: task.serviceName ?? null,
    image: container.image,
    status: container.lastStatus,
    health: container.healthStatus,
    runtimeId: container.runtimeId ?? null,
    execAgent: container.execAgent?.status ?? null,
    execReady: state.ready,
    target: state.ready ? containerTarget(nameOfArn(task.clusterArn), task.id, state.runtimeId) : null,
  };
}

const timestamp = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();
