import type {
  SeedContainerDefinition,
  SeedExecLogging,
  SeedTag,
  SeedTaskDefinition,
} from '../../seed-shapes.ts';

/** The state that ECS keeps of its clusters, services, tasks and containers while the sandbox runs. */

export type Fields = Readonly<Record<string, unknown>>;

/** A revision of a task definition. */
export interface DefinitionState extends SeedTaskDefinition {
  /**
   * The input of RegisterTaskDefinition; undefined for a definition of the seed, whose programs do not exist here.
   */
  readonly registered?: Fields;
  readonly registeredAt?: number;
  readonly registeredBy?: string;
  readonly tags?: readonly SeedTag[];
}

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly definition: SeedContainerDefinition;
  lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  health: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN';
  runtimeId: string | undefined;
  /** Undefined if exec was off when the task started. */
  agent: 'PENDING' | 'RUNNING' | 'STOPPED' | undefined;
  agentReason: string | undefined;
  agentStartedAt: number | undefined;
  /** Exit code of the container's main program, once it has ended. */
  exitCode: number | undefined;
  /** `OutOfMemoryError: …`, `CannotPullContainerError: …`. */
  reason: string | undefined;
}

export type StopCode =
  | 'TaskFailedToStart'
  | 'EssentialContainerExited'
  | 'UserInitiated'
  | 'ServiceSchedulerInitiated'
  | 'SpotInterruption';

export interface TaskState {
  readonly id: string;
  readonly cluster: string;
  /** Undefined for a task that RunTask started. */
  readonly service: string | undefined;
  /** Set by the service, or `startedBy` of RunTask. */
  readonly startedBy: string | undefined;
  readonly group: string;
  readonly definition: DefinitionState;
  readonly execEnabled: boolean;
  readonly createdAt: number;
  readonly privateIp: string;
  readonly subnetId: string;
  readonly securityGroups: readonly string[];
  readonly networkInterfaceId: string;
  readonly attachmentId: string;
  readonly publicIp: boolean;
  readonly tags: readonly SeedTag[];
  /** The overrides as given to RunTask. */
  readonly overrides: Fields | undefined;
  /** Members that its description returns unchanged. */
  readonly members: Fields;
  readonly containers: readonly ContainerState[];
  desiredStatus: 'RUNNING' | 'STOPPED';
  lastStatus: 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'STOPPING' | 'STOPPED';
  pullStartedAt: number | undefined;
  pullStoppedAt: number | undefined;
  startedAt: number | undefined;
  stoppingAt: number | undefined;
  stoppedAt: number | undefined;
  stopCode: StopCode | undefined;
  stoppedReason: string | undefined;
}

export interface DeploymentState {
  readonly id: string;
  readonly definition: DefinitionState;
  readonly createdAt: number;
  updatedAt: number;
  failedTasks: number;
  /** Whether the circuit breaker has stopped the deployment. */
  isFailed: boolean;
  /** Whether all its tasks have run at the same time. */
  isCompleted: boolean;
}

export interface ServiceEvent {
  readonly id: string;
  readonly at: number;
  readonly message: string;
}

export interface ServiceState {
  readonly name: string;
  readonly cluster: string;
  readonly createdAt: number;
  readonly createdBy: string;
  subnets: readonly string[];
  securityGroups: readonly string[];
  publicIp: boolean;
  tags: readonly SeedTag[];
  /** Members of CreateService and UpdateService that the descriptions return unchanged. */
  settings: Fields;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  definition: DefinitionState;
  desiredCount: number;
  execEnabled: boolean;
  /** The primary deployment first; the others are being replaced. */
  deployments: readonly DeploymentState[];
  /** Newest first, at most 100. */
  events: readonly ServiceEvent[];
  isSteady: boolean;
}

export interface ClusterState {
  readonly name: string;
  kmsKeyId: string | undefined;
  logging: SeedExecLogging | undefined;
  /** Other members of CreateCluster: `settings`, `serviceConnectDefaults` … */
  settings: Fields;
  tags: readonly SeedTag[];
  status: 'ACTIVE' | 'INACTIVE';
}

/** `family:revision`. */
export const definitionName = (definition: SeedTaskDefinition): string =>
  `${definition.family}:${definition.revision}`;
