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
  const look = `fargate-connect ls containers --cluster ${cluster} --task ${task.id}   # state of container and agent`;
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
          hints: [`fargate-connect ls tasks --cluster ${cluster}`],
          details: { ...details, status: task.lastStatus },
        },
      ),
    };
  }
  if (!task.execEnabled)
    return { ready: false, mayCome: false, error: execNotEnabled(task, cluster, service, details) };
  if (task.lastStatus !== 'RUNNING') {
    return {
      ready: false,
      mayCome: true,
      error: failed('task-not-running', `task ${task.id} is ${task.lastStatus}, not RUNNING`, {
        hints: ['wait a little and try again', look],
        details: { ...details, status: task.lastStatus },
      }),
    };
  }
  if (container.lastStatus === 'STOPPED') {
    return {
      ready: false,
      mayCome: false,
      error: failed('container-not-running', `container ${container.name} of task ${task.id} has stopped`, {
        hints: [`fargate-connect ls containers --cluster ${cluster} --task ${task.id}`],
        details,
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
          hints: ['wait a little and try again', look],
          details: { ...details, status: container.lastStatus },
        },
      ),
    };
  }
  if (container.execAgent?.status !== 'RUNNING') {
    return { ready: false, mayCome, error: agentNotRunning(task, container, now, look, details) };
  }
  return { ready: true, target: containerTarget(cluster, task.id, container.runtimeId) };
}

function execNotEnabled(
  task: Task,
  cluster: string,
  service: Service | undefined,
  details: ToolError['details'],
): ToolError {
  const name = task.serviceName;
  if (name === undefined) {
    return failed(
      'exec-not-enabled',
      `exec is off in task ${task.id}, and a running task cannot be switched on`,
      {
        hints: [
          `aws ecs run-task --cluster ${cluster} --task-definition ${nameOfArn(task.taskDefinitionArn)} --enable-execute-command …`,
        ],
        details,
      },
    );
  }
  const redeploy = `aws ecs update-service --cluster ${cluster} --service ${name} --enable-execute-command --force-new-deployment`;
  return service?.execEnabled === true
    ? failed(
        'exec-not-enabled',
        `task ${task.id} was started before exec was switched on in service ${name}`,
        {
          hints: [redeploy],
          details: { ...details, service: name },
        },
      )
    : failed('exec-not-enabled', `exec is off in service ${name}`, {
        hints: [
          redeploy,
          'then wait for the new tasks; the task role needs ssmmessages: fargate-connect policy task-role',
        ],
        details: { ...details, service: name },
      });
}

function agentNotRunning(
  task: Task,
  container: Container,
  now: number,
  look: string,
  details: ToolError['details'],
): ToolError {
  const agent = container.execAgent;
  const state = agent === undefined ? 'absent' : agent.status;
  const reason = agent?.reason === undefined ? '' : `: ${agent.reason}`;
  const since = agent?.startedAt ?? task.startedAt ?? task.createdAt;
  const age = since === undefined ? '' : ` for ${describeDuration(now - since)}`;
  return failed(
    'exec-agent-not-running',
    `the exec agent of container ${container.name} is ${state}${age}${reason}`,
    {
      hints: [
        look,
        'fargate-connect policy task-role --check role/ROLE   # does its task role lack ssmmessages',
        'other known causes: a read-only root file system, no way to ssmmessages on port 443',
      ],
      details: { ...details, agent: state, agentReason: agent?.reason ?? null },
    },
  );
}
