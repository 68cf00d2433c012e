import type { Timing } from '../../contracts.ts';
import { optionalFlag } from '../members.ts';
import type { DeploymentState, Fields, ServiceState, TaskState } from './ecs-model.ts';
import type { EcsState } from './ecs-state.ts';
import type { TaskRunner } from './ecs-tasks.ts';

/** How services keep their tasks running: the rolling deployments of ECS's own controller. */

/** Number of consecutive failures after which an event reports them. */
const UNSTABLE_AFTER = 3;
const MAX_BACKOFF = 32;

export class ServiceScheduler {
  readonly #state: EcsState;
  readonly #tasks: TaskRunner;
  readonly #timing: Timing;
  /** Services whose next start is delayed because their last tasks failed. */
  readonly #waiting = new Set<ServiceState>();
  /** Tasks that have started to run only a moment ago. */
  readonly #fresh = new WeakSet<TaskState>();
  readonly #reconciling = new Map<ServiceState, 'once' | 'again'>();

  constructor(state: EcsState, tasks: TaskRunner, timing: Timing) {
    this.#state = state;
    this.#tasks = tasks;
    this.#timing = timing;
    tasks.onChange = (task) => this.#taskChanged(task);
  }

  /**
   * Starts a deployment: new tasks are started, and when all of them have run for a while the old ones are stopped.
   */
  deploy(service: ServiceState): void {
    const deployment = this.#state.newDeployment(service.definition, this.#state.now);
    service.deployments = [deployment, ...service.deployments];
    service.isSteady = false;
    this.reconcile(service);
  }

  scale(service: ServiceState, desiredCount: number): void {
    service.desiredCount = desiredCount;
    service.isSteady = false;
    this.reconcile(service);
  }

