import { formatArn } from '../../../core/arn.ts';
import {
  secretNameOf,
  type SeedContainerDefinition,
  type SeedTag,
  type SeedTaskDefinition,
} from '../../seed-shapes.ts';
import {
  clusterArn,
  containerArn,
  type EcsAccount,
  serviceArn,
  taskArn,
  taskDefinitionArn,
} from './ecs-names.ts';
import {
  type ClusterState,
  type ContainerState,
  definitionName,
  type DeploymentState,
  type ServiceState,
  type TaskState,
} from './ecs-model.ts';
import type { EcsState } from './ecs-state.ts';

/** The answers of ECS, as its API reference names their members. */

const PLATFORM = { platformVersion: '1.4.0', platformFamily: 'Linux' };

const date = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at));

const tagList = (tags: readonly SeedTag[]): unknown => tags.map(({ key, value }) => ({ key, value }));

export function clusterShape(
  account: EcsAccount,
  state: EcsState,
  cluster: ClusterState,
  include: readonly string[],
): unknown {
  const services = state.services.filter((service) => service.cluster === cluster.name);
  const tasks = state.tasks.filter((task) => task.cluster === cluster.name);
  const count = (status: string): number => tasks.filter((task) => task.lastStatus === status).length;
  return {
    clusterArn: clusterArn(account, cluster.name),
    clusterName: cluster.name,
    status: 'ACTIVE',
    registeredContainerInstancesCount: 0,
    runningTasksCount: count('RUNNING'),
    pendingTasksCount: count('PENDING') + count('PROVISIONING'),
    activeServicesCount: services.length,
    statistics: [],
    tags: include.includes('TAGS') ? tagList(cluster.tags) : [],
    settings: include.includes('SETTINGS') ? [{ name: 'containerInsights', value: 'disabled' }] : [],
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    defaultCapacityProviderStrategy: [],
    ...(include.includes('CONFIGURATIONS')
      ? {
          configuration: {
            executeCommandConfiguration: {
              ...(cluster.kmsKeyId === undefined ? {} : { kmsKeyId: cluster.kmsKeyId }),
              ...(cluster.logging === undefined
                ? { logging: 'DEFAULT' }
                : { logging: 'OVERRIDE', logConfiguration: cluster.logging }),
            },
          },
        }
      : {}),
  };
}

export function serviceShape(
  account: EcsAccount,
  state: EcsState,
  service: ServiceState,
  include: readonly string[],
): unknown {
  const tasks = state.tasksOf(service).filter((task) => task.desiredStatus === 'RUNNING');
  const running = tasks.filter((task) => task.lastStatus === 'RUNNING').length;
  const networkConfiguration = {
    awsvpcConfiguration: {
      subnets: service.subnets,
      securityGroups: service.securityGroups,
      assignPublicIp: service.publicIp ? 'ENABLED' : 'DISABLED',
    },
  };
  return {
    serviceArn: serviceArn(account, service.cluster, service.name),
    serviceName: service.name,
    clusterArn: clusterArn(account, service.cluster),
    status: 'ACTIVE',
    desiredCount: service.desiredCount,
    runningCount: running,
    pendingCount: tasks.length - running,
    launchType: 'FARGATE',
    ...PLATFORM,
    taskDefinition: taskDefinitionArn(account, definitionName(service.definition)),
    deploymentConfiguration: { maximumPercent: 200, minimumHealthyPercent: 100 },
    deployments: service.deployments.map((deployment, index) => ({
      ...deploymentShape(account, deployment, index === 0, service, tasks),
      networkConfiguration,
    })),
    loadBalancers: [],
    serviceRegistries: [],
    events: [],
    createdAt: date(service.createdAt),
    createdBy: formatArn({ service: 'iam', account: account.accountId, resource: 'role/deployer' }),
    placementConstraints: [],
    placementStrategy: [],
    networkConfiguration,
    schedulingStrategy: 'REPLICA',
    deploymentController: { type: 'ECS' },
    enableECSManagedTags: true,
    propagateTags: 'SERVICE',
    enableExecuteCommand: service.execEnabled,
    ...(include.includes('TAGS') ? { tags: tagList(service.tags) } : {}),
  };
}

function deploymentShape(
  account: EcsAccount,
  deployment: DeploymentState,
  isPrimary: boolean,
  service: ServiceState,
  tasks: readonly TaskState[],
): Readonly<Record<string, unknown>> {
  const own = tasks.filter((task) => task.deploymentId === deployment.id);
  const running = own.filter((task) => task.lastStatus === 'RUNNING').length;
  const isDone = service.deployments.length === 1 && running >= service.desiredCount;
  return {
    id: deployment.id,
    status: isPrimary ? 'PRIMARY' : 'ACTIVE',
    taskDefinition: taskDefinitionArn(account, definitionName(deployment.definition)),
    desiredCount: isPrimary ? service.desiredCount : own.length,
    runningCount: running,
    pendingCount: own.length - running,
    failedTasks: 0,
    createdAt: date(deployment.createdAt),
    updatedAt: date(deployment.updatedAt),
    launchType: 'FARGATE',
    ...PLATFORM,
    rolloutState: isDone ? 'COMPLETED' : 'IN_PROGRESS',
    rolloutStateReason: `ECS deployment ${deployment.id} ${isDone ? 'completed' : 'in progress'}.`,
  };
}

