import { formatArn } from '../../../core/arn.ts';
import { secretNameOf, type SeedContainerDefinition, type SeedTag } from '../../seed-shapes.ts';
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
  type DefinitionState,
  type DeploymentState,
  type Fields,
  type ServiceState,
  type TaskState,
} from './ecs-model.ts';
import { structList } from '../members.ts';
import { structOf } from './ecs-lookup.ts';
import type { EcsState } from './ecs-state.ts';

/** The answers of ECS, with the member names of its API reference. */

const PLATFORM = { platformVersion: '1.4.0', platformFamily: 'Linux' };

const date = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at));

const tagList = (tags: readonly SeedTag[]): unknown => tags.map(({ key, value }) => ({ key, value }));

export function clusterShape(
  account: EcsAccount,
  state: EcsState,
  cluster: ClusterState,
  include: readonly string[],
): unknown {
  const services = state.servicesIn(cluster.name).filter(({ status }) => status !== 'INACTIVE');
  const tasks = state.tasks.filter((task) => task.cluster === cluster.name);
  const count = (status: string): number => tasks.filter((task) => task.lastStatus === status).length;
  return {
    clusterArn: clusterArn(account, cluster.name),
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: count('RUNNING'),
    pendingTasksCount: count('PENDING') + count('PROVISIONING'),
    activeServicesCount: services.length,
    statistics: [],
    tags: include.includes('TAGS') ? tagList(cluster.tags) : [],
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    defaultCapacityProviderStrategy: [],
    ...cluster.settings,
    settings: include.includes('SETTINGS')
      ? (cluster.settings['settings'] ?? [{ name: 'containerInsights', value: 'disabled' }])
      : [],
    // A cluster that was created without a configuration has none in its description.
    ...(include.includes('CONFIGURATIONS') && (cluster.kmsKeyId ?? cluster.logging) !== undefined
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
    status: service.status,
    desiredCount: service.desiredCount,
    runningCount: running,
    pendingCount: tasks.length - running,
    ...PLATFORM,
    taskDefinition: taskDefinitionArn(account, definitionName(service.definition)),
    deployments: service.deployments.map((deployment, index) => ({
      ...deploymentShape(account, deployment, index === 0, service, tasks),
      networkConfiguration,
    })),
    loadBalancers: [],
    serviceRegistries: [],
    events: service.events.map(({ id, at, message }) => ({ id, createdAt: date(at), message })),
    createdAt: date(service.createdAt),
    createdBy: service.createdBy,
    placementConstraints: [],
    placementStrategy: [],
    networkConfiguration,
    schedulingStrategy: 'REPLICA',
    deploymentController: { type: 'ECS' },
    enableECSManagedTags: false,
    propagateTags: 'NONE',
    availabilityZoneRebalancing: 'DISABLED',
    ...service.settings,
    deploymentConfiguration: {
      deploymentCircuitBreaker: { enable: false, rollback: false },
      maximumPercent: 200,
      minimumHealthyPercent: 100,
      ...structOf(service.settings, 'deploymentConfiguration'),
    },
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
  const own = tasks.filter((task) => task.startedBy === deployment.id);
  const running = own.filter((task) => task.lastStatus === 'RUNNING').length;
  const isDone = deployment.isCompleted && service.deployments.length === 1;
  return {
    id: deployment.id,
    status: isPrimary ? 'PRIMARY' : 'ACTIVE',
    taskDefinition: taskDefinitionArn(account, definitionName(deployment.definition)),
    desiredCount: isPrimary ? service.desiredCount : own.length,
    runningCount: running,
    pendingCount: own.length - running,
    failedTasks: deployment.failedTasks,
    createdAt: date(deployment.createdAt),
    updatedAt: date(deployment.updatedAt),
    launchType: 'FARGATE',
    ...PLATFORM,
    rolloutState: deployment.isFailed ? 'FAILED' : isDone ? 'COMPLETED' : 'IN_PROGRESS',
    rolloutStateReason: deployment.isFailed
      ? 'ECS deployment circuit breaker: tasks failed to start.'
      : `ECS deployment ${deployment.id} ${isDone ? 'completed' : 'in progress'}.`,
  };
}

export function taskShape(account: EcsAccount, state: EcsState, task: TaskState): unknown {
  const arn = taskArn(account, task.cluster, task.id);
  return {
    taskArn: arn,
    clusterArn: clusterArn(account, task.cluster),
    taskDefinitionArn: taskDefinitionArn(account, definitionName(task.definition)),
    group: task.group,
    startedBy: task.startedBy,
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
    pullStartedAt: date(task.pullStartedAt),
    pullStoppedAt: date(task.pullStoppedAt),
    startedAt: date(task.startedAt),
    stoppingAt: date(task.stoppingAt),
    executionStoppedAt: date(task.stoppedAt),
    stoppedAt: date(task.stoppedAt),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    version: 3,
    attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
    overrides: {
      inferenceAcceleratorOverrides: [],
      ...task.overrides,
      containerOverrides:
        task.overrides?.['containerOverrides'] ?? task.containers.map(({ name }) => ({ name })),
    },
    ephemeralStorage: { sizeInGiB: 20 },
    attachments: [attachmentShape(task, account)],
    containers: task.containers.map((container) => containerShape(account, task, arn, container)),
    tags: tagList(task.tags),
    ...task.members,
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
    status:
      task.lastStatus === 'STOPPED'
        ? 'DELETED'
        : task.lastStatus === 'PROVISIONING'
          ? 'PRECREATED'
          : 'ATTACHED',
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
    ...(container.exitCode === undefined ? {} : { exitCode: container.exitCode }),
    ...(container.reason === undefined ? {} : { reason: container.reason }),
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

export function taskDefinitionShape(
  account: EcsAccount,
  state: EcsState,
  definition: DefinitionState,
): unknown {
  const { registered } = definition;
  if (registered !== undefined)
    return {
      ...registeredShape(registered),
      taskDefinitionArn: taskDefinitionArn(account, definitionName(definition)),
      revision: definition.revision,
      status: state.isActive(definition) ? 'ACTIVE' : 'INACTIVE',
      registeredAt: date(definition.registeredAt),
      registeredBy: definition.registeredBy,
    };
  return {
    taskDefinitionArn: taskDefinitionArn(account, definitionName(definition)),
    family: definition.family,
    revision: definition.revision,
    status: state.isActive(definition) ? 'ACTIVE' : 'INACTIVE',
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
    ...definition.members,
  };
}

/** The registered input, with the defaults that ECS adds. */
function registeredShape(registered: Fields): Fields {
  const { tags: _tags, ...kept } = registered;
  return {
    volumes: [],
    placementConstraints: [],
    requiresAttributes: [],
    compatibilities: ['EC2', 'FARGATE'],
    ...kept,
    containerDefinitions: structList(registered, 'containerDefinitions').map((container) => ({
      cpu: 0,
      essential: true,
      environment: [],
      mountPoints: [],
      volumesFrom: [],
      systemControls: [],
      ...container,
      portMappings: structList(container, 'portMappings').map((mapping) => ({
        hostPort: mapping['containerPort'],
        protocol: 'tcp',
        ...mapping,
      })),
    })),
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
    secrets: container.secretNames.map((name) => ({
      name,
      valueFrom: container.secretSources?.[name] ?? secret(name),
    })),
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
              'awslogs-stream-prefix': container.logPrefix ?? 'ecs',
            },
          },
        }),
    ...container.members,
  };
}
