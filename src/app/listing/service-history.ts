import { nameOfArn } from '../../core/arn.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { noMatch, usage } from '../../core/errors.ts';
import { collect, findCluster, type Wanted, withNearest } from '../../connect/target/discover.ts';
import type { EcsPort, Service, Task } from '../../connect/ports.ts';
import { isOutOfMemory, whyStopped } from '../../connect/target/stop-reason.ts';
import type { Needs } from '../collaborators.ts';

/** Why tasks do not run: the tasks that stopped, and the events of a service. */

/** One stopped task, in the form that `ls tasks --stopped --json` prints; absent values are null. */
export interface StoppedTask {
  readonly id: string;
  readonly arn: string;
  readonly cluster: string;
  readonly service: string | null;
  readonly taskDefinition: string;
  /** ISO 8601; null while it is being stopped. */
  readonly stoppedAt: string | null;
  readonly stopCode: string | null;
  readonly reason: string | null;
  /** Stop reason and exit codes of the containers in one line. */
  readonly why: string;
  readonly outOfMemory: boolean;
  readonly containers: readonly {
    readonly name: string;
    readonly exitCode: number | null;
    readonly reason: string | null;
  }[];
}

/** One event, in the form that `ls events --json` prints. */
export interface EventRecord {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly service: string;
  readonly message: string;
}

export interface ServiceHistory {
  readonly service: Service;
  /** Newest first. */
  readonly stopped: readonly StoppedTask[];
  /** Newest first. */
  readonly events: readonly EventRecord[];
}

/**
 * Tasks that stopped within about the last hour, newest first: those of the service, else of the cluster, else of all
 * clusters. Throws what `findCluster` throws.
 */
export async function stoppedTasks(wanted: Wanted, deps: Needs<'account'>): Promise<readonly StoppedTask[]> {
  const ecs = await (await deps.account()).ecs();
  if (wanted.service !== undefined)
    return stoppedIn(ecs, await findCluster(ecs, wanted), nameOfArn(wanted.service));
  const clusters =
    wanted.cluster === undefined ? await collect(ecs.clusterNames()) : [nameOfArn(wanted.cluster)];
  const each = await mapConcurrently(clusters, (cluster) => stoppedIn(ecs, cluster, undefined));
  return newestFirst(each.flat());
}

/** The latest events of the service, newest first. Throws `service-needed`, `service-not-found`. */
export async function serviceEvents(wanted: Wanted, deps: Needs<'account'>): Promise<readonly EventRecord[]> {
  const ecs = await (await deps.account()).ecs();
  return eventsOf(await describedService(ecs, wanted));
}

/** Deployments, stopped tasks and events of a service. Throws as `serviceEvents` does. */
export async function serviceHistory(wanted: Wanted, deps: Needs<'account'>): Promise<ServiceHistory> {
  const ecs = await (await deps.account()).ecs();
  const service = await describedService(ecs, wanted);
  const stopped = await stoppedIn(ecs, nameOfArn(service.clusterArn), service.name);
  return { service, stopped, events: eventsOf(service) };
}

async function describedService(ecs: EcsPort, wanted: Wanted): Promise<Service> {
  if (wanted.service === undefined) throw usage('service-needed', 'events belong to a service: which one?');
  const cluster = await findCluster(ecs, wanted);
  const name = nameOfArn(wanted.service);
  const [found] = await ecs.describeServices(cluster, [name]);
  if (found !== undefined) return found;
  const missing = noMatch('service-not-found', `no service ${name} in cluster ${cluster}`, {
    details: { cluster, service: name },
  });
  return withNearest(ecs, cluster)(missing);
}

const eventsOf = ({ name, events }: Service): readonly EventRecord[] =>
  events.map(({ id, at, message }) => ({ id, at: new Date(at).toISOString(), service: name, message }));

async function stoppedIn(
  ecs: EcsPort,
  cluster: string,
  service: string | undefined,
): Promise<readonly StoppedTask[]> {
  const filter = { desiredStatus: 'STOPPED', ...(service === undefined ? {} : { service }) } as const;
  const arns = await collect(ecs.taskArns(cluster, filter)).catch(withNearest(ecs, cluster));
  const tasks = arns.length === 0 ? [] : await ecs.describeTasks(cluster, arns);
  return newestFirst(tasks.map(stoppedTask));
}

/** A task that is being stopped has no stop time yet, and counts as the newest. */
const newestFirst = (tasks: readonly StoppedTask[]): readonly StoppedTask[] =>
  [...tasks].sort((a, b) => (b.stoppedAt ?? '9').localeCompare(a.stoppedAt ?? '9'));

const stoppedTask = (task: Task): StoppedTask => ({
  id: task.id,
  arn: task.arn,
  cluster: nameOfArn(task.clusterArn),
  service: task.serviceName ?? null,
  taskDefinition: nameOfArn(task.taskDefinitionArn),
  stoppedAt: task.stoppedAt === undefined ? null : new Date(task.stoppedAt).toISOString(),
  stopCode: task.stopCode ?? null,
  reason: task.stoppedReason ?? null,
  why: whyStopped(task),
  outOfMemory: task.containers.some(isOutOfMemory),
  containers: task.containers.map(({ name, exitCode, reason }) => ({
    name,
    exitCode: exitCode ?? null,
    reason: reason ?? null,
  })),
});