  /** The service is DRAINING until its tasks have stopped, then INACTIVE. */
  remove(service: ServiceState): void {
    service.status = 'DRAINING';
    service.desiredCount = 0;
    service.deployments = service.deployments.slice(0, 1);
    for (const task of this.#state.tasksOf(service)) this.#stopByScheduler(task, service);
    this.#settle(service);
  }

  /**
   * Starts the tasks that are missing in the primary deployment, stops surplus tasks, and ends replaced deployments.
   */
  reconcile(service: ServiceState): void {
    // A task that is told to stop reports that at once, which calls this method again; the second call is deferred
    // until the first has finished.
    if (this.#reconciling.has(service)) {
      this.#reconciling.set(service, 'again');
      return;
    }
    do {
      this.#reconciling.set(service, 'once');
      this.#reconcileOnce(service);
    } while (this.#reconciling.get(service) === 'again');
    this.#reconciling.delete(service);
  }

  #reconcileOnce(service: ServiceState): void {
    const primary = service.deployments[0];
    if (primary === undefined || service.status !== 'ACTIVE') return;
    const wanted = this.#state.tasksOf(service).filter((task) => task.desiredStatus === 'RUNNING');
    const current = wanted.filter((task) => task.startedBy === primary.id);
    this.#startMissing(service, primary, service.desiredCount - current.length);
    for (const surplus of current.slice(service.desiredCount)) this.#stopByScheduler(surplus, service);
    const settled = current.filter((task) => this.#isSettled(task)).length;
    if (settled < service.desiredCount) return;
    if (service.deployments.length > 1) {
      service.deployments = [primary];
      primary.updatedAt = this.#state.now;
      for (const old of wanted) if (old.startedBy !== primary.id) this.#stopByScheduler(old, service);
    }
    if (!primary.isCompleted) {
      primary.isCompleted = true;
      primary.failedTasks = 0;
      this.#state.addEvent(service, `(deployment ${primary.id}) deployment completed.`);
    }
    if (!service.isSteady) {
      service.isSteady = true;
      this.#state.addEvent(service, 'has reached a steady state.');
    }
  }

  /** A task whose program ends right after its start must not replace a running task. */
  #isSettled(task: TaskState): boolean {
    return task.lastStatus === 'RUNNING' && !this.#fresh.has(task);
  }

  #startMissing(service: ServiceState, primary: DeploymentState, missing: number): void {
    if (missing <= 0 || primary.isFailed || this.#waiting.has(service)) return;
    const { definition, id: startedBy } = primary;
    const started = Array.from({ length: missing }, () =>
      this.#tasks.start({
        cluster: service.cluster,
        service,
        startedBy,
        group: `service:${service.name}`,
        definition,
        execEnabled: service.execEnabled,
        subnets: service.subnets,
        securityGroups: service.securityGroups,
        publicIp: service.publicIp,
        tags: propagatedTags(service),
      }),
    );
    service.isSteady = false;
    this.#state.addEvent(service, `has started ${started.length} tasks: ${namesOf(started)}.`);
  }

  #stopByScheduler(task: TaskState, service: ServiceState): void {
    if (task.desiredStatus === 'STOPPED') return;
    const deployment = service.deployments[0]?.id ?? '';
    this.#tasks.stop(
      task,
      'ServiceSchedulerInitiated',
      `Scaling activity initiated by (deployment ${deployment})`,
    );
    this.#state.addEvent(service, `has stopped 1 running tasks: ${namesOf([task])}.`);
  }

  #taskChanged(task: TaskState): void {
    const service = task.service === undefined ? undefined : this.#state.service(task.cluster, task.service);
    if (service === undefined) return;
    if (service.status !== 'ACTIVE') {
      this.#settle(service);
      return;
    }
    if (task.lastStatus === 'RUNNING') {
      this.#fresh.add(task);
      this.#tasks.after(this.#timing.taskPendingMs, () => {
        this.#fresh.delete(task);
        this.reconcile(service);
      });
    }
    const failed = task.stopCode === 'TaskFailedToStart' || task.stopCode === 'EssentialContainerExited';
    const primary = service.deployments[0];
    if (failed && task.stoppedAt === undefined && primary !== undefined && primary.id === task.startedBy)
      this.#taskFailed(service, primary);
    this.reconcile(service);
  }

  /** Delays between tries grow, as ECS throttles a service whose tasks fail. */
  #taskFailed(service: ServiceState, primary: DeploymentState): void {
    primary.failedTasks++;
    primary.updatedAt = this.#state.now;
    if (primary.failedTasks === UNSTABLE_AFTER)
      this.#state.addEvent(
        service,
        'is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
      );
    const breaker = circuitBreaker(service.settings);
    const threshold = Math.max(UNSTABLE_AFTER, Math.min(200, Math.ceil(service.desiredCount / 2)));
    if (breaker.isOn && !primary.isCompleted && primary.failedTasks >= threshold) {
      this.#giveUp(service, primary, breaker.rollsBack);
      return;
    }
    if (this.#waiting.has(service)) return;
    this.#waiting.add(service);
    const factor = Math.min(MAX_BACKOFF, 2 ** (primary.failedTasks - 1));
    this.#tasks.after(this.#timing.taskPendingMs * factor, () => {
      this.#waiting.delete(service);
      this.reconcile(service);
    });
  }

  #giveUp(service: ServiceState, primary: DeploymentState, rollsBack: boolean): void {
    primary.isFailed = true;
    this.#state.addEvent(service, `(deployment ${primary.id}) deployment failed: tasks failed to start.`);
    const previous = service.deployments.find((deployment) => deployment.isCompleted);
    if (!rollsBack || previous === undefined) return;
    this.#state.addEvent(service, `rolling back to (deployment ${previous.id}).`);
    service.definition = previous.definition;
    service.deployments = [previous];
    for (const task of this.#state.tasksOf(service))
      if (task.startedBy !== previous.id) this.#stopByScheduler(task, service);
  }

  #settle(service: ServiceState): void {
    const alive = this.#state.tasksOf(service).some(({ lastStatus }) => lastStatus !== 'STOPPED');
    if (service.status === 'DRAINING' && !alive) service.status = 'INACTIVE';
  }
}

/** The tags that a service copies to its tasks. */
function propagatedTags({ settings, tags, definition }: ServiceState): ServiceState['tags'] {
  if (settings['propagateTags'] === 'SERVICE') return tags;
  return settings['propagateTags'] === 'TASK_DEFINITION' ? (definition.tags ?? []) : [];
}

const namesOf = (tasks: readonly TaskState[]): string => tasks.map(({ id }) => `(task ${id})`).join(' ');

function circuitBreaker(settings: Fields): { readonly isOn: boolean; readonly rollsBack: boolean } {
  const configuration = (settings['deploymentConfiguration'] ?? {}) as Fields;
  const breaker = (configuration['deploymentCircuitBreaker'] ?? {}) as Fields;
  return {
    isOn: optionalFlag(breaker, 'enable') === true,
    rollsBack: optionalFlag(breaker, 'rollback') === true,
  };
}
