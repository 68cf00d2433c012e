import { describeDuration } from '../../core/duration.ts';
import { failed, type ToolError } from '../../core/errors.ts';
import type { Container, Service, Task } from '../ports.ts';
import { nameOfArn } from '../../core/arn.ts';
import { containerTarget } from '../session/session-documents.ts';

/** What is known of a container before a session to it is tried. Pure: the clock is an argument. */
export type Readiness =
  | { readonly ready: true; readonly target: string }
  /** `mayCome`: the task is young, waiting can help. */
  | { readonly ready: false; readonly mayCome: boolean; readonly error: ToolError };

/** Which container it is about. */
type ContainerFacts = { readonly cluster: string; readonly task: string; readonly container: string };

/** A task this young may still be starting its agent (docs/reference/ecs-exec.md §2). */
export const YOUNG_MS = 120_000;

export const isYoung = (task: Task, now: number): boolean =>
  now - (task.startedAt ?? task.createdAt ?? 0) < YOUNG_MS;

/**
 * The readiness test of docs/reference/ecs-exec.md §2, in the order in which the causes build on each other. `service`, when known,
 * tells a task that was started before exec was switched on apart from a service that has it off.
 */
export function readiness(
  task: Task,
  container: Container,
  service: Service | undefined,
  now: number,
): Readiness {
  const cluster = nameOfArn(task.clusterArn);
  const details = { cluster, task: task.id, container: container.name };
  const mayCome = isYoung(task, now) && task.desiredStatus === 'RUNNING';

  if (task.desiredStatus === 'STOPPED' || task.lastStatus === 'STOPPED') {
    const reason = task.stoppedReason === undefined ? '' : `: ${task.stoppedReason}`;
    return {
      ready: false,
      mayCome: false,
      error: failed(
        'task-not-running',
        `task ${task.id} is ${task.lastStatus.toLowerCase()} and will not come back${reason}`,
        {
          details: { ...details, status: task.lastStatus, mayCome: false },
        },
      ),
    };
  }
  if (!task.execEnabled)
    return { ready: false, mayCome: false, error: execNotEnabled(task, service, details) };
  if (task.lastStatus !== 'RUNNING') {
    return {
      ready: false,
      mayCome: true,
      error: failed('task-not-running', `task ${task.id} is ${task.lastStatus}, not RUNNING`, {
        details: { ...details, status: task.lastStatus, mayCome: true },
      }),
    };
  }
  if (container.lastStatus === 'STOPPED') {
    return {
      ready: false,
      mayCome: false,
      error: failed('container-not-running', `container ${container.name} of task ${task.id} has stopped`, {
        details: { ...details, mayCome: false },
      }),
    };
  }
  if (container.runtimeId === undefined) {
    return {
      ready: false,
      mayCome,
      error: failed(
        'container-not-running',
        `container ${container.name} of task ${task.id} has not started yet`,
        {
          details: { ...details, status: container.lastStatus, mayCome: true },
        },
      ),
    };
  }
  if (container.execAgent?.status !== 'RUNNING') {
    return { ready: false, mayCome, error: agentNotRunning(task, container, now, details) };
  }
  return { ready: true, target: containerTarget(cluster, task.id, container.runtimeId) };
}

function execNotEnabled(task: Task, service: Service | undefined, details: ContainerFacts): ToolError {
  const name = task.serviceName;
  if (name === undefined) {
    return failed(
      'exec-not-enabled',
      `exec is off in task ${task.id}, and a running task cannot be switched on`,
      {
        details: { ...details, taskDefinition: nameOfArn(task.taskDefinitionArn) },
      },
    );
  }
  return service?.execEnabled === true
    ? failed(
        'exec-not-enabled',
        `task ${task.id} was started before exec was switched on in service ${name}`,
        {
          details: { ...details, service: name, serviceEnabled: true },
        },
      )
    : failed('exec-not-enabled', `exec is off in service ${name}`, {
        details: { ...details, service: name, serviceEnabled: false },
      });
}

function agentNotRunning(task: Task, container: Container, now: number, details: ContainerFacts): ToolError {
  const agent = container.execAgent;
  const state = agent === undefined ? 'absent' : agent.status;
  const reason = agent?.reason === undefined ? '' : `: ${agent.reason}`;
  const since = agent?.startedAt ?? task.startedAt ?? task.createdAt;
  const age = since === undefined ? '' : ` for ${describeDuration(now - since)}`;
  return failed(
    'exec-agent-not-running',
    `the exec agent of container ${container.name} is ${state}${age}${reason}`,
    {
      details: { ...details, agent: state, agentReason: agent?.reason ?? null },
    },
  );
}
