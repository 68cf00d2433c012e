import type { Clock } from '../../core/clock.ts';
import { nameOfArn } from '../../core/arn.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import { collect, type Wanted, withNearest } from '../target/discover.ts';
import { isWholeTaskId, matchTaskId } from '../target/select.ts';
import type { EcsPort, Service, Task } from '../ports.ts';

/** ECS forgets a task about an hour after it stopped (docs/reference/api-limits.md §5). */
const REMEMBERED_MS = 3_600_000;

/** A task whose lines are wanted. */
export interface LogTask {
  readonly id: string;
  readonly service: string | undefined;
  /** Undefined for a task that ECS has forgotten. */
  readonly task: Task | undefined;
  readonly taskDefinitionArn: string;
}

/**
 * The running tasks of a service, the stopped tasks that ECS still remembers, and, when lines from before that are
 * wanted, the tasks that the events of the service name. Or only the named task: a full id also finds a task that ECS
 * has forgotten, if the service is named too. Throws what `findTasks` throws, except `no-running-task`.
 */
export async function findLogTasks(
  ecs: EcsPort,
  cluster: string,
  wanted: Wanted,
  { sinceMs, clock }: { readonly sinceMs: number; readonly clock: Pick<Clock, 'now'> },
): Promise<readonly LogTask[]> {
  try {
    const service = wanted.service === undefined ? undefined : nameOfArn(wanted.service);
    if (wanted.task !== undefined) return [await namedTask(ecs, cluster, nameOfArn(wanted.task), service)];
    const tasks = await rememberedTasks(ecs, cluster, service);
    if (service === undefined || (tasks.length > 0 && sinceMs <= REMEMBERED_MS)) return tasks.map(toLogTask);
    const described = await describedService(ecs, cluster, service);
    return [...tasks.map(toLogTask), ...forgottenTasks(described, tasks, clock.now() - sinceMs)];
  } catch (error) {
    return withNearest(ecs, cluster)(error);
  }
}

/** Running tasks, and tasks that stopped within about the last hour. */
async function rememberedTasks(
  ecs: EcsPort,
  cluster: string,
  service: string | undefined,
): Promise<readonly Task[]> {
  const arns = await taskArns(ecs, cluster, service);
  return arns.length === 0 ? [] : ecs.describeTasks(cluster, arns);
}

async function taskArns(
  ecs: EcsPort,
  cluster: string,
  service: string | undefined,
): Promise<readonly string[]> {
  const filter = service === undefined ? {} : { service };
  const [running, stopped] = await Promise.all([
    collect(ecs.taskArns(cluster, { ...filter, desiredStatus: 'RUNNING' })),
    collect(ecs.taskArns(cluster, { ...filter, desiredStatus: 'STOPPED' })),
  ]);
  return [...new Set([...running, ...stopped])];
}

const toLogTask = (task: Task): LogTask => ({
  id: task.id,
  service: task.serviceName,
  task,
  taskDefinitionArn: task.taskDefinitionArn,
});

async function describedService(ecs: EcsPort, cluster: string, service: string): Promise<Service> {
  const [described] = await ecs.describeServices(cluster, [service]);
  if (described === undefined)
    throw noMatch('service-not-found', `no service ${service} in cluster ${cluster}`, {
      details: { cluster, service },
    });
  return described;
}

/** Task ids in events since `from`: "(service web) has started 1 tasks: (task 0123…)." */
function forgottenTasks(service: Service, known: readonly Task[], from: number): readonly LogTask[] {
  const ids = service.events
    .filter(({ at }) => at >= from)
    .flatMap(({ message }) =>
      [...message.matchAll(/\(task ([0-9a-f-]{32,36})\)/g)].map((match) => match[1] ?? ''),
    );
  const others = new Set(ids.filter((id) => known.every((task) => task.id !== id)));
  return [...others].map((id) => ({
    id,
    service: service.name,
    task: undefined,
    taskDefinitionArn: service.taskDefinitionArn,
  }));
}

async function namedTask(
  ecs: EcsPort,
  cluster: string,
  wanted: string,
  service: string | undefined,
): Promise<LogTask> {
  if (isWholeTaskId(wanted)) {
    const [task] = await ecs.describeTasks(cluster, [wanted]);
    if (task !== undefined) return toLogTask(task);
    if (service === undefined) throw forgotten(wanted, cluster);
    const { name, taskDefinitionArn } = await describedService(ecs, cluster, service);
    return { id: wanted, service: name, task: undefined, taskDefinitionArn };
  }
  const ids = (await taskArns(ecs, cluster, service)).map(nameOfArn);
  const id = matching(wanted, ids, cluster);
  const [task] = await ecs.describeTasks(cluster, [id]);
  if (task === undefined) throw forgotten(id, cluster);
  return toLogTask(task);
}

function matching(wanted: string, ids: readonly string[], cluster: string): string {
  try {
    return matchTaskId(wanted, ids, cluster);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'task-not-found') throw error;
    throw error.with({ message: `no task ${wanted} runs, or has stopped within the last hour` });
  }
}

const forgotten = (task: string, cluster: string): ToolError =>
  noMatch(
    'task-not-found',
    `ECS does not know task ${task} any more; with the name of its service, its lines can still be found`,
    { details: { task, cluster } },
  );
