import type {
  Cluster as EcsCluster,
  Service as EcsService,
  Deployment as EcsDeployment,
  ContainerDefinition as EcsContainerDefinition,
  Task as EcsTask,
  Container as EcsContainer,
} from '@aws-sdk/client-ecs';
import type { Cluster, Service, Deployment, ContainerDefinition, Task, Container } from '../connect/ports.ts';
import { nameOfArn } from '../core/arn.ts';

/** What ECS describes, in the shapes of the ports; members that AWS left out get the value that they stand for. */

const milliseconds = (date: Date | undefined): number | undefined => date?.getTime();

export function toCluster(cluster: EcsCluster): Cluster {
  return {
    arn: cluster.clusterArn ?? '',
    name: cluster.clusterName ?? '',
    status: cluster.status ?? 'UNKNOWN',
    runningTasks: cluster.runningTasksCount ?? 0,
    activeServices: cluster.activeServicesCount ?? 0,
    recordsExec: cluster.configuration?.executeCommandConfiguration?.logging === 'OVERRIDE',
  };
}

export function toService(service: EcsService): Service {
  const network = service.networkConfiguration?.awsvpcConfiguration;
  return {
    arn: service.serviceArn ?? '',
    name: service.serviceName ?? '',
    clusterArn: service.clusterArn ?? '',
    status: service.status ?? 'UNKNOWN',
    desiredCount: service.desiredCount ?? 0,
    runningCount: service.runningCount ?? 0,
    pendingCount: service.pendingCount ?? 0,
    // A service with a capacity provider strategy has no launch type.
    launchType: service.launchType ?? service.capacityProviderStrategy?.[0]?.capacityProvider ?? 'UNKNOWN',
    execEnabled: service.enableExecuteCommand ?? false,
    taskDefinitionArn: service.taskDefinition ?? '',
    deploymentController: service.deploymentController?.type ?? 'ECS',
    minimumHealthyPercent: service.deploymentConfiguration?.minimumHealthyPercent,
    maximumPercent: service.deploymentConfiguration?.maximumPercent,
    subnets: network?.subnets ?? [],
    securityGroups: network?.securityGroups ?? [],
    publicIp: network?.assignPublicIp === 'ENABLED',
    createdAt: milliseconds(service.createdAt),
    events: (service.events ?? []).map(({ id, createdAt, message }) => ({
      id: id ?? '',
      at: milliseconds(createdAt) ?? 0,
      message: message ?? '',
    })),
    deployments: (service.deployments ?? []).map(toDeployment),
  };
}

function toDeployment(deployment: EcsDeployment): Deployment {
  return {
    id: deployment.id ?? '',
    status: deployment.status ?? 'UNKNOWN',
    taskDefinitionArn: deployment.taskDefinition ?? '',
    desiredCount: deployment.desiredCount ?? 0,
    runningCount: deployment.runningCount ?? 0,
    pendingCount: deployment.pendingCount ?? 0,
    failedTasks: deployment.failedTasks ?? 0,
    rolloutState: deployment.rolloutState,
    rolloutReason: deployment.rolloutStateReason,
    createdAt: milliseconds(deployment.createdAt),
  };
}

export function toContainerDefinition(
  container: EcsContainerDefinition,
  proxy: string | undefined,
): ContainerDefinition {
  const log = container.logConfiguration;
  return {
    name: container.name ?? '',
    readonlyRoot: container.readonlyRootFilesystem ?? false,
    settings: [
      ...(container.environment ?? []).map(({ value }) => value ?? ''),
      ...(container.secrets ?? []).map(({ valueFrom }) => valueFrom ?? ''),
    ],
    variables: [...(container.environment ?? []), ...(container.secrets ?? [])].map(({ name }) => name ?? ''),
    udpPorts: (container.portMappings ?? []).flatMap(({ protocol, containerPort }) =>
      protocol === 'udp' && containerPort !== undefined ? [containerPort] : [],
    ),
    isProxy: proxy !== undefined && container.name === proxy,
    log: log?.logDriver === undefined ? undefined : { driver: log.logDriver, options: log.options ?? {} },
    firelens: container.firelensConfiguration?.type,
  };
}

export function toTask(task: EcsTask): Task {
  const arn = task.taskArn ?? '';
  const group = task.group ?? '';
  const interfaceDetails = task.attachments?.find((each) => each.type === 'ElasticNetworkInterface')?.details;
  const detail = (name: string): string | undefined =>
    interfaceDetails?.find((each) => each.name === name)?.value;
  return {
    arn,
    id: nameOfArn(arn),
    clusterArn: task.clusterArn ?? '',
    serviceName: group.startsWith('service:') ? group.slice('service:'.length) : undefined,
    lastStatus: task.lastStatus ?? 'UNKNOWN',
    desiredStatus: task.desiredStatus ?? 'UNKNOWN',
    healthStatus: task.healthStatus ?? 'UNKNOWN',
    execEnabled: task.enableExecuteCommand ?? false,
    createdAt: milliseconds(task.createdAt),
    startedAt: milliseconds(task.startedAt),
    stoppedReason: task.stoppedReason,
    stopCode: task.stopCode,
    stoppedAt: milliseconds(task.stoppedAt),
    taskDefinitionArn: task.taskDefinitionArn ?? '',
    launchType: task.launchType ?? 'UNKNOWN',
    platformVersion: task.platformVersion,
    platformFamily: task.platformFamily,
    startedBy: task.startedBy,
    privateIp: detail('privateIPv4Address'),
    subnetId: detail('subnetId'),
    interfaceId: detail('networkInterfaceId'),
    taskRoleOverride: task.overrides?.taskRoleArn,
    containers: (task.containers ?? []).map(toContainer),
  };
}

function toContainer(container: EcsContainer): Container {
  const agent = container.managedAgents?.find((each) => each.name === 'ExecuteCommandAgent');
  const status = agent?.lastStatus;
  return {
    name: container.name ?? '',
    image: container.image ?? '',
    lastStatus: container.lastStatus ?? 'UNKNOWN',
    healthStatus: container.healthStatus ?? 'UNKNOWN',
    runtimeId: container.runtimeId,
    exitCode: container.exitCode,
    reason: container.reason,
    execAgent:
      agent === undefined
        ? undefined
        : {
            status: status === 'RUNNING' || status === 'STOPPED' ? status : 'PENDING',
            reason: agent.reason,
            startedAt: milliseconds(agent.lastStartedAt),
          },
  };
}
