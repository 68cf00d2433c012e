import { nameOfArn } from '../../core/arn.ts';
import type { Container, ContainerVerdict, Service, Task } from '../../connect/ports.ts';
import { errorOf } from '../errors.ts';
import type { FindingOf } from '../finding.ts';

/** Determines what prevents a session to a container, as far as DescribeTasks and DescribeServices show it. Pure. */

export type ContainerFinding =
  | FindingOf<'task-not-running'>
  | FindingOf<'exec-not-enabled'>
  | FindingOf<'container-not-running'>
  | FindingOf<'exec-agent-not-running'>;

/** The agent of a task younger than this may still be starting (docs/reference/ecs-exec.md §2). */
const YOUNG_MS = 120_000;

/** Until when the agent of a task may still be starting, in milliseconds since the epoch. */
const settledAt = (task: Task): number => (task.startedAt ?? task.createdAt ?? 0) + YOUNG_MS;

/** The verdict for which connect/ waits; an error if there is a finding. */
export function judgeContainer(
  task: Task,
  container: Container,
  service: Service | undefined,
  now: number,
): ContainerVerdict {
  const finding = containerFinding(task, container, service, now);
  const { runtimeId } = container;
  if (finding !== undefined)
    return { ready: false, mayStart: mayStart(finding, task, now), error: errorOf(finding) };
  // A container without a runtime id always has a finding, so that the empty text is never used.
  return { ready: true, runtimeId: runtimeId ?? '', settledAt: settledAt(task) };
}

/** Whether waiting can help. */
function mayStart({ id, evidence }: ContainerFinding, task: Task, now: number): boolean {
  if (id === 'exec-not-enabled' || evidence['mayStart'] === false) return false;
  return id === 'task-not-running' || (now < settledAt(task) && task.desiredStatus === 'RUNNING');
}

/**
 * The first cause in the order in which the requirements depend on each other (docs/reference/ecs-exec.md §2);
 * undefined = nothing prevents a session. `service`, when known, distinguishes a task that was started before ECS Exec
 * was enabled from a service that has it disabled.
 */
export function containerFinding(
  task: Task,
  container: Container,
  service: Service | undefined,
  now: number,
): ContainerFinding | undefined {
  const about = { cluster: nameOfArn(task.clusterArn), task: task.id, container: container.name };
  const status = task.lastStatus;
  const blocking = { severity: 'blocking', fixes: [] } as const;
  if (task.desiredStatus === 'STOPPED' || status === 'STOPPED') {
    const evidence = { ...about, status, mayStart: false, stoppedReason: task.stoppedReason };
    return { id: 'task-not-running', evidence, ...blocking };
  }
  if (!task.execEnabled) return execNotEnabled(task, service, about);
  if (status !== 'RUNNING')
    return { id: 'task-not-running', evidence: { ...about, status, mayStart: true }, ...blocking };
  if (container.lastStatus === 'STOPPED')
    return { id: 'container-not-running', evidence: { ...about, mayStart: false }, ...blocking };
  if (container.runtimeId === undefined) {
    const evidence = { ...about, status: container.lastStatus, mayStart: true };
    return { id: 'container-not-running', evidence, ...blocking };
  }
  const agent = container.execAgent;
  if (agent?.status === 'RUNNING') return undefined;
  const since = agent?.startedAt ?? task.startedAt ?? task.createdAt;
  return {
    id: 'exec-agent-not-running',
    evidence: {
      ...about,
      agent: agent?.status ?? 'absent',
      agentReason: agent?.reason ?? null,
      stateAgeMs: since === undefined ? undefined : now - since,
    },
    severity: 'blocking',
    fixes:
      task.serviceName === undefined ? [] : [[{ kind: 'stop-task', cluster: about.cluster, task: task.id }]],
  };
}

function execNotEnabled(
  task: Task,
  service: Service | undefined,
  about: { readonly cluster: string; readonly task: string; readonly container: string },
): FindingOf<'exec-not-enabled'> {
  const { cluster } = about;
  const id = 'exec-not-enabled';
  const severity = 'blocking';
  if (task.serviceName === undefined) {
    const taskDefinition = nameOfArn(task.taskDefinitionArn);
    const fixes = [[{ kind: 'run-task', cluster, taskDefinition, enableExecuteCommand: true }]] as const;
    return { id, severity, evidence: { ...about, taskDefinition }, fixes };
  }
  const serviceEnabled = service?.execEnabled === true;
  return {
    id,
    severity,
    evidence: { ...about, service: task.serviceName, serviceEnabled },
    fixes: [
      [
        {
          kind: 'redeploy-service',
          cluster,
          service: task.serviceName,
          ...(serviceEnabled ? {} : { enableExecuteCommand: true }),
        },
      ],
    ],
  };
}
