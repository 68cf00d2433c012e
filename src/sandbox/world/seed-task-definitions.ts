import type { SeedContainerDefinition, SeedTaskDefinition } from '../seed-shapes.ts';
import { BILLING_DATABASE_URL, ORDERS_DATABASE_URL } from './seed-databases.ts';
import { ACCOUNT, REGION } from './seed-roles.ts';

const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const image = (name: string): string => `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/${name}`;

const container = (
  name: string,
  of: Partial<SeedContainerDefinition> & { readonly image: string },
): SeedContainerDefinition => ({
  name,
  essential: true,
  command: [],
  environment: {},
  secretNames: [],
  ports: [],
  initProcess: true,
  readonlyRoot: false,
  ...of,
});

const definition = (
  family: string,
  of: Partial<SeedTaskDefinition> & { readonly containers: readonly SeedContainerDefinition[] },
): SeedTaskDefinition => ({
  family,
  revision: 1,
  cpu: '256',
  memory: '512',
  taskRoleArn: roleArn('demo-exec-task'),
  executionRoleArn: roleArn('demo-task-execution'),
  ...of,
});

const otel = container('otel', {
  image: 'public.ecr.aws/aws-observability/aws-otel-collector:v0.43.1',
  essential: false,
  ports: [4318],
});
const envoy = container('envoy', {
  image: 'public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.12.1-prod',
  ports: [9901],
});

/** Parameters of Parameter Store, by variable. */
const parameters = (path: string, names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.map((name) => [name, `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/${path}/${name}`]),
  );

export const SEED_TASK_DEFINITIONS: readonly SeedTaskDefinition[] = [
  definition('orders-api', {
    revision: 42,
    cpu: '512',
    memory: '1024',
    taskRoleArn: roleArn('orders-api-task'),
    containers: [
      container('app', {
        image: image('orders-api:2.14.0'),
        command: ['node', 'server.js'],
        environment: {
          NODE_ENV: 'production',
          PORT: '8080',
          LOG_LEVEL: 'info',
          DATABASE_URL: ORDERS_DATABASE_URL,
          OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
        },
        secretNames: ['PAYMENT_PROVIDER_KEY'],
        ports: [8080],
        logGroup: '/ecs/orders-api',
      }),
      otel,
      envoy,
    ],
  }),
  definition('billing-worker', {
    revision: 7,
    taskRoleArn: roleArn('billing-task'),
    containers: [
      container('worker', {
        image: image('billing-worker:1.8.3'),
        command: ['python', '-m', 'billing.worker'],
        environment: { QUEUE: 'invoices', DATABASE_URL: BILLING_DATABASE_URL },
        ports: [9100],
        logGroup: '/ecs/billing-worker',
      }),
    ],
  }),
  definition('storefront-web', {
    revision: 118,
    containers: [container('nginx', { image: 'public.ecr.aws/nginx/nginx:1.29', ports: [80] })],
  }),
  definition('legacy-admin', {
    revision: 3,
    taskRoleArn: roleArn('legacy-admin-task'),
    containers: [
      container('admin', {
        image: image('legacy-admin:0.9'),
        ports: [3000],
        initProcess: false,
        readonlyRoot: true,
      }),
    ],
  }),
  definition('search-indexer', {
    revision: 21,
    containers: [
      container('indexer', {
        image: image('search-indexer:4.0.1'),
        environment: { INDEX_URL: 'http://localhost:9200' },
        ports: [9200],
      }),
    ],
  }),
  definition('nightly-reports', {
    containers: [container('reports', { image: image('nightly-reports:1.2'), command: ['./run', '--all'] })],
  }),
  definition('payments-api', {
    revision: 9,
    containers: [container('app', { image: image('payments-api:3.1.0-rc1'), ports: [8081] }), otel],
  }),
  definition('ledger', {
    taskRoleArn: roleArn('ledger-task'),
    containers: [
      container('ledger', { image: image('ledger:5.5'), ports: [7000], logGroup: '/ecs/ledger' }),
      // A copy of the OpenTelemetry collector in a private registry: only the task definition shows what it is.
      container('telemetry', {
        image: image('platform/telemetry:3'),
        essential: false,
        environment: { AOT_CONFIG_CONTENT: 'receivers: {}' },
      }),
    ],
  }),
  definition('archiver', {
    taskRoleArn: roleArn('archiver-task'),
    containers: [container('archiver', { image: image('archiver:1.0'), ports: [6000] })],
  }),

  // Seed 000
  definition('ecs-task-family', {
    cpu: '512',
    memory: '1024',
    taskRoleArn: roleArn('ecs-task-execution-role'),
    executionRoleArn: roleArn('ecs-task-execution-role'),
    containers: [
      container('flask-app', {
        image: image('toast/toast-chase-test-ecs-docker:latest'),
        ports: [8443],
        initProcess: false,
      }),
    ],
  }),
  // Seed 001
  definition('example-app', {
    taskRoleArn: roleArn('example-app-ecsTaskRole'),
    executionRoleArn: roleArn('example-app-ecsTaskExecutionRole'),
    containers: [
      container('example-app-api', {
        image: 'nginx:latest',
        environment: { BUILD: 'v0.1.0' },
        ports: [80],
        initProcess: false,
        logGroup: 'awslogs-example-app-api',
      }),
    ],
  }),
  // Seed 002: `"taskRoleArn": ""` registers no task role, and the access keys in the environment would take
  // precedence over one.
  definition('backend-flask', {
    taskRoleArn: undefined,
    executionRoleArn: roleArn('CruddurServiceExecutionRole'),
    containers: [
      container('backend-flask', {
        image: image('backend-flask'),
        environment: {
          OTEL_SERVICE_NAME: 'backend-flask',
          OTEL_EXPORTER_OTLP_ENDPOINT: 'https://api.honeycomb.io',
          FRONTEND_URL: '*',
          BACKEND_URL: '*',
          AWS_DEFAULT_REGION: REGION,
        },
        secretNames: [
          'AWS_ACCESS_KEY_ID',
          'AWS_SECRET_ACCESS_KEY',
          'CONNECTION_URL',
          'ROLLBAR_ACCESS_TOKEN',
          'OTEL_EXPORTER_OTLP_HEADERS',
        ],
        secretSources: parameters('cruddur/backend-flask', [
          'AWS_ACCESS_KEY_ID',
          'AWS_SECRET_ACCESS_KEY',
          'CONNECTION_URL',
          'ROLLBAR_ACCESS_TOKEN',
          'OTEL_EXPORTER_OTLP_HEADERS',
        ]),
        ports: [4567],
        initProcess: false,
        logGroup: 'cruddur',
      }),
    ],
  }),
  // Seed 003
  definition('node-aws-ecs', {
    taskRoleArn: roleArn('serviceTaskExecutionRole'),
    executionRoleArn: roleArn('serviceTaskExecutionRole'),
    containers: [
      container('node-aws-ecs', {
        image: image('node-aws-ecs:latest'),
        secretNames: ['SECRET_KEY'],
        secretSources: parameters('service', ['SECRET_KEY']),
        ports: [3000],
        initProcess: false,
        logGroup: '/ecs/node-aws-ecs',
      }),
    ],
  }),
];
