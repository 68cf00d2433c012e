import { nameOfArn, resourceSegments } from '../../core/arn.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { textFact } from '../../core/facts/fact.ts';
import { noMatch, ToolError, usage } from '../../core/errors.ts';
import type { Cluster, EcsPort, Service, Task } from '../ports.ts';
import { isWholeTaskId, matchTaskId, rankTasks } from './select.ts';

/** What the user asked for; names or ARNs, `task` also the start of an id, or several of them with commas between. */
export interface Wanted {
  readonly cluster: string | undefined;
  readonly service: string | undefined;
  readonly task: string | undefined;
  readonly container: string | undefined;
}

/** All pages of a listing. */
export async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

/**
 * Services with everything that the tables and the picker show, in batches of ten, four batches at a time; `onBatch`
 * receives each batch.
 */
export async function describeAllServices(
  ecs: EcsPort,
  cluster: string,
  names: readonly string[],
  onBatch: (services: readonly Service[]) => void = () => undefined,
): Promise<readonly Service[]> {
  const batches: (readonly string[])[] = [];
  for (let start = 0; start < names.length; start += 10) batches.push(names.slice(start, start + 10));
  const found = await mapConcurrently(batches, async (batch) => {
    const services = await ecs.describeServices(cluster, batch);
    onBatch(services);
    return services;
  });
  return found.flat();
}

const CLUSTERS_PER_CALL = 100;

/**
 * The clusters that the user may describe; `onBatch` receives them as they arrive. ECS refuses a call about several
 * clusters as a whole if one of them may not be described, so these clusters are then asked about one by one. Throws
 * `access-denied` if the user may describe none.
 */
export async function describeVisibleClusters(
  ecs: EcsPort,
  names: readonly string[],
  onBatch: (clusters: readonly Cluster[]) => void = () => undefined,
): Promise<readonly Cluster[]> {
  let refusal: unknown;
  let allowed = 0;
  const describe = async (batch: readonly string[]): Promise<readonly Cluster[]> => {
    try {
      const found = await ecs.describeClusters(batch);
      allowed++;
      onBatch(found);
      return found;
    } catch (error) {
      if (!isDenied(error)) throw error;
      refusal ??= error;
      return batch.length === 1 ? [] : (await mapConcurrently(batch, (name) => describe([name]))).flat();
    }
  };
  const starts = Array.from(
    { length: Math.ceil(names.length / CLUSTERS_PER_CALL) },
    (_, n) => n * CLUSTERS_PER_CALL,
  );
  const found = await mapConcurrently(starts, (start) =>
    describe(names.slice(start, start + CLUSTERS_PER_CALL)),
  );
  if (allowed === 0 && refusal !== undefined) throw refusal;
  return found.flat();
}

const isDenied = (error: unknown): boolean => error instanceof ToolError && error.code === 'access-denied';

/**
 * The cluster's name: the given one, the one in the ARN of the task or service, the only one of the account, or the
 * only one that has the service. The first two cases need no API call. Throws `no-clusters` (exit 3),
 * `service-not-found` (3), `cluster-needed` (2).
 */
export async function findCluster(ecs: EcsPort, wanted: Wanted): Promise<string> {
  if (wanted.cluster !== undefined) return nameOfArn(wanted.cluster);
  const fromArn = clusterInArn(wanted.task) ?? clusterInArn(wanted.service);
  if (fromArn !== undefined) return fromArn;
  const clusters = [...(await collect(ecs.clusterNames()))].sort();
  const [only, ...others] = clusters;
  if (only === undefined) {
    throw noMatch('no-clusters', 'this account has no ECS cluster in this region');
  }
  if (others.length === 0) return only;
  if (wanted.service !== undefined) return clusterOfService(ecs, clusters, nameOfArn(wanted.service));
  throw clusterNeeded(clusters, `there are ${clusters.length} clusters: which one?`);
}

/**
 * Asks each cluster for the service by its name, which is one call for each cluster however many services there are; the
 * names of the services are listed only for the error. A least-privilege policy may allow only one of the clusters:
 * throws the denial if none of the others has the service.
 */
async function clusterOfService(ecs: EcsPort, clusters: readonly string[], service: string): Promise<string> {
  let refusal: ToolError | undefined;
  const unlessRefused = <T>(answer: Promise<readonly T[]>): Promise<readonly T[]> =>
    answer.catch((error: unknown): readonly T[] => {
      if (!(error instanceof ToolError) || error.role !== 'access') throw error;
      refusal ??= error;
      return [];
    });
  const found = await mapConcurrently(clusters, async (cluster) => ({
    cluster,
    services: await unlessRefused(ecs.describeServices(cluster, [service])),
  }));
  const holders = found.filter(({ services }) => services.length > 0).map(({ cluster }) => cluster);
  const [only, ...others] = holders;
  if (only === undefined && refusal !== undefined) throw refusal;
  if (only === undefined) {
    const names = await mapConcurrently(clusters, (cluster) =>
      unlessRefused(collect(ecs.serviceNames(cluster))),
    );
    throw noMatch('service-not-found', `no service ${service} in any of the ${clusters.length} clusters`, {
      details: { service, ...candidatesFor(service, [...new Set(names.flat())]) },
    });
  }
  if (others.length > 0)
    throw clusterNeeded(holders, `${holders.length} clusters have a service ${service}: which one?`);
  return only;
}

