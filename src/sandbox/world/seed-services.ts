import type { SeedCluster, SeedService, SeedTask } from '../seed-shapes.ts';
import { GROUP, SUBNET } from './seed-network.ts';
import { ACCOUNT, EXEC_KEY_ID, REGION } from './seed-roles.ts';
import { SEED_TASK_DEFINITIONS } from './seed-task-definitions.ts';

export const SEED_CLUSTERS: readonly SeedCluster[] = [
  { name: 'demo', tags: [{ key: 'environment', value: 'staging' }] },
  { name: 'sealed', kmsKeyId: `arn:aws:kms:${REGION}:${ACCOUNT}:key/${EXEC_KEY_ID}`, tags: [] },
  { name: 'airgap', tags: [] },
  { name: 'cruddur', tags: [] },
  { name: 'example-app-cluster', tags: [] },
  { name: 'ecs-cluster', tags: [] },
  { name: 'node-aws-ecs', tags: [] },
];

type SeedTaskContainer = SeedTask['containers'][number];
const HOUR = 3600;
const DAY = 24 * HOUR;

interface TaskShape {
  readonly id: string;
  readonly ip: string;
  readonly subnet: string;
  readonly age: number;
  readonly status?: SeedTask['lastStatus'];
  /** Agent state of every container; undefined = exec was off when the task started. */
  readonly agent?: SeedTaskContainer['agent'];
  readonly health?: Readonly<Record<string, SeedTaskContainer['health']>>;
  readonly stopped?: SeedTask['stopped'];
  /** Exit code of every container. */
  readonly exitCode?: number;
  readonly reason?: string;
}

/** `runtimeId` has Fargate's form: the task id, a hyphen and ten digits. */
function task(shape: TaskShape, containers: readonly string[], execEnabled: boolean): SeedTask {
  const status = shape.status ?? 'RUNNING';
  return {
    id: shape.id,
    containers: containers.map((name, index) => ({
      name,
      runtimeId: status === 'PENDING' ? undefined : `${shape.id}-${String(2531612879 + index * 104729)}`,
      lastStatus: status,
      health: shape.health?.[name] ?? 'UNKNOWN',
      agent: execEnabled ? (status === 'STOPPED' ? 'STOPPED' : (shape.agent ?? 'RUNNING')) : undefined,
      ...(shape.exitCode === undefined ? {} : { exitCode: shape.exitCode }),
      ...(shape.reason === undefined ? {} : { reason: shape.reason }),
    })),
    lastStatus: status,
    execEnabled,
    startedSecondsAgo: shape.age,
    privateIp: shape.ip,
    subnetId: shape.subnet,
    ...(shape.stopped === undefined ? {} : { stopped: shape.stopped }),
  };
}

interface ServiceShape {
  readonly cluster: string;
  /** Family of the task definition; the service runs the revision that is in the seed. */
  readonly family: string;
  readonly exec?: boolean;
  readonly desired?: number;
  readonly subnets: readonly string[];
  readonly group: string;
  readonly publicIp?: boolean;
  /** Side-cars that ECS adds to the containers of the task definition. */
  readonly injected?: readonly string[];
  readonly tasks: readonly TaskShape[];
  readonly events?: SeedService['events'];
}

function service(name: string, shape: ServiceShape): SeedService {
  const found = SEED_TASK_DEFINITIONS.find((candidate) => candidate.family === shape.family);
  if (found === undefined) throw new Error(`seed: no task definition ${shape.family}`);
  const execEnabled = shape.exec ?? true;
  const containers = [...found.containers.map((item) => item.name), ...(shape.injected ?? [])];
  return {
    name,
    cluster: shape.cluster,
    taskDefinition: `${found.family}:${found.revision}`,
    desiredCount: shape.desired ?? shape.tasks.filter(({ stopped }) => stopped === undefined).length,
    execEnabled,
    subnets: shape.subnets,
    securityGroups: [shape.group],
    publicIp: shape.publicIp ?? false,
    tasks: shape.tasks.map((item) => task(item, containers, execEnabled)),
    tags: [{ key: 'service', value: name }],
    ...(shape.events === undefined ? {} : { events: shape.events }),
  };
}

