import type { Clock } from '../../../core/clock.ts';
import { hexId, uuid } from '../../gateway/identifiers.ts';
import type { RandomBytes } from '../../random.ts';
import type { Seed, SeedContainerDefinition, SeedSubnet, SeedTask } from '../../seed-shapes.ts';
import type {
  ClusterState,
  ContainerState,
  DefinitionState,
  DeploymentState,
  ServiceState,
  TaskState,
} from './ecs-model.ts';
import { type EcsAccount, targetOf } from './ecs-names.ts';

/** The clusters, services, task definitions and tasks of one region, and the look-ups for them. */

export interface EcsStateOptions extends EcsAccount {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

const DAY = 86_400_000;
/** Stopped tasks stay visible for about an hour. */
const STOPPED_VISIBLE_MS = 3_600_000;
const MAX_EVENTS = 100;

const key = (cluster: string, name: string): string => `${cluster}/${name}`;

export class EcsState {
  readonly #options: EcsStateOptions;
  readonly #subnets: ReadonlyMap<string, SeedSubnet>;
  readonly #clusters = new Map<string, ClusterState>();
  readonly #services = new Map<string, ServiceState>();
  /** Revisions of each family, oldest first. */
  readonly #definitions = new Map<string, DefinitionState[]>();
  readonly #inactiveDefinitions = new Set<DefinitionState>();
  readonly #tasks = new Map<string, TaskState>();
  readonly #tasksOfService = new Map<string, Set<TaskState>>();
  readonly #takenAddresses = new Set<string>();

  constructor(options: EcsStateOptions) {
    this.#options = options;
    const { seed } = options;
    this.#subnets = new Map(seed.subnets.map((subnet) => [subnet.id, subnet]));
    for (const definition of seed.taskDefinitions) this.addDefinition(definition);
    for (const { name, kmsKeyId, logging, tags } of seed.clusters)
      this.addCluster({ name, kmsKeyId, logging, tags, settings: {}, status: 'ACTIVE' });
  }

  get now(): number {
    return this.#options.clock.now();
  }

  get account(): EcsAccount {
    return this.#options;
  }