const clusterNeeded = (clusters: readonly string[], message: string): Error =>
  usage('cluster-needed', message, {
    details: { candidates: clusters },
  });

/**
 * The cluster in `arn:…:task/CLUSTER/ID` or `arn:…:service/CLUSTER/NAME`; the short ARNs of old accounts name no
 * cluster.
 */
function clusterInArn(arn: string | undefined): string | undefined {
  const segments = resourceSegments(arn?.split(',', 1)[0] ?? '');
  return segments.length === 3 ? segments[1] : undefined;
}

/**
 * Running tasks, best first; at least one. Needs two API calls when the named service or task exists; only on failure
 * it fetches the listings that make up the candidates. Throws `cluster-not-found`, `service-not-found`,
 * `task-not-found`, `no-running-task` (all exit 3), `task-ambiguous` (2).
 */
export async function findTasks(ecs: EcsPort, cluster: string, wanted: Wanted): Promise<readonly Task[]> {
  try {
    const service = wanted.service === undefined ? undefined : nameOfArn(wanted.service);
    if (wanted.task !== undefined) {
      const found = await mapConcurrently([...new Set(wanted.task.split(','))], (task) =>
        findTask(ecs, cluster, nameOfArn(task.trim()), service),
      );
      return [...new Map(found.map((task) => [task.arn, task])).values()];
    }
    const arns = await collect(
      ecs.taskArns(cluster, { desiredStatus: 'RUNNING', ...(service === undefined ? {} : { service }) }),
    );
    const tasks = arns.length === 0 ? [] : await ecs.describeTasks(cluster, arns);
    if (tasks.length === 0) throw await noRunningTask(ecs, cluster, service);
    return rankTasks(tasks, wanted.container);
  } catch (error) {
    return withNearest(ecs, cluster)(error);
  }
}

async function findTask(
  ecs: EcsPort,
  cluster: string,
  wanted: string,
  service: string | undefined,
): Promise<Task> {
  if (isWholeTaskId(wanted)) {
    const [task] = await ecs.describeTasks(cluster, [wanted]);
    if (task !== undefined) return task;
  }
  const arns = await collect(
    ecs.taskArns(cluster, { desiredStatus: 'RUNNING', ...(service === undefined ? {} : { service }) }),
  );
  const id = matchTaskId(wanted, arns.map(nameOfArn), cluster);
  const [task] = await ecs.describeTasks(cluster, [id]);
  if (task === undefined)
    throw noMatch('task-not-found', `task ${id} has just stopped`, { details: { task: id, cluster } });
  return task;
}

async function noRunningTask(ecs: EcsPort, cluster: string, service: string | undefined): Promise<ToolError> {
  if (service === undefined) {
    return noMatch('no-running-task', `no task runs in cluster ${cluster}`, {
      details: { cluster },
    });
  }
  const [described] = await ecs.describeServices(cluster, [service]);
  if (described === undefined)
    return noMatch('service-not-found', `no service ${service} in cluster ${cluster}`, {
      details: { cluster, service },
    });
  const { desiredCount, pendingCount } = described;
  return noMatch(
    'no-running-task',
    `service ${service} has no running task (desired ${desiredCount}, pending ${pendingCount})`,
    {
      details: { cluster, service, desiredCount, pendingCount },
    },
  );
}

/**
 * For `catch`: throws the error again, and adds the nearest names to a `cluster-not-found` or `service-not-found` that
 * has none. If the listing itself fails, the original error is thrown.
 */
export const withNearest =
  (ecs: EcsPort, cluster: string) =>
  async (error: unknown): Promise<never> => {
    throw await withCandidates(ecs, cluster, error);
  };

async function withCandidates(ecs: EcsPort, cluster: string, error: unknown): Promise<unknown> {
  if (!(error instanceof ToolError)) return error;
  const typed = error.code === 'cluster-not-found' ? cluster : textFact(error.details, 'service');
  const list = async (): Promise<readonly string[] | undefined> => {
    if (error.code === 'cluster-not-found') return collect(ecs.clusterNames());
    if (error.code === 'service-not-found') return collect(ecs.serviceNames(cluster));
    return undefined;
  };
  const names = await list().catch(() => undefined);
  if (names === undefined) return error;
  return error.with({ details: candidatesFor(typed, names) });
}
