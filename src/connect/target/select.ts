import { nameOfArn } from '../../core/arn.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { noMatch, usage } from '../../core/errors.ts';
import type { Container, Task } from '../ports.ts';
import { containersOf } from './side-cars.ts';

/** Choices that need no question. All of them are pure. */

/**
 * True for a container into which a session can be opened right now (docs/reference/ecs-exec.md §2); does not check the
 * state of its task.
 */
const hasRunningAgent = (container: Container): boolean =>
  container.runtimeId !== undefined && container.execAgent?.status === 'RUNNING';

/** One property by which tasks are ranked: a lower number is better. */
interface Criterion {
  readonly rank: (task: Task, all: readonly Task[], container: string | undefined) => number;
  /** What distinguishes a better task. */
  readonly reason: string;
}

const NOT_UNHEALTHY = 'it is not unhealthy';
const HEALTHY = 'it is healthy';

/**
 * What a session needs comes first: that the task stays, and that it can be entered. While a deployment is in progress,
 * the tasks of the older one are about to be stopped, even if they are the only ones that are known to be healthy yet.
 */
const CRITERIA: readonly Criterion[] = [
  { rank: ({ desiredStatus }) => Number(desiredStatus !== 'RUNNING'), reason: 'it is not being stopped' },
  { rank: (task, _, container) => agentRank(task, container), reason: 'its exec agent runs' },
  { rank: ({ healthStatus }) => Number(healthStatus === 'UNHEALTHY'), reason: NOT_UNHEALTHY },
  {
    rank: (task, all) => Number(task.startedBy !== newestDeployment(task, all)),
    reason: 'it belongs to the newest deployment',
  },
  { rank: ({ healthStatus }) => Number(healthStatus !== 'HEALTHY'), reason: HEALTHY },
  { rank: (task) => -(task.startedAt ?? task.createdAt ?? 0), reason: 'it is the newest' },
];

/** 0 = a session can be opened, 1 = it probably can in a moment, 2 = it cannot. */
function agentRank(task: Task, container: string | undefined): number {
  if (!task.execEnabled) return 2;
  if (task.lastStatus !== 'RUNNING') return 1;
  const asked = task.containers.filter(({ name }) => container === undefined || name === container);
  if (asked.some(hasRunningAgent)) return 0;
  return asked.some(({ execAgent }) => execAgent?.status === 'PENDING') ? 1 : 2;
}

/** `startedBy` of the task of the same service that was created last, which is the id of a deployment. */
function newestDeployment(task: Task, all: readonly Task[]): string | undefined {
  const ofService = all.filter(
    ({ serviceName, desiredStatus }) => serviceName === task.serviceName && desiredStatus === 'RUNNING',
  );
  if (task.serviceName === undefined || ofService.length === 0) return task.startedBy;
  const createdAt = (each: Task): number => each.createdAt ?? each.startedAt ?? 0;
  return ofService.reduce((newest, each) => (createdAt(each) > createdAt(newest) ? each : newest)).startedBy;
}

/** Best first, for a session to `container`, or to any container if that is undefined. */
export function rankTasks(tasks: readonly Task[], container?: string): readonly Task[] {
  const ranks = new Map(
    tasks.map((task) => [task, CRITERIA.map(({ rank }) => rank(task, tasks, container))] as const),
  );
  return [...tasks].sort((a, b) => {
    for (const [index, left] of (ranks.get(a) ?? []).entries()) {
      const difference = left - (ranks.get(b)?.[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return a.id.localeCompare(b.id);
  });
}

/**
 * Why the first of ranked tasks is the first: `the newest of 3`, or `one of 3: its exec agent runs, it is healthy`. The
 * properties are those by which it is before others, in the order in which they decide.
 */
export function whyFirst(ranked: readonly Task[], container?: string): string {
  const [first, ...others] = ranked;
  if (first === undefined) return '';
  const reasons: string[] = [];
  let equal = others;
  for (const { rank, reason } of CRITERIA) {
    const own = rank(first, ranked, container);
    const still = equal.filter((task) => rank(task, ranked, container) === own);
    if (still.length < equal.length) reasons.push(reason);
    equal = still;
  }
  const told = reasons.includes(HEALTHY) ? reasons.filter((reason) => reason !== NOT_UNHEALTHY) : reasons;
  const isOnlyAge = told.length === 1 && told[0] === CRITERIA.at(-1)?.reason;
  const why =
    told.length === 0
      ? `one of ${ranked.length}`
      : isOnlyAge
        ? `the newest of ${ranked.length}`
        : `one of ${ranked.length}: ${told.join(', ')}`;
  return first.healthStatus === 'UNHEALTHY' ? `${why} (unhealthy)` : why;
}

/** True if both tasks were started by the same deployment, so that neither is stopped in favour of the other. */
export const isSameDeployment = (a: Task, b: Task): boolean =>
  a.serviceName === b.serviceName && a.startedBy === b.startedBy;

/** True if `wanted` could be the whole id of a task: 32 hex digits, or a UUID on old accounts. */
export const isWholeTaskId = (wanted: string): boolean =>
  /^[0-9a-f]{32}$/.test(wanted) || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(wanted);

/**
 * The one id that equals `wanted` or starts with it. Throws `task-not-found` (exit 3) or `task-ambiguous` (exit 2),
 * both with candidates.
 */
export function matchTaskId(wanted: string, ids: readonly string[], cluster: string): string {
  const matches = ids.filter((id) => id.startsWith(wanted));
  const exact = matches.find((id) => id === wanted);
  if (exact !== undefined) return exact;
  const [first, ...others] = matches;
  if (first === undefined) {
    throw noMatch('task-not-found', `no running task ${wanted}`, {
      details: { task: wanted, cluster, ...candidatesFor(wanted, ids) },
    });
  }
  if (others.length > 0) {
    throw usage('task-ambiguous', `${matches.length} tasks start with ${wanted}`, {
      details: { task: wanted, candidates: matches.slice(0, 5) },
    });
  }
  return first;
}

/** The container of that name. Throws `container-not-found` with candidates. */
export function namedContainer(task: Task, wanted: string): Container {
  const found = task.containers.find((container) => container.name === wanted);
  if (found !== undefined) return found;
  const names = task.containers.map((container) => container.name);
  throw noMatch('container-not-found', `no container ${wanted} in task ${task.id}`, {
    details: {
      cluster: nameOfArn(task.clusterArn),
      task: task.id,
      container: wanted,
      ...candidatesFor(wanted, names),
    },
  });
}

/**
 * The container to forward ports through. Any will do, because all containers of a task share one network (awsvpc);
 * ready ones come first.
 */
export function networkContainer(task: Task, wanted: string | undefined): Container | undefined {
  if (wanted !== undefined) return namedContainer(task, wanted);
  const { application } = containersOf(task);
  return (
    application.find(hasRunningAgent) ??
    task.containers.find(hasRunningAgent) ??
    application[0] ??
    task.containers[0]
  );
}

/** The usage error when a choice is needed and there is no terminal to ask on. */
export function containerNeeded(task: Task, application: readonly Container[]): Error {
  return usage('container-needed', `task ${task.id} has ${application.length} containers: which one?`, {
    details: { candidates: application.map((container) => container.name) },
  });
}