export function taskShape(account: EcsAccount, state: EcsState, task: TaskState): unknown {
  const arn = taskArn(account, task.cluster, task.id);
  return {
    taskArn: arn,
    clusterArn: clusterArn(account, task.cluster),
    taskDefinitionArn: taskDefinitionArn(account, definitionName(task.definition)),
    group: `service:${task.service}`,
    startedBy: task.deploymentId,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    healthStatus: healthOf(task),
    connectivity: 'CONNECTED',
    connectivityAt: date(task.startedAt),
    launchType: 'FARGATE',
    ...PLATFORM,
    cpu: task.definition.cpu,
    memory: task.definition.memory,
    availabilityZone: state.subnet(task.subnetId)?.zone,
    enableExecuteCommand: task.execEnabled,
    createdAt: date(task.createdAt),
    pullStartedAt: date(task.startedAt),
    pullStoppedAt: date(task.startedAt),
    startedAt: date(task.startedAt),
    stoppingAt: date(task.stoppingAt),
    stoppedAt: date(task.stoppedAt),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    version: 3,
    attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
    overrides: {
      containerOverrides: task.containers.map(({ name }) => ({ name })),
      inferenceAcceleratorOverrides: [],
    },
    ephemeralStorage: { sizeInGiB: 20 },
    attachments: [attachmentShape(task, account)],
    containers: task.containers.map((container) => containerShape(account, task, arn, container)),
    tags: tagList(state.service(task.cluster, task.service)?.tags ?? []),
  };
}

function healthOf(task: TaskState): string {
  const health = task.containers.map((container) => container.health);
  if (health.includes('UNHEALTHY')) return 'UNHEALTHY';
  return health.includes('HEALTHY') ? 'HEALTHY' : 'UNKNOWN';
}

function attachmentShape(task: TaskState, account: EcsAccount): unknown {
  const mac = task.networkInterfaceId.slice(4, 14).match(/../g) ?? [];
  return {
    id: task.attachmentId,
    type: 'ElasticNetworkInterface',
    status: task.lastStatus === 'STOPPED' ? 'DELETED' : 'ATTACHED',
    details: [
      { name: 'subnetId', value: task.subnetId },
      { name: 'networkInterfaceId', value: task.networkInterfaceId },
      { name: 'macAddress', value: ['0a', ...mac].join(':') },
      {
        name: 'privateDnsName',
        value: `ip-${task.privateIp.replaceAll('.', '-')}.${account.region}.compute.internal`,
      },
      { name: 'privateIPv4Address', value: task.privateIp },
    ],
  };
}

function containerShape(
  account: EcsAccount,
  task: TaskState,
  arn: string,
  container: ContainerState,
): unknown {
  return {
    containerArn: containerArn(account, task.cluster, task.id, container.id),
    taskArn: arn,
    name: container.name,
    image: container.definition.image,
    lastStatus: container.lastStatus,
    healthStatus: container.health,
    ...(container.runtimeId === undefined ? {} : { runtimeId: container.runtimeId }),
    networkBindings: [],
    networkInterfaces: [{ attachmentId: task.attachmentId, privateIpv4Address: task.privateIp }],
    ...(container.agent === undefined
      ? {}
      : {
          managedAgents: [
            {
              name: 'ExecuteCommandAgent',
              lastStatus: container.agent,
              ...(container.agentReason === undefined ? {} : { reason: container.agentReason }),
              ...(container.agentStartedAt === undefined
                ? {}
                : { lastStartedAt: date(container.agentStartedAt) }),
            },
          ],
        }),
    cpu: '0',
  };
}

export function taskDefinitionShape(account: EcsAccount, definition: SeedTaskDefinition): unknown {
  return {
    taskDefinitionArn: taskDefinitionArn(account, definitionName(definition)),
    family: definition.family,
    revision: definition.revision,
    status: 'ACTIVE',
    networkMode: 'awsvpc',
    cpu: definition.cpu,
    memory: definition.memory,
    ...(definition.taskRoleArn === undefined ? {} : { taskRoleArn: definition.taskRoleArn }),
    ...(definition.executionRoleArn === undefined ? {} : { executionRoleArn: definition.executionRoleArn }),
    requiresCompatibilities: ['FARGATE'],
    compatibilities: ['EC2', 'FARGATE'],
    volumes: [],
    placementConstraints: [],
    requiresAttributes: [],
    containerDefinitions: definition.containers.map((container) =>
      containerDefinitionShape(account, container),
    ),
  };
}

function containerDefinitionShape(account: EcsAccount, container: SeedContainerDefinition): unknown {
  const secret = (name: string): string =>
    formatArn({
      service: 'secretsmanager',
      region: account.region,
      account: account.accountId,
      resource: `secret:${secretNameOf(name)}`,
    });
  return {
    name: container.name,
    image: container.image,
    cpu: 0,
    essential: container.essential,
    command: container.command,
    environment: Object.entries(container.environment).map(([name, value]) => ({ name, value })),
    secrets: container.secretNames.map((name) => ({ name, valueFrom: secret(name) })),
    portMappings: container.ports.map((port) => ({ containerPort: port, hostPort: port, protocol: 'tcp' })),
    mountPoints: [],
    volumesFrom: [],
    readonlyRootFilesystem: container.readonlyRoot,
    ...(container.initProcess ? { linuxParameters: { initProcessEnabled: true } } : {}),
    ...(container.logGroup === undefined
      ? {}
      : {
          logConfiguration: {
            logDriver: 'awslogs',
            options: {
              'awslogs-group': container.logGroup,
              'awslogs-region': account.region,
              'awslogs-stream-prefix': 'ecs',
            },
          },
        }),
  };
}
