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

const HEALTH_RANK: Readonly<Record<string, number>> = { HEALTHY: 0, UNKNOWN: 1, UNHEALTHY: 2 };

/** Best first: running, ready for exec, healthy, newest. */
export function rankTasks(tasks: readonly Task[]): readonly Task[] {
  const rank = (task: Task): readonly number[] => [
    task.lastStatus === 'RUNNING' && task.desiredStatus === 'RUNNING' ? 0 : 1,
    task.execEnabled && task.containers.some(hasRunningAgent) ? 0 : 1,
    HEALTH_RANK[task.healthStatus] ?? 1,
    -(task.startedAt ?? task.createdAt ?? 0),
  ];
  return [...tasks].sort((a, b) => {
    const left = rank(a);
    const right = rank(b);
    for (const [index, value] of left.entries()) {
      const difference = value - (right[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return a.id.localeCompare(b.id);
  });
}

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
