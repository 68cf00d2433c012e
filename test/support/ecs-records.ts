import type { Container, ContainerDefinition, Service, Task } from '../../src/connect/ports.ts';

/** Records as EcsPort returns them; a test overrides the values that matter to it. */

export const RECORD_TIME = 1_700_000_000_000;
const HOUR = 3_600_000;
const ARN = 'arn:aws:ecs:eu-west-1:111122223333';

export const containerRecord = (over: Partial<Container> = {}): Container => ({
  name: 'app',
  image: 'registry/app:1',
  lastStatus: 'RUNNING',
  healthStatus: 'HEALTHY',
  runtimeId: 'abc-123',
  exitCode: undefined,
  reason: undefined,
  execAgent: { status: 'RUNNING', reason: undefined, startedAt: RECORD_TIME - HOUR },
  ...over,
});

export const containerDefinitionRecord = (over: Partial<ContainerDefinition> = {}): ContainerDefinition => ({
  name: 'app',
  readonlyRoot: false,
  variables: [],
  udpPorts: [],
  isProxy: false,
  log: undefined,
  firelens: undefined,
  ...over,
});

export const taskRecord = (over: Partial<Task> = {}): Task => {
  const id = over.id ?? '1f0e9d8c7b6a45948372615049382716';
  return {
    arn: `${ARN}:task/demo/${id}`,
    id,
    clusterArn: `${ARN}:cluster/demo`,
    serviceName: 'orders-api',
    lastStatus: 'RUNNING',
    desiredStatus: 'RUNNING',
    healthStatus: 'HEALTHY',
    execEnabled: true,
    createdAt: RECORD_TIME - HOUR,
    startedAt: RECORD_TIME - HOUR,
    stoppedReason: undefined,
    stopCode: undefined,
    stoppedAt: undefined,
    taskDefinitionArn: `${ARN}:task-definition/orders:42`,
    launchType: 'FARGATE',
    platformVersion: '1.4.0',
    platformFamily: 'Linux',
    privateIp: '10.0.1.1',
    subnetId: 'subnet-1',
    containers: [containerRecord()],
    ...over,
  };
};

export const serviceRecord = (over: Partial<Service> = {}): Service => ({
  arn: `${ARN}:service/demo/orders-api`,
  name: 'orders-api',
  clusterArn: `${ARN}:cluster/demo`,
  status: 'ACTIVE',
  desiredCount: 1,
  runningCount: 1,
  pendingCount: 0,
  launchType: 'FARGATE',
  execEnabled: true,
  taskDefinitionArn: `${ARN}:task-definition/orders:42`,
  deploymentController: 'ECS',
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  subnets: [],
  securityGroups: [],
  publicIp: false,
  createdAt: RECORD_TIME,
  events: [],
  deployments: [],
  ...over,
});
