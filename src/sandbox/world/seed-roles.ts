import type { SeedRole } from '../seed-shapes.ts';

export const ACCOUNT = '111122223333';
export const ACCOUNT_ALIAS = 'example-dev';
export const REGION = 'eu-west-1';

/** The key that encrypts the exec sessions of the cluster `sealed`. */
export const EXEC_KEY_ID = '11111111-2222-3333-4444-555555555555';

const trust = (service: string): unknown => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
});

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

const policy = (...statements: readonly Statement[]): unknown => ({
  Version: '2012-10-17',
  Statement: statements,
});
const allow = (actions: readonly string[], resources: string | readonly string[] = '*'): Statement => ({
  Effect: 'Allow',
  Action: actions,
  Resource: resources,
});

/** The permissions that ECS Exec needs on a task role (docs/reference/iam.md §8). */
const execChannels = allow([
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
]);
const pullAndLog = allow([
  'ecr:GetAuthorizationToken',
  'ecr:BatchCheckLayerAvailability',
  'ecr:GetDownloadUrlForLayer',
  'ecr:BatchGetImage',
  'logs:CreateLogStream',
  'logs:PutLogEvents',
]);
const parameter = (path: string): string => `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/${path}`;

const taskRole = (name: string, inlinePolicies: SeedRole['inlinePolicies']): SeedRole => ({
  name,
  path: '/',
  trust: trust('ecs-tasks.amazonaws.com'),
  inlinePolicies,
});

/** First the correct roles of the demo cluster, then those of the five seed documents with their original faults. */
export const SEED_ROLES: readonly SeedRole[] = [
  taskRole('demo-task-execution', { pull: policy(pullAndLog) }),
  taskRole('demo-exec-task', { 'ecs-exec': policy(execChannels) }),
  taskRole('orders-api-task', {
    'ecs-exec': policy(execChannels),
    orders: policy(
      allow(['sqs:SendMessage', 'sqs:ReceiveMessage'], `arn:aws:sqs:${REGION}:${ACCOUNT}:orders-*`),
      allow(['rds-db:connect'], `arn:aws:rds-db:${REGION}:${ACCOUNT}:dbuser:*/orders_app`),
    ),
  }),
  taskRole('billing-task', {
    'ecs-exec': policy(execChannels),
    billing: policy(allow(['s3:GetObject', 's3:PutObject'], 'arn:aws:s3:::example-invoices/*')),
  }),
  // The role allows no ssmmessages action, so its agent cannot connect.
  taskRole('legacy-admin-task', {
    mail: policy(allow(['ses:SendEmail'])),
  }),
  taskRole('ledger-task', {
    'ecs-exec': policy(
      execChannels,
      allow(['kms:Decrypt'], `arn:aws:kms:${REGION}:${ACCOUNT}:key/${EXEC_KEY_ID}`),
    ),
  }),
  taskRole('archiver-task', { 'ecs-exec': policy(execChannels) }),

  // Seed 000: the execution role is used as the task role.
  taskRole('ecs-task-execution-role', {
    'ecs-execution': policy(pullAndLog),
    'ecs-secretsmanager-policy': policy(
      allow(
        [
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:UpdateSecretVersionStage',
        ],
        `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:dev/rsaKey/*`,
      ),
    ),
    'ecs-kms-policy': policy(allow(['kms:Decrypt'], `arn:aws:kms:${REGION}:${ACCOUNT}:key/*`)),
    'ecs-sts-policy': policy(allow(['sts:GetCallerIdentity'])),
  }),

  // Seed 001: the task role has no policy; all policies are attached to the execution role.
  taskRole('example-app-ecsTaskRole', {}),
  taskRole('example-app-ecsTaskExecutionRole', {
    'example-app-task-policy-logs': policy(
      allow(['logs:GetLogEvents', 'logs:PutLogEvents'], 'arn:aws:logs:*:*:*'),
      allow(
        ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutRetentionPolicy', 'logs:CreateLogGroup'],
        'arn:aws:logs:*:*:*',
      ),
    ),
    'example-app-task-policy-ecr': policy(pullAndLog),
  }),

  // Seed 002: the right task role exists, but the task definition does not name it.
  taskRole('CruddurServiceExecutionRole', {
    CruddurServiceExecutionPolicy: policy(
      pullAndLog,
      allow(['ssm:GetParameters', 'ssm:GetParameter'], parameter('cruddur/backend-flask/*')),
    ),
  }),
  taskRole('CruddurTaskRole', {
    SSMAccessPolicy: policy(execChannels),
    CloudWatchFullAccess: policy(allow(['cloudwatch:*', 'logs:*'])),
    AWSXRayDaemonWriteAccess: policy(allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'])),
  }),

  // Seed 003: execution and application use the same role.
  taskRole('serviceTaskExecutionRole', {
    AmazonECSTaskExecutionRolePolicy: policy(pullAndLog),
    AllowParameterStoreRO: policy(allow(['ssm:GetParameters', 'kms:Decrypt'], parameter('service/*'))),
    AllowCreateLogGroup: policy(allow(['logs:CreateLogGroup'])),
  }),

  // Seed 004: the bastion role of the predecessor tool, with its misspelt name.
  {
    name: 'fagate_connect',
    path: '/',
    trust: trust('ec2.amazonaws.com'),
    inlinePolicies: {
      fagate_connect: policy(allow(['ssm:*', 'ssmmessages:*', 'ec2messages:*', 'ecs:*', 'elasticache:*'])),
    },
  },
];
