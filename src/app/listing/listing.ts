import { nameOfArn } from '../../core/arn.ts';
import {
  collect,
  describeAllServices,
  findCluster,
  findTasks,
  describeVisibleClusters,
  withNearest,
} from '../../connect/target/discover.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type {
  Cluster,
  Container,
  Database,
  DatabasesPort,
  EcsPort,
  Service,
  Task,
} from '../../connect/ports.ts';
import { containerTarget } from '../../connect/session/session-documents.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import { waitsFor } from '../../connect/target/stop-reason.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { isThrottled, untilThrottled } from '../../core/partial-results.ts';
import { noMatch, type ToolError } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import { wantedOf } from '../session/session-setup.ts';

/** A JSON object as `ls --json` prints it; absent values are null, so that the field list never varies. */
export type ListRecord = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export type ListKind = 'clusters' | 'services' | 'tasks' | 'containers' | 'databases';

type ListNeeds = Needs<'account' | 'clock', 'cluster' | 'service' | 'task' | 'container'>;

export interface Listing {
  readonly records: readonly ListRecord[];
  /** Why more items may exist than are listed: AWS throttled the remaining calls. */
  readonly incomplete: ToolError | undefined;
}

/**
 * All items of that kind that match the settings. When AWS keeps throttling the calls, resolves with the items known by
 * then; throws `aws-throttled` when there are none.
 */
export async function listing(kind: ListKind, deps: ListNeeds): Promise<Listing> {
  const account = await deps.account();
  if (kind === 'clusters') return clusters(await account.ecs());
  if (kind === 'databases') return databases(await account.databases());
  const known = new Known();
  try {
    return { records: await completeListing(kind, account, deps, known), incomplete: undefined };
  } catch (error) {
    if (!isThrottled(error) || known.isEmpty) throw error;
    const records =
      kind === 'services' ? serviceRecords(known.services) : taskListing(kind, known.sortedTasks, deps);
    return { records, incomplete: error };
  }
}

/** The items that were described so far. */
class Known {
  readonly services: Service[] = [];
  readonly tasks: Task[] = [];

  get isEmpty(): boolean {
    return this.services.length + this.tasks.length === 0;
  }

  get sortedTasks(): readonly Task[] {
    return sortedTasks(this.tasks);
  }
}

async function completeListing(
  kind: 'services' | 'tasks' | 'containers',
  account: AwsAccount,
  deps: ListNeeds,
  known: Known,
): Promise<readonly ListRecord[]> {
  switch (kind) {
    case 'services':
      return services(await account.ecs(), deps, known);
    case 'tasks':
    case 'containers':
      return taskListing(kind, await foundTasks(await account.ecs(), deps, known), deps);
  }
}

const taskListing = (kind: ListKind, found: readonly Task[], deps: ListNeeds): readonly ListRecord[] =>
  kind === 'containers' ? containers(found, deps) : tasks(found, deps);

/** A cluster of which AWS throttled the description has its name only. */
async function clusters(ecs: EcsPort): Promise<Listing> {
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
    incomplete,
  };
}

const clusterRecord = (name: string, cluster: Cluster | undefined): ListRecord => ({
  name,
  arn: cluster?.arn ?? null,
  status: cluster?.status ?? null,
  activeServices: cluster?.activeServices ?? null,
  runningTasks: cluster?.runningTasks ?? null,
});

async function databases(port: DatabasesPort): Promise<Listing> {
  let known: readonly Database[] = [];
  const note = (soFar: readonly Database[]): void => {
    known = soFar;
  };
  try {
    return { records: (await port.databases(note)).map(databaseRecord), incomplete: undefined };
  } catch (error) {
    if (!isThrottled(error) || known.length === 0) throw error;
    return { records: known.map(databaseRecord), incomplete: error };
  }
}

