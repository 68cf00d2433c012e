import type { Clock } from '../../../core/clock.ts';
import type { ContainerHost, ContainerLaunch, Machine, Timing } from '../../contracts.ts';
import type {
  Seed,
  SeedContainerDefinition,
  SeedSubnet,
  SeedTask,
  SeedTaskDefinition,
} from '../../seed-shapes.ts';
import { hexId, uuid } from '../../gateway/identifiers.ts';
import type { RandomBytes } from '../../random.ts';
import type { ClusterState, ContainerState, DeploymentState, ServiceState, TaskState } from './ecs-model.ts';
import { type EcsAccount, targetOf, taskArn } from './ecs-names.ts';

/** The clusters, services and tasks while the sandbox runs, and how services keep their tasks. */

export interface EcsStateOptions extends EcsAccount {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly timing: Timing;
  readonly containers: ContainerHost;
  /** A task's network interface came up; the returned function is called when it goes. */
  readonly onTaskStarted: ((containers: readonly ContainerLaunch[]) => () => void) | undefined;
  /** A container is gone; its sessions must end. */
  readonly onTargetGone: (target: string) => void;
}

const DAY = 86_400_000;
/** Stopped tasks stay visible for about an hour. */
const STOPPED_VISIBLE_MS = 3_600_000;
const FIRST_RUNTIME_NUMBER = 1_000_000_000;

export class EcsState {
  readonly clusters: readonly ClusterState[];
  readonly services: readonly ServiceState[];
  readonly definitions: readonly SeedTaskDefinition[];
  readonly #options: EcsStateOptions;
  readonly #subnets: ReadonlyMap<string, SeedSubnet>;
  readonly #machines = new Map<string, Machine & { stop(): Promise<void> }>();
  readonly #detach = new Map<string, () => void>();
  readonly #cancels = new Set<() => void>();
  #tasks: TaskState[] = [];

  constructor(options: EcsStateOptions) {
    this.#options = options;
    const { seed, clock } = options;
    const now = clock.now();
    this.#subnets = new Map(seed.subnets.map((subnet) => [subnet.id, subnet]));
    this.definitions = seed.taskDefinitions;
    this.clusters = seed.clusters.map(({ name, kmsKeyId, logging, tags }) => ({
      name,
      kmsKeyId,
      logging,
      tags,
    }));
    this.services = seed.services.map((service) => {
      const definition = this.definition(service.taskDefinition);
      if (definition === undefined) throw new Error(`seed: no task definition ${service.taskDefinition}`);
      const age = Math.max(DAY, ...service.tasks.map((task) => task.startedSecondsAgo * 1000));
      const deployment = this.#newDeployment(definition, now - age);
      const state: ServiceState = {
        name: service.name,
        cluster: service.cluster,
        createdAt: now - age - DAY,
        subnets: service.subnets,
        securityGroups: service.securityGroups,
        publicIp: service.publicIp,
        tags: service.tags,
        definition,
        desiredCount: service.desiredCount,
        execEnabled: service.execEnabled,
        deployments: [deployment],
      };
      for (const task of service.tasks) this.#adopt(state, deployment.id, task, now);
      return state;
    });
  }

