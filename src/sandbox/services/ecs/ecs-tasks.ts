import type { Clock } from '../../../core/clock.ts';
import type {
  ContainerHost,
  ContainerLaunch,
  ContainerMachine,
  Machine,
  MachineProcess,
  Timing,
} from '../../contracts.ts';
import { hexId } from '../../gateway/identifiers.ts';
import type { RandomBytes } from '../../random.ts';
import type {
  ContainerState,
  DefinitionState,
  Fields,
  ServiceState,
  StopCode,
  TaskState,
} from './ecs-model.ts';
import { targetOf, taskArn } from './ecs-names.ts';
import { applyOverrides } from './ecs-overrides.ts';
import type { TaskPreparation } from './ecs-preparation.ts';
import type { EcsState } from './ecs-state.ts';

/** The states of a task from its start to its end, and the machines of its containers. */

export interface TaskRunnerDeps {
  readonly state: EcsState;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly timing: Timing;
  readonly containers: ContainerHost;
  readonly preparation: TaskPreparation;
  /** Called when a task's network interface is up; the returned function is called when the interface is removed. */
  readonly onTaskStarted: ((containers: readonly ContainerLaunch[]) => () => void) | undefined;
  /** Called when a container has ended; its sessions must end. */
  readonly onTargetGone: (target: string) => void;
}

/** What a new task is made from. */
export interface TaskRequest {
  readonly cluster: string;
  readonly service?: ServiceState;
  readonly startedBy: string | undefined;
  readonly group: string;
  readonly definition: DefinitionState;
  readonly execEnabled: boolean;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicIp: boolean;
  readonly tags: TaskState['tags'];
  readonly overrides?: Fields | undefined;
}

const FIRST_RUNTIME_NUMBER = 1_000_000_000;
const SIGKILL_STATUS = 137;
const SIGTERM_STATUS = 143;
const OUT_OF_MEMORY = 'OutOfMemoryError: Container killed due to memory usage';

export class TaskRunner {
  readonly #deps: TaskRunnerDeps;
  readonly #machines = new Map<string, ContainerMachine>();
  readonly #programs = new Map<ContainerState, MachineProcess>();
  readonly #detach = new Map<TaskState, () => void>();
  readonly #cancels = new Set<() => void>();
  /** Called when a task runs, when it has been told to stop, and when it has stopped. */
  onChange: (task: TaskState) => void = () => undefined;

  constructor(deps: TaskRunnerDeps) {
    this.#deps = deps;
  }

  start(request: TaskRequest): TaskState {
    const { state, randomBytes, timing } = this.#deps;
    const { service, definition, execEnabled } = request;
    const task = state.newTask({
      id: hexId(randomBytes, 32),
      cluster: request.cluster,
      service: service?.name,
      startedBy: request.startedBy,
      group: request.group,
      definition,
      execEnabled,
      securityGroups: request.securityGroups,
      publicIp: request.publicIp,
      tags: request.tags,
      overrides: request.overrides,
      ...state.place(request.subnets, service === undefined ? [] : state.tasksOf(service)),
      containers: definition.containers.map((container) =>
        state.newContainer(applyOverrides(container, request.overrides), execEnabled),
      ),
    });
    this.after(timing.taskPendingMs / 3, () => {
      if (task.desiredStatus === 'STOPPED') return;
      task.lastStatus = 'PENDING';
      task.pullStartedAt = state.now;
    });
    this.after(timing.taskPendingMs, () => this.#begin(task));
    return task;
  }

  /** Sets up the network interface and the log of a task that the seed declares as running. */
  adopt(task: TaskState): void {
    this.#interfaceUp(task);
  }

  stop(task: TaskState, code: StopCode, reason: string): void {
    if (task.desiredStatus === 'STOPPED') return;
    const { state, timing } = this.#deps;
    task.desiredStatus = 'STOPPED';
    task.stoppingAt = state.now;
    task.stopCode = code;
    task.stoppedReason = reason;
    if (task.lastStatus === 'RUNNING') task.lastStatus = 'STOPPING';
    for (const container of task.containers) this.#programs.get(container)?.kill('SIGTERM');
    this.after(timing.taskStoppingMs, () => this.#end(task));
    this.onChange(task);
  }

  /**
   * The machine of a running container. It is made at the first session, unless a main program already runs on it.
   */
  machine(task: TaskState, container: ContainerState): Machine {
    return this.#machineOf(this.#launch(task, container));
  }

  /** Runs `work` after `ms`, unless the sandbox ends before. */
  after(ms: number, work: () => void): void {
    const cancel = this.#deps.clock.timer(ms, () => {
      this.#cancels.delete(cancel);
      work();
    });
    this.#cancels.add(cancel);
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    for (const detach of this.#detach.values()) detach();
    await Promise.all([...this.#machines.values()].map((machine) => machine.stop()));
    this.#machines.clear();
  }

  /** Checks image, secrets and log; then the containers run. */
  #begin(task: TaskState): void {
    if (task.desiredStatus === 'STOPPED') return;
    const { state, preparation, randomBytes, timing } = this.#deps;
    const failure = preparation.failureOf(task);
    if (failure !== undefined) {
      for (const container of task.containers) container.reason = failure.containers.get(container);
      this.stop(task, 'TaskFailedToStart', failure.reason);
      return;
    }
    task.lastStatus = 'RUNNING';
    task.pullStoppedAt = state.now;
    task.startedAt = state.now;
    for (const container of task.containers) {
      container.lastStatus = 'RUNNING';
      const number = FIRST_RUNTIME_NUMBER + Number.parseInt(hexId(randomBytes, 7), 16);
      container.runtimeId = `${task.id}-${number}`;
      if (task.definition.registered !== undefined && hasHealthCheck(task, container))
        container.health = 'HEALTHY';
    }
    this.#interfaceUp(task);
    if (task.definition.registered !== undefined)
      for (const container of task.containers) void this.#runProgram(task, container);
    if (task.execEnabled) this.after(timing.execAgentStartMs, () => this.#agentStarts(task));
    this.onChange(task);
  }

  #agentStarts(task: TaskState): void {
    if (task.lastStatus !== 'RUNNING') return;
    for (const container of task.containers) {
      if (container.lastStatus !== 'RUNNING') continue;
      // The agent writes to the container's file system, so it cannot start if that is read-only
      // (docs/reference/ecs-exec.md §1).
      container.agent = container.definition.readonlyRoot ? 'STOPPED' : 'RUNNING';
      container.agentReason = container.definition.readonlyRoot ? 'Unable to start agent' : undefined;
      container.agentStartedAt = this.#deps.state.now;
    }
  }

  /**
   * Runs the command of the task definition, if this machine has the program; a program of the image does not exist
   * here.
   */
  async #runProgram(task: TaskState, container: ContainerState): Promise<void> {
    const launch = this.#launch(task, container);
    if (launch.container.command.length === 0) return;
    const program = await this.#machineOf(launch)
      .startMain()
      .catch(() => undefined);
    if (program === undefined) return;
    if (task.desiredStatus === 'STOPPED') {
      program.kill('SIGKILL');
      return;
    }
    this.#programs.set(container, program);
    const { log = () => undefined } = launch;
    const [out, err] = [lineWriter(log), lineWriter(log)];
    program.onStdout((bytes) => out.write(bytes));
    program.onStderr((bytes) => err.write(bytes));
    program.onExit(({ code, signal }) => {
      out.end();
      err.end();
      this.#programs.delete(container);
      this.#exited(task, container, signal === undefined ? code : 128 + signal);
    });
  }

  #exited(task: TaskState, container: ContainerState, status: number): void {
    if (container.lastStatus === 'STOPPED') return;
    container.exitCode = status;
    // Only the out-of-memory killer sends SIGKILL to a program in a Fargate container that has not been told to stop.
    if (status === SIGKILL_STATUS && task.desiredStatus === 'RUNNING') container.reason = OUT_OF_MEMORY;
    this.#containerStopped(task, container);
    if (container.definition.essential)
      this.stop(task, 'EssentialContainerExited', 'Essential container in task exited');
  }