  get clusters(): readonly ClusterState[] {
    return [...this.#clusters.values()];
  }

  get services(): readonly ServiceState[] {
    return [...this.#services.values()];
  }

  /** Definitions of all families, oldest revision first. */
  get definitions(): readonly DefinitionState[] {
    return [...this.#definitions.values()].flat();
  }

  /** The tasks that DescribeTasks still returns, oldest first. */
  get tasks(): readonly TaskState[] {
    const tasks = [...this.#tasks.values()];
    const forgotten = tasks.filter((task) => this.#isForgotten(task));
    for (const task of forgotten) this.#forget(task);
    return forgotten.length === 0 ? tasks : [...this.#tasks.values()];
  }

  addCluster(cluster: ClusterState): ClusterState {
    this.#clusters.set(cluster.name, cluster);
    return cluster;
  }

  cluster(name: string): ClusterState | undefined {
    return this.#clusters.get(name);
  }

  addService(service: ServiceState): ServiceState {
    this.#services.set(key(service.cluster, service.name), service);
    return service;
  }

  service(cluster: string, name: string): ServiceState | undefined {
    return this.#services.get(key(cluster, name));
  }

  servicesIn(cluster: string): readonly ServiceState[] {
    return this.services.filter((service) => service.cluster === cluster);
  }

  /** The number that the next revision of a family gets. */
  nextRevision(family: string): number {
    return (this.#definitions.get(family)?.at(-1)?.revision ?? 0) + 1;
  }

  addDefinition(definition: DefinitionState): DefinitionState {
    const family = this.#definitions.get(definition.family) ?? [];
    this.#definitions.set(definition.family, [...family, definition]);
    return definition;
  }

  /** Looks up `family` (latest active revision) or `family:revision` (any status). */
  definition(name: string): DefinitionState | undefined {
    const [family = '', revision] = name.split(':');
    const revisions = this.#definitions.get(family) ?? [];
    return revision === undefined
      ? revisions.findLast((item) => this.isActive(item))
      : revisions.find((item) => String(item.revision) === revision);
  }

  isActive(definition: DefinitionState): boolean {
    return !this.#inactiveDefinitions.has(definition);
  }

  deactivate(definition: DefinitionState): void {
    this.#inactiveDefinitions.add(definition);
  }

  task(cluster: string, id: string): TaskState | undefined {
    const task = this.#tasks.get(key(cluster, id));
    if (task === undefined || !this.#isForgotten(task)) return task;
    this.#forget(task);
    return undefined;
  }

  tasksOf(service: ServiceState): readonly TaskState[] {
    const tasks = this.#tasksOfService.get(key(service.cluster, service.name)) ?? [];
    return [...tasks].filter((task) => !this.#isForgotten(task));
  }

  addTask(task: TaskState): TaskState {
    this.#tasks.set(key(task.cluster, task.id), task);
    this.#takenAddresses.add(task.privateIp);
    if (task.service !== undefined) {
      const name = key(task.cluster, task.service);
      this.#tasksOfService.set(name, (this.#tasksOfService.get(name) ?? new Set()).add(task));
    }
    return task;
  }

  subnet(id: string): SeedSubnet | undefined {
    return this.#subnets.get(id);
  }

  /** The container that a session target names. */
  findTarget(target: string): { readonly task: TaskState; readonly container: ContainerState } | undefined {
    const match = /^ecs:(.+)_([0-9a-f]{32,36})_([^_]+)$/.exec(target);
    const task = match === null ? undefined : this.task(match[1] ?? '', match[2] ?? '');
    const container = task?.containers.find(
      ({ runtimeId }) => runtimeId !== undefined && targetOf(task.cluster, task.id, runtimeId) === target,
    );
    return task === undefined || container === undefined ? undefined : { task, container };
  }

  /** Chooses the subnet in which the fewest of the counted tasks run, and a free address in it. */
  place(
    subnets: readonly string[],
    beside: readonly TaskState[],
  ): { readonly subnetId: string; readonly privateIp: string } {
    const load = (subnetId: string): number =>
      beside.filter((task) => task.desiredStatus === 'RUNNING' && task.subnetId === subnetId).length;
    const subnetId = [...subnets].sort((a, b) => load(a) - load(b))[0] ?? '';
    const prefix = (this.#subnets.get(subnetId)?.cidr ?? '10.255.255.0/24').split('.').slice(0, 3).join('.');
    // Addresses are assigned from the top, because instances and the seed's tasks use the low addresses of their
    // subnets.
    for (let host = 250; host > 4; host--)
      if (!this.#takenAddresses.has(`${prefix}.${host}`)) return { subnetId, privateIp: `${prefix}.${host}` };
    return { subnetId, privateIp: `${prefix}.251` };
  }

  newContainer(definition: SeedContainerDefinition, execEnabled: boolean): ContainerState {
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
      exitCode: undefined,
      reason: undefined,
    };
  }

  newDeployment(definition: DefinitionState, at: number): DeploymentState {
    const number = Number.parseInt(hexId(this.#options.randomBytes, 12), 16);
    return {
      id: `ecs-svc/${String(number).padStart(19, '0')}`,
      definition,
      createdAt: at,
      updatedAt: at,
      failedTasks: 0,
      isFailed: false,
      isCompleted: false,
    };
  }

  addEvent(service: ServiceState, text: string, at = this.now): void {
    const event = { id: uuid(this.#options.randomBytes), at, message: `(service ${service.name}) ${text}` };
    service.events = [event, ...service.events].slice(0, MAX_EVENTS);
  }

  /** The part that is the same for a new task and a task of the seed. */
  newTask(
    of: Pick<TaskState, 'id' | 'cluster' | 'group' | 'definition' | 'privateIp' | 'subnetId' | 'containers'> &
      Partial<TaskState>,
  ): TaskState {
    const { randomBytes } = this.#options;
    return this.addTask({
      service: undefined,
      startedBy: undefined,
      execEnabled: false,
      createdAt: this.now,
      securityGroups: [],
      publicIp: false,
      networkInterfaceId: `eni-${hexId(randomBytes, 17)}`,
      attachmentId: uuid(randomBytes),
      tags: [],
      overrides: undefined,
      members: {},
      desiredStatus: 'RUNNING',
      lastStatus: 'PROVISIONING',
      pullStartedAt: undefined,
      pullStoppedAt: undefined,
      startedAt: undefined,
      stoppingAt: undefined,
      stoppedAt: undefined,
      stopCode: undefined,
      stoppedReason: undefined,
      ...of,
    });
  }

  /** Adds a service of the seed with its tasks, as if it had existed for days; returns the running tasks. */
  adoptSeed(): readonly TaskState[] {
    const { seed } = this.#options;
    const running: TaskState[] = [];
    for (const service of seed.services) {
      const definition = this.definition(service.taskDefinition);
      if (definition === undefined) throw new Error(`seed: no task definition ${service.taskDefinition}`);
      const age = service.tasks.reduce(
        (oldest, task) => Math.max(oldest, task.startedSecondsAgo * 1000),
        DAY,
      );
      const deployment = this.newDeployment(definition, this.now - age);
      const isSteady =
        service.tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length >= service.desiredCount;
      deployment.isCompleted = isSteady;
      const state = this.addService({
        name: service.name,
        cluster: service.cluster,
        createdAt: this.now - age - DAY,
        createdBy: `arn:aws:iam::${seed.accountId}:role/deployer`,
        subnets: service.subnets,
        securityGroups: service.securityGroups,
        publicIp: service.publicIp,
        tags: service.tags,
        settings: {
          enableECSManagedTags: true,
          propagateTags: 'SERVICE',
          launchType: 'FARGATE',
          ...service.members,
        },
        status: 'ACTIVE',
        definition,
        desiredCount: service.desiredCount,
        execEnabled: service.execEnabled,
        deployments: [deployment],
        events: [],
        isSteady,
      });
      for (const { secondsAgo, text } of (service.events ?? []).toSorted(
        (a, b) => b.secondsAgo - a.secondsAgo,
      ))
        this.addEvent(state, text, this.now - secondsAgo * 1000);
      for (const task of service.tasks) {
        const adopted = this.#adopt(state, deployment, task);
        if (adopted.lastStatus === 'RUNNING') running.push(adopted);
      }
    }
    return running;
  }

  #adopt(service: ServiceState, deployment: DeploymentState, seed: SeedTask): TaskState {
    const startedAt = this.now - seed.startedSecondsAgo * 1000;
    const stoppedAt = seed.stopped === undefined ? undefined : this.now - seed.stopped.secondsAgo * 1000;
    const hasStarted = seed.lastStatus !== 'PENDING' && seed.stopped?.code !== 'TaskFailedToStart';
    return this.newTask({
      id: seed.id,
      cluster: service.cluster,
      service: service.name,
      startedBy: deployment.id,
      group: `service:${service.name}`,
      definition: service.definition,
      execEnabled: seed.execEnabled,
      createdAt: startedAt - 30_000,
      privateIp: seed.privateIp,
      subnetId: seed.subnetId,
      securityGroups: service.securityGroups,
      publicIp: service.publicIp,
      tags: service.tags,
      members: seed.members ?? {},
      lastStatus: seed.lastStatus,
      pullStartedAt: startedAt - 20_000,
      pullStoppedAt: hasStarted ? startedAt - 5000 : undefined,
      startedAt: hasStarted ? startedAt : undefined,
      ...(seed.stopped === undefined
        ? {}
        : {
            desiredStatus: 'STOPPED' as const,
            stoppingAt: stoppedAt,
            stoppedAt,
            stopCode: seed.stopped.code,
            stoppedReason: seed.stopped.reason,
          }),
      containers: seed.containers.map((item) => ({
        ...this.newContainer(
          service.definition.containers.find((definition) => definition.name === item.name) ??
            injectedContainer(item.name),
          seed.execEnabled,
        ),
        lastStatus: item.lastStatus,
        health: item.health,
        runtimeId: item.runtimeId,
        agent: item.agent,
        agentReason: item.agent === 'STOPPED' ? (item.agentReason ?? 'Unable to start agent') : undefined,
        agentStartedAt: item.agent === undefined ? undefined : startedAt + 5000,
        exitCode: item.exitCode,
        reason: item.reason,
      })),
    });
  }

  #isForgotten({ stoppedAt }: TaskState): boolean {
    return stoppedAt !== undefined && this.now - stoppedAt >= STOPPED_VISIBLE_MS;
  }

  #forget(task: TaskState): void {
    this.#tasks.delete(key(task.cluster, task.id));
    if (task.service !== undefined) this.#tasksOfService.get(key(task.cluster, task.service))?.delete(task);
  }

  /** The address of a stopped task may be assigned to another task. */
  releaseAddress(task: TaskState): void {
    this.#takenAddresses.delete(task.privateIp);
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
