import type { Container, Task } from '../ports.ts';

/** Why a task stopped or does not start, according to DescribeTasks. Pure. */

/**
 * The exit code of a process that the kernel killed: 128 + SIGKILL. Fargate adds OutOfMemoryError as the reason when
 * memory was the cause; containers can be killed for other reasons too.
 */
const KILLED = 137;

/** `OutOfMemoryError: Container killed due to memory usage` is a reason of the container, not of the task. */
export const isOutOfMemory = (container: Pick<Container, 'reason'>): boolean =>
  container.reason?.startsWith('OutOfMemory') === true;

/**
 * `app exit 137 (out of memory)`, `envoy exit 0`, `app: CannotPullContainerError: …`; undefined for a container that
 * did not end.
 */
export function containerEnd(container: Container): string | undefined {
  const { name, exitCode, reason } = container;
  if (isOutOfMemory(container)) return `${name} exit ${exitCode ?? KILLED} (out of memory)`;
  if (exitCode === undefined) return reason === undefined ? undefined : `${name}: ${reason}`;
  const killed = exitCode === KILLED ? ' (killed)' : '';
  return `${name} exit ${exitCode}${reason === undefined ? killed : ` (${reason})`}`;
}

/**
 * The reason of the task and the end of each container, in one line: `Essential container in task exited: app exit 1`.
 */
export function whyStopped(task: Task): string {
  const reason = task.stoppedReason ?? task.stopCode ?? 'no reason given';
  // When a task could not start, each of its containers repeats the reason.
  const ends = task.containers
    .filter((container) => container.exitCode !== undefined || container.reason !== task.stoppedReason)
    .flatMap((container) => containerEnd(container) ?? []);
  return ends.length === 0 ? reason : `${reason}: ${ends.join(', ')}`;
}

/** What a task that does not run yet waits for; undefined for a task that runs or has stopped. */
export function waitsFor(task: Task): string | undefined {
  switch (task.lastStatus) {
    case 'PROVISIONING':
      return 'its network interface, or capacity';
    case 'PENDING': {
      const waiting = task.containers.filter(({ lastStatus }) => lastStatus === 'PENDING');
      const reasons = waiting.flatMap(({ name, reason }) =>
        reason === undefined ? [] : [`${name}: ${reason}`],
      );
      if (reasons.length > 0) return reasons.join(', ');
      const names = waiting.map(({ name }) => name).join(', ');
      return names === '' ? 'its containers' : `its images and secrets, and the start of ${names}`;
    }
    case 'ACTIVATING':
      return 'its load balancer or service discovery';
    default:
      return undefined;
  }
}