  #containerStopped(task: TaskState, container: ContainerState): void {
    container.lastStatus = 'STOPPED';
    container.health = 'UNKNOWN';
    if (container.agent !== undefined) container.agent = 'STOPPED';
    if (container.runtimeId === undefined) return;
    const target = targetOf(task.cluster, task.id, container.runtimeId);
    this.#deps.onTargetGone(target);
    void this.#machines.get(target)?.stop();
    this.#machines.delete(target);
  }

  #end(task: TaskState): void {
    task.lastStatus = 'STOPPED';
    task.stoppedAt = this.#deps.state.now;
    this.#detach.get(task)?.();
    this.#detach.delete(task);
    for (const container of task.containers) {
      if (container.lastStatus === 'RUNNING')
        container.exitCode ??= this.#programs.has(container) ? SIGKILL_STATUS : SIGTERM_STATUS;
      this.#containerStopped(task, container);
    }
    this.#deps.state.releaseAddress(task);
    this.onChange(task);
  }

  #interfaceUp(task: TaskState): void {
    const launches = task.containers.map((container) => this.#launch(task, container));
    const detach = this.#deps.onTaskStarted?.(launches);
    if (detach !== undefined) this.#detach.set(task, detach);
  }

  #machineOf(launch: ContainerLaunch): ContainerMachine {
    const known = this.#machines.get(launch.target);
    if (known !== undefined) return known;
    const machine = this.#deps.containers(launch);
    this.#machines.set(launch.target, machine);
    return machine;
  }

  #launch(task: TaskState, container: ContainerState): ContainerLaunch {
    const { preparation } = this.#deps;
    const { region, accountId } = this.#deps.state.account;
    const log = preparation.logOf(task, container);
    return {
      target: targetOf(task.cluster, task.id, container.runtimeId ?? ''),
      region,
      accountId,
      cluster: task.cluster,
      service: task.service,
      taskArn: taskArn({ region, accountId }, task.cluster, task.id),
      taskDefinition: task.definition,
      container: container.definition,
      secrets: preparation.secretsOf(container),
      ...(log === undefined ? {} : { log }),
      privateIp: task.privateIp,
      subnetId: task.subnetId,
      securityGroupIds: task.securityGroups,
    };
  }
}

function hasHealthCheck(task: TaskState, container: ContainerState): boolean {
  const raw = task.definition.registered?.['containerDefinitions'];
  return (
    Array.isArray(raw) &&
    raw.some((item: Fields) => item['name'] === container.name && item['healthCheck'] !== undefined)
  );
}

const MAX_LINE_BYTES = 256 * 1024;

/** Passes on whole lines, as the awslogs driver does; a line that is too long is split. */
function lineWriter(log: (line: string) => void): { write(bytes: Uint8Array): void; end(): void } {
  let rest = Buffer.alloc(0);
  return {
    write(bytes) {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const at = rest.indexOf('\n');
        const end = at === -1 || at > MAX_LINE_BYTES ? Math.min(rest.byteLength, MAX_LINE_BYTES) : at;
        if (at === -1 && rest.byteLength < MAX_LINE_BYTES) return;
        log(rest.toString('utf8', 0, end).replace(/\r$/, ''));
        rest = rest.subarray(end === at ? end + 1 : end);
      }
    },
    end() {
      if (rest.byteLength > 0) log(rest.toString('utf8'));
      rest = Buffer.alloc(0);
    },
  };
}