/** The named cluster, else all clusters. */
async function clusterNames(ecs: EcsPort, deps: Needs<never, 'cluster'>): Promise<readonly string[]> {
  const { cluster } = deps.settings;
  return cluster === undefined ? [...(await collect(ecs.clusterNames()))].sort() : [nameOfArn(cluster)];
}

async function services(
  ecs: EcsPort,
  deps: Needs<never, 'cluster'>,
  known: Known,
): Promise<readonly ListRecord[]> {
  for (const cluster of await clusterNames(ecs, deps)) {
    const names = await collect(ecs.serviceNames(cluster)).catch(withNearest(ecs, cluster));
    await describeAllServices(ecs, cluster, names, (found) => known.services.push(...found));
  }
  return serviceRecords(known.services);
}

const serviceRecords = (found: readonly Service[]): readonly ListRecord[] =>
  [...found]
    .sort((a, b) => a.clusterArn.localeCompare(b.clusterArn) || a.name.localeCompare(b.name))
    .map((service) => ({
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
    }));

const TASKS_PER_CALL = 100;

/** Running tasks: of the named service or task, else of the cluster, else of all clusters. */
async function foundTasks(ecs: EcsPort, deps: ListNeeds, known: Known): Promise<readonly Task[]> {
  const wanted = wantedOf(deps.settings);
  if (wanted.service !== undefined || wanted.task !== undefined) {
    return findTasks(ecs, await findCluster(ecs, wanted), wanted);
  }
  const batches = await mapConcurrently(await clusterNames(ecs, deps), async (cluster) => {
    const arns = await collect(ecs.taskArns(cluster, { desiredStatus: 'RUNNING' })).catch(
      withNearest(ecs, cluster),
    );
    const starts = Array.from(
      { length: Math.ceil(arns.length / TASKS_PER_CALL) },
      (_, n) => n * TASKS_PER_CALL,
    );
    return starts.map((start) => ({ cluster, arns: arns.slice(start, start + TASKS_PER_CALL) }));
  });
  await mapConcurrently(batches.flat(), async ({ cluster, arns }) => {
    known.tasks.push(...(await ecs.describeTasks(cluster, arns)));
  });
  return known.sortedTasks;
}

const sortedTasks = (found: readonly Task[]): readonly Task[] =>
  [...found].sort(
    (a, b) => (a.serviceName ?? '').localeCompare(b.serviceName ?? '') || a.id.localeCompare(b.id),
  );

function tasks(found: readonly Task[], deps: ListNeeds): readonly ListRecord[] {
  const now = deps.clock.now();
  return found.map((task) => ({
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
  }));
}

function containers(found: readonly Task[], deps: ListNeeds): readonly ListRecord[] {
  const { container: wanted } = deps.settings;
  const all = found.flatMap((task) => task.containers.map((container) => ({ task, container })));
  const shown = wanted === undefined ? all : all.filter(({ container }) => container.name === wanted);
  if (wanted !== undefined && shown.length === 0) {
    throw noMatch('container-not-found', `no task has a container ${wanted}`, {
      details: {
        cluster: nameOfArn(found[0]?.clusterArn ?? ''),
        task: undefined,
        container: wanted,
        ...candidatesFor(wanted, [...new Set(all.map(({ container }) => container.name))]),
      },
    });
  }
  return shown.map(({ task, container }) => containerRecord(task, container, deps.clock.now()));
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

function databaseRecord(database: Database): ListRecord {
  const [first] = database.endpoints;
  return {
    id: database.id,
    kind: database.kind,
    engine: database.engine,
    status: database.status,
    host: first?.host ?? null,
    port: first?.port ?? null,
    databaseName: database.databaseName ?? null,
    masterUsername: database.masterUsername ?? null,
    vpcId: database.vpcId ?? null,
    iamAuthentication: database.iamAuthentication,
    publiclyAccessible: database.publiclyAccessible,
    endpoints: database.endpoints.map(({ role, host, port }) => `${role} ${host}:${port}`),
  };
}

const timestamp = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();
