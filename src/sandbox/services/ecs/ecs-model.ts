import type {
  SeedContainerDefinition,
  SeedExecLogging,
  SeedTag,
  SeedTaskDefinition,
} from '../../seed-shapes.ts';

/** What ECS keeps of its clusters, services, tasks and containers while the sandbox runs. */

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly definition: SeedContainerDefinition;
  lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  health: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN';
  runtimeId: string | undefined;
  /** Undefined: exec was off when the task started. */
  agent: 'PENDING' | 'RUNNING' | 'STOPPED' | undefined;
  agentReason: string | undefined;
  agentStartedAt: number | undefined;
}

export interface TaskState {
  readonly id: string;
  readonly cluster: string;
  readonly service: string;
  readonly deploymentId: string;
  readonly definition: SeedTaskDefinition;
  readonly execEnabled: boolean;
  readonly createdAt: number;
  readonly privateIp: string;
  readonly subnetId: string;
  readonly securityGroups: readonly string[];
  readonly networkInterfaceId: string;
  readonly attachmentId: string;
  readonly publicIp: boolean;
  readonly containers: readonly ContainerState[];
  desiredStatus: 'RUNNING' | 'STOPPED';
  lastStatus: 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'DEPROVISIONING' | 'STOPPED';
  startedAt: number | undefined;
  stoppingAt: number | undefined;
  stoppedAt: number | undefined;
  stopCode: 'UserInitiated' | 'ServiceSchedulerInitiated' | undefined;
  stoppedReason: string | undefined;
}

export interface DeploymentState {
  readonly id: string;
  readonly definition: SeedTaskDefinition;
  readonly createdAt: number;
  updatedAt: number;
}

export interface ServiceState {
  readonly name: string;
  readonly cluster: string;
  readonly createdAt: number;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicIp: boolean;
  readonly tags: readonly SeedTag[];
  definition: SeedTaskDefinition;
  desiredCount: number;
  execEnabled: boolean;
  /** The primary first; others are being replaced. */
  deployments: readonly DeploymentState[];
}

export interface ClusterState {
  readonly name: string;
  readonly kmsKeyId: string | undefined;
  readonly logging: SeedExecLogging | undefined;
  readonly tags: readonly SeedTag[];
}

/** `family:revision`. */
export const definitionName = (definition: SeedTaskDefinition): string =>
  `${definition.family}:${definition.revision}`;