const CANNOT_PULL = `CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref ${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/payments-api:3.1.0-rc1: not found`;
const MAIN = [SUBNET.mainPrivateA, SUBNET.mainPrivateB, SUBNET.mainPrivateC];
const DEFAULT = [SUBNET.defaultA, SUBNET.defaultB, SUBNET.defaultC];

export const SEED_SERVICES: readonly SeedService[] = [
  service('orders-api', {
    cluster: 'demo',
    family: 'orders-api',
    subnets: MAIN,
    group: GROUP.ordersApi,
    tasks: [
      {
        id: '1f0e9d8c7b6a45948372615049382716',
        ip: '10.0.1.21',
        subnet: SUBNET.mainPrivateA,
        age: 2 * DAY + 3 * HOUR,
        health: { app: 'HEALTHY', envoy: 'HEALTHY' },
      },
      {
        id: '2a3b4c5d6e7f48091a2b3c4d5e6f7081',
        ip: '10.0.2.34',
        subnet: SUBNET.mainPrivateB,
        age: 2 * DAY + 2 * HOUR,
        health: { app: 'HEALTHY', envoy: 'HEALTHY' },
      },
    ],
  }),
  service('billing-worker', {
    cluster: 'demo',
    family: 'billing-worker',
    subnets: MAIN,
    group: GROUP.billingTasks,
    tasks: [
      {
        id: '3c4d5e6f708192a3b4c5d6e7f8091a2b',
        ip: '10.0.3.12',
        subnet: SUBNET.mainPrivateC,
        age: 11 * DAY,
      },
    ],
  }),
  service('storefront-web', {
    cluster: 'demo',
    family: 'storefront-web',
    subnets: MAIN,
    group: GROUP.storefront,
    tasks: [
      {
        id: '4d5e6f7081924a3b8c5d6e7f8091a2b3',
        ip: '10.0.1.40',
        subnet: SUBNET.mainPrivateA,
        age: 5 * HOUR,
        health: { nginx: 'HEALTHY' },
      },
      {
        id: '4e6f708192a34b4c9d6e7f8091a2b3c4',
        ip: '10.0.2.41',
        subnet: SUBNET.mainPrivateB,
        age: 5 * HOUR,
        health: { nginx: 'UNHEALTHY' },
      },
      {
        id: '4f708192a3b44c5dae7f8091a2b3c4d5',
        ip: '10.0.3.42',
        subnet: SUBNET.mainPrivateC,
        age: 4 * HOUR,
        health: { nginx: 'HEALTHY' },
      },
    ],
  }),
  service('legacy-admin', {
    cluster: 'demo',
    family: 'legacy-admin',
    exec: false,
    subnets: MAIN,
    group: GROUP.internalTools,
    tasks: [
      { id: '508192a3b4c54d6ebf8091a2b3c4d5e6', ip: '10.0.1.50', subnet: SUBNET.mainPrivateA, age: 90 * DAY },
    ],
  }),
  service('search-indexer', {
    cluster: 'demo',
    family: 'search-indexer',
    subnets: MAIN,
    group: GROUP.internalTools,
    tasks: [
      {
        id: '6192a3b4c5d64e7fc091a2b3c4d5e6f7',
        ip: '10.0.2.60',
        subnet: SUBNET.mainPrivateB,
        age: 6 * DAY,
        agent: 'STOPPED',
      },
    ],
  }),
  service('nightly-reports', {
    cluster: 'demo',
    family: 'nightly-reports',
    desired: 0,
    subnets: MAIN,
    group: GROUP.internalTools,
    tasks: [
      {
        id: '7e1f2a3b4c5d46e7f8091a2b3c4d5e6f',
        ip: '10.0.1.70',
        subnet: SUBNET.mainPrivateA,
        age: 2400,
        status: 'STOPPED',
        exitCode: 137,
        reason: 'OutOfMemoryError: Container killed due to memory usage',
        stopped: {
          code: 'EssentialContainerExited',
          reason: 'Essential container in task exited',
          secondsAgo: 1500,
        },
      },
    ],
    events: [
      { secondsAgo: 2410, text: 'has started 1 tasks: (task 7e1f2a3b4c5d46e7f8091a2b3c4d5e6f).' },
      { secondsAgo: 1200, text: 'has reached a steady state.' },
    ],
  }),
  service('payments-api', {
    cluster: 'demo',
    family: 'payments-api',
    subnets: MAIN,
    group: GROUP.internalTools,
    tasks: [
      {
        id: '72a3b4c5d6e74f80d1a2b3c4d5e6f708',
        ip: '10.0.3.70',
        subnet: SUBNET.mainPrivateC,
        age: 0,
        status: 'PENDING',
        agent: 'PENDING',
      },
      {
        id: '71a2b3c4d5e64f70819a2b3c4d5e6f70',
        ip: '10.0.3.69',
        subnet: SUBNET.mainPrivateC,
        age: 400,
        status: 'STOPPED',
        stopped: {
          code: 'TaskFailedToStart',
          reason: CANNOT_PULL,
          secondsAgo: 300,
        },
        reason: CANNOT_PULL,
      },
    ],
    events: [
      { secondsAgo: 410, text: 'has started 1 tasks: (task 71a2b3c4d5e64f70819a2b3c4d5e6f70).' },
      {
        secondsAgo: 290,
        text: 'is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
      },
      { secondsAgo: 5, text: 'has started 1 tasks: (task 72a3b4c5d6e74f80d1a2b3c4d5e6f708).' },
    ],
  }),
  service('ledger', {
    cluster: 'sealed',
    family: 'ledger',
    subnets: [SUBNET.sealedA, SUBNET.sealedB],
    group: GROUP.ledger,
    tasks: [
      { id: '83b4c5d6e7f84091e2b3c4d5e6f70819', ip: '10.20.1.15', subnet: SUBNET.sealedA, age: 3 * DAY },
    ],
  }),
  service('archiver', {
    cluster: 'airgap',
    family: 'archiver',
    subnets: [SUBNET.airgapA],
    group: GROUP.archiver,
    tasks: [
      { id: '94c5d6e7f80941a2f3c4d5e6f708192a', ip: '10.30.1.16', subnet: SUBNET.airgapA, age: 3 * DAY },
    ],
  }),
  service('backend-flask', {
    cluster: 'cruddur',
    family: 'backend-flask',
    subnets: DEFAULT,
    group: GROUP.cruddur,
    publicIp: true,
    injected: ['ecs-service-connect-4QmkZd'],
    tasks: [
      {
        id: 'a5d6e7f8091a42b3a4d5e6f708192a3b',
        ip: '172.31.4.56',
        subnet: SUBNET.defaultA,
        age: 1 * DAY,
        health: { 'backend-flask': 'HEALTHY', 'ecs-service-connect-4QmkZd': 'HEALTHY' },
      },
    ],
  }),
  service('example-app-api', {
    cluster: 'example-app-cluster',
    family: 'example-app',
    exec: false,
    subnets: MAIN,
    group: GROUP.exampleTask,
    tasks: [
      { id: 'b6e7f8091a2b43c4b5e6f708192a3b4c', ip: '10.0.1.80', subnet: SUBNET.mainPrivateA, age: 8 * DAY },
    ],
  }),
  service('ecs-service', {
    cluster: 'ecs-cluster',
    family: 'ecs-task-family',
    exec: false,
    subnets: [SUBNET.defaultB],
    group: GROUP.ecsService,
    publicIp: true,
    tasks: [
      { id: 'c7f8091a2b3c44d5c6f708192a3b4c5d', ip: '172.31.20.9', subnet: SUBNET.defaultB, age: 30 * DAY },
    ],
  }),
  service('node-aws-ecs', {
    cluster: 'node-aws-ecs',
    family: 'node-aws-ecs',
    exec: true,
    subnets: DEFAULT,
    group: GROUP.defaultDefault,
    publicIp: true,
    tasks: [
      { id: 'd8091a2b3c4d45e6d708192a3b4c5d6e', ip: '172.31.36.7', subnet: SUBNET.defaultC, age: 12 * HOUR },
    ],
  }),
];