  /** Those that DescribeTasks still knows, oldest first. */
  get tasks(): readonly TaskState[] {
    const now = this.#options.clock.now();
    this.#tasks = this.#tasks.filter(
      (task) => task.stoppedAt === undefined || now - task.stoppedAt < STOPPED_VISIBLE_MS,
    );
    return this.#tasks;
  }

  cluster(name: string): ClusterState | undefined {
    return this.clusters.find((cluster) => cluster.name === name);
  }

  service(cluster: string, name: string): ServiceState | undefined {
    return this.services.find((service) => service.cluster === cluster && service.name === name);
  }

  task(cluster: string, id: string): TaskState | undefined {
    return this.tasks.find((task) => task.cluster === cluster && task.id === id);
  }

  /** By `family` (latest revision) or `family:revision`. */
  definition(name: string): SeedTaskDefinition | undefined {
    const [family, revision] = name.split(':');
    return this.definitions
      .filter((item) => item.family === family)
      .filter((item) => revision === undefined || String(item.revision) === revision)
      .sort((a, b) => b.revision - a.revision)[0];
  }

  tasksOf(service: ServiceState): readonly TaskState[] {
    return this.tasks.filter((task) => task.cluster === service.cluster && task.service === service.name);
  }

  subnet(id: string): SeedSubnet | undefined {
    return this.#subnets.get(id);
  }

  /** The container behind a session target. */
  findTarget(target: string): { readonly task: TaskState; readonly container: ContainerState } | undefined {
    for (const task of this.tasks)
      for (const container of task.containers)
        if (
          container.runtimeId !== undefined &&
          targetOf(task.cluster, task.id, container.runtimeId) === target
        )
          return { task, container };
    return undefined;
  }

  /** The machine of a running container, made at its first session. */
  machine(task: TaskState, container: ContainerState): Machine {
    const launch = this.#launch(task, container);
    const known = this.#machines.get(launch.target);
    if (known !== undefined) return known;
    const machine = this.#options.containers(launch);
    this.#machines.set(launch.target, machine);
    return machine;
  }

  /** Starts a deployment: new tasks come up, and when all of them run the old ones are stopped. */
  deploy(service: ServiceState): void {
    const deployment = this.#newDeployment(service.definition, this.#options.clock.now());
    service.deployments = [deployment, ...service.deployments];
    this.#reconcile(service);
  }

  scale(service: ServiceState, desiredCount: number): void {
    service.desiredCount = desiredCount;
    this.#reconcile(service);
  }

  stopTask(task: TaskState, code: NonNullable<TaskState['stopCode']>, reason: string): void {
    if (task.desiredStatus === 'STOPPED') return;
    task.desiredStatus = 'STOPPED';
    task.stoppingAt = this.#options.clock.now();
    task.stopCode = code;
    task.stoppedReason = reason;
    if (task.lastStatus === 'RUNNING') task.lastStatus = 'DEPROVISIONING';
    this.#after(this.#options.timing.taskStoppingMs, () => this.#taskStopped(task));
    const service = this.service(task.cluster, task.service);
    if (service !== undefined) this.#reconcile(service);
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    for (const detach of this.#detach.values()) detach();
    await Promise.all([...this.#machines.values()].map((machine) => machine.stop()));
    this.#machines.clear();
  }

  /** Starts what is missing in the primary deployment, stops what is too much, ends replaced deployments. */
  #reconcile(service: ServiceState): void {
    const primary = service.deployments[0];
    if (primary === undefined) return;
    const wanted = this.tasksOf(service).filter((task) => task.desiredStatus === 'RUNNING');
    const current = wanted.filter((task) => task.deploymentId === primary.id);
    for (let missing = service.desiredCount - current.length; missing > 0; missing--)
      this.#startTask(service, primary);
    for (const surplus of current.slice(service.desiredCount)) this.#stopByScheduler(surplus, service);
    const running = current.filter((task) => task.lastStatus === 'RUNNING').length;
    if (service.deployments.length === 1 || running < service.desiredCount) return;
    service.deployments = [primary];
    primary.updatedAt = this.#options.clock.now();
    for (const old of wanted) if (old.deploymentId !== primary.id) this.#stopByScheduler(old, service);
  }

  #stopByScheduler(task: TaskState, service: ServiceState): void {
    const deployment = service.deployments[0]?.id ?? '';
    this.stopTask(
      task,
      'ServiceSchedulerInitiated',
      `Scaling activity initiated by (deployment ${deployment})`,
    );
  }

  #startTask(service: ServiceState, deployment: DeploymentState): void {
    const { clock, randomBytes, timing } = this.#options;
    const id = hexId(randomBytes, 32);
    const task = this.#makeTask(service, deployment.id, {
      id,
      definition: deployment.definition,
      execEnabled: service.execEnabled,
      createdAt: clock.now(),
      ...this.#place(service),
      containers: deployment.definition.containers.map((definition) =>
        this.#newContainer(definition, service.execEnabled),
      ),
    });
    this.#after(timing.taskPendingMs, () => this.#taskRuns(task));
  }

  #taskRuns(task: TaskState): void {
    if (task.desiredStatus === 'STOPPED') return;
    const { clock, randomBytes, timing } = this.#options;
    task.lastStatus = 'RUNNING';
    task.startedAt = clock.now();
    for (const container of task.containers) {
      container.lastStatus = 'RUNNING';
      const number = FIRST_RUNTIME_NUMBER + Number.parseInt(hexId(randomBytes, 7), 16);
      container.runtimeId = `${task.id}-${number}`;
    }
    this.#interfaceUp(task);
    if (task.execEnabled) this.#after(timing.execAgentStartMs, () => this.#agentStarts(task));
    const service = this.service(task.cluster, task.service);
    if (service !== undefined) this.#reconcile(service);
  }

  #agentStarts(task: TaskState): void {
    if (task.lastStatus !== 'RUNNING') return;
    for (const container of task.containers) {
      // The agent writes to the container's file system; on a read-only one it cannot start (docs/reference/ecs-exec.md §1).
      container.agent = container.definition.readonlyRoot ? 'STOPPED' : 'RUNNING';
      container.agentReason = container.definition.readonlyRoot ? 'Unable to start agent' : undefined;
      container.agentStartedAt = this.#options.clock.now();
    }
  }

  #taskStopped(task: TaskState): void {
    task.lastStatus = 'STOPPED';
    task.stoppedAt = this.#options.clock.now();
    this.#detach.get(task.id)?.();
    this.#detach.delete(task.id);
    for (const container of task.containers) {
      container.lastStatus = 'STOPPED';
      if (container.agent !== undefined) container.agent = 'STOPPED';
      if (container.runtimeId === undefined) continue;
      const target = targetOf(task.cluster, task.id, container.runtimeId);
      this.#options.onTargetGone(target);
      void this.#machines.get(target)?.stop();
      this.#machines.delete(target);
    }
  }

  #adopt(service: ServiceState, deploymentId: string, seed: SeedTask, now: number): void {
    const startedAt = now - seed.startedSecondsAgo * 1000;
    const task = this.#makeTask(service, deploymentId, {
      id: seed.id,
      definition: service.definition,
      execEnabled: seed.execEnabled,
      createdAt: startedAt - 30_000,
      privateIp: seed.privateIp,
      subnetId: seed.subnetId,
      containers: seed.containers.map((item) => ({
        ...this.#newContainer(
          service.definition.containers.find((definition) => definition.name === item.name) ??
            injectedContainer(item.name),
          seed.execEnabled,
        ),
        lastStatus: item.lastStatus,
        health: item.health,
        runtimeId: item.runtimeId,
        agent: item.agent,
        agentReason: item.agent === 'STOPPED' ? 'Unable to start agent' : undefined,
        agentStartedAt: item.agent === undefined ? undefined : startedAt + 5000,
      })),
    });
    task.lastStatus = seed.lastStatus;
    task.startedAt = seed.lastStatus === 'PENDING' ? undefined : startedAt;
    if (seed.lastStatus === 'RUNNING') this.#interfaceUp(task);
  }

  #makeTask(
    service: ServiceState,
    deploymentId: string,
    of: Pick<
      TaskState,
      'id' | 'definition' | 'execEnabled' | 'createdAt' | 'privateIp' | 'subnetId' | 'containers'
    >,
  ): TaskState {
    const { randomBytes } = this.#options;
    const task: TaskState = {
      ...of,
      cluster: service.cluster,
      service: service.name,
      deploymentId,
      securityGroups: service.securityGroups,
      publicIp: service.publicIp,
      networkInterfaceId: `eni-${hexId(randomBytes, 17)}`,
      attachmentId: uuid(randomBytes),
      desiredStatus: 'RUNNING',
      lastStatus: 'PENDING',
      startedAt: undefined,
      stoppingAt: undefined,
      stoppedAt: undefined,
      stopCode: undefined,
      stoppedReason: undefined,
    };
    this.#tasks.push(task);
    return task;
  }

  #newContainer(definition: SeedContainerDefinition, execEnabled: boolean): ContainerState {
    return {
      id: uuid(this.#options.randomBytes),
      name: definition.name,
      definition,
      lastStatus: 'PENDING',
      health: 'UNKNOWN',
      runtimeId: undefined,
      agent: execEnabled ? 'PENDING' : undefined,
      agentReason: undefined,
      agentStartedAt: undefined,
    };
  }

  #newDeployment(definition: SeedTaskDefinition, at: number): DeploymentState {
    const number = Number.parseInt(hexId(this.#options.randomBytes, 12), 16);
    return {
      id: `ecs-svc/${String(number).padStart(19, '0')}`,
      definition,
      createdAt: at,
      updatedAt: at,
    };
  }

  /** A free address in the service's subnet with the fewest of its tasks. */
  #place(service: ServiceState): { readonly subnetId: string; readonly privateIp: string } {
    const load = (subnetId: string): number =>
      this.tasksOf(service).filter((task) => task.desiredStatus === 'RUNNING' && task.subnetId === subnetId)
        .length;
    const subnetId = [...service.subnets].sort((a, b) => load(a) - load(b))[0] ?? '';
    const taken = new Set(this.tasks.map((task) => task.privateIp));
    const prefix = (this.#subnets.get(subnetId)?.cidr ?? '10.255.255.0/24').split('.').slice(0, 3).join('.');
    // From above: instances and the seed's tasks sit at the low end of their subnets.
    for (let host = 250; host > 4; host--)
      if (!taken.has(`${prefix}.${host}`)) return { subnetId, privateIp: `${prefix}.${host}` };
    return { subnetId, privateIp: `${prefix}.251` };
  }

  #interfaceUp(task: TaskState): void {
    const launches = task.containers.map((container) => this.#launch(task, container));
    const detach = this.#options.onTaskStarted?.(launches);
    if (detach !== undefined) this.#detach.set(task.id, detach);
  }

  #launch(task: TaskState, container: ContainerState): ContainerLaunch {
    const { region, accountId } = this.#options;
    return {
      target: targetOf(task.cluster, task.id, container.runtimeId ?? ''),
      region,
      accountId,
      cluster: task.cluster,
      service: task.service,
      taskArn: taskArn(this.#options, task.cluster, task.id),
      taskDefinition: task.definition,
      container: container.definition,
      privateIp: task.privateIp,
      subnetId: task.subnetId,
      securityGroupIds: task.securityGroups,
    };
  }

  #after(ms: number, work: () => void): void {
    const cancel = this.#options.clock.timer(ms, () => {
      this.#cancels.delete(cancel);
      work();
    });
    this.#cancels.add(cancel);
  }
}

/** A side-car that ECS itself adds: Service Connect, runtime monitoring (docs/reference/ecs-exec.md §1). */
const injectedContainer = (name: string): SeedContainerDefinition => ({
  name,
  image: 'ecs-service-connect-agent:interface-v1',
  essential: true,
  command: [],
  environment: {},
  secretNames: [],
  ports: [],
  initProcess: false,
  readonlyRoot: false,
});
