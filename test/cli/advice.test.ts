import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { ADVICE, adviceFor } from '../../src/cli/advice/advice.ts';
import { documentFor } from '../../src/cli/advice/account.ts';
import type { AdviceContext } from '../../src/cli/advice/command-lines.ts';
import type { AdvisedFacts } from '../../src/cli/advice/rows.ts';
import { SILENT_CODES } from '../../src/cli/advice/silent-codes.ts';
import { COMMANDS, createProgram } from '../../src/cli/program.ts';
import {
  type BastionFacts,
  otherRoute,
  type RouteFacts,
  type TaskFacts,
} from '../../src/connect/database/route-choice.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** Codes of notes, which docs/errors.md does not list. */
const NOTES: readonly (keyof AdvisedFacts)[] = [
  'picked-command',
  'agent-lost',
  'bastion-kept',
  'bastion-interrupted',
  'lease-ending',
  'credentials-ending',
  'bastion-up',
  'client-group-closed',
  'client-group-elsewhere',
  'database-closed',
  'for-operators',
  'leftovers-found',
  'login-unknown',
  'no-bastions',
  'other-bastion',
  'others-run',
  'route-chosen',
  'session-document-use',
  'token-refused',
  'teardown-unfinished',
  'unfinished',
];

const run = (
  command: string,
  given: AdviceContext['given'] = {},
  argv: readonly string[] = [],
): AdviceContext => ({
  command,
  given,
  argv,
});

/** Typed, so that a case with details that its code does not have does not compile. */
type Case = {
  readonly [C in keyof AdvisedFacts]: readonly [
    code: C,
    facts: AdvisedFacts[C],
    context: AdviceContext,
    lines: readonly string[],
  ];
}[keyof AdvisedFacts];

const among = (near: string) => ({ near: [near], candidates: [near], existing: 1 });

const PLACE = { profile: 'staging', region: 'eu-west-1' };
const IN_PLACE = '--region eu-west-1 --profile staging';

const BY_SOMEBODY = [
  'another person, or the instance itself, ended it',
  'run the same command again   # it adopts what exists',
];
/** EC2's reasons for the end of an instance, and what helps. */
const ENDED: readonly (readonly [reason: string, lines: readonly string[]])[] = [
  [
    'Client.VolumeLimitExceeded',
    ["the account's quota for EBS storage is used up: raise it in Service Quotas"],
  ],
  [
    'Client.InvalidSnapshot.NotFound',
    [
      'the snapshot of the image cannot be read: is the image shared with this account, with its snapshot and key?',
    ],
  ],
  ['Client.UserInitiatedShutdown', BY_SOMEBODY],
  ['Client.InstanceInitiatedShutdown', BY_SOMEBODY],
  ['Client.InstanceTerminated', BY_SOMEBODY],
  [
    'Server.InsufficientInstanceCapacity',
    [
      'the same command with --type t4g.medium,t3.small   # other pools',
      'the same command with --on-demand   # costs more',
    ],
  ],
  ['Server.InternalError', ['an error of EC2: run the same command again']],
];

const CASES: readonly Case[] = [
  ['route-chosen', { via: 'bastion', other: 'task' }, run('forward'), ['--via task   # uses a task instead']],
  [
    'route-chosen',
    { via: 'task', other: 'bastion' },
    run('db'),
    ['--via bastion   # uses the bastion instead'],
  ],
  ['route-chosen', { via: 'task' }, run('forward'), []],
  ['route-chosen', { via: 'task' }, run('db'), []],
  [
    'login-unknown',
    {
      database: 'orders-db',
      user: 'app',
      userIsGiven: false,
      logins: ['managed-secret', 'iam'],
      passwordFrom: 'PGPASSWORD or ~/.pgpass',
    },
    run('db'),
    [
      '--secret   # AWS keeps the password of app',
      '--iam --as USER   # IAM login is on',
      '--as USER with a password in PGPASSWORD or ~/.pgpass',
    ],
  ],
  [
    'token-refused',
    { family: 'postgres', user: 'app' },
    run('db'),
    [
      "'password authentication failed': the user lacks a role: GRANT rds_iam TO app",
      "fargate-connect policy db --db-resource ID --db-user app   # 'PAM authentication failed': IAM does not allow rds-db:connect; this prints the grant",
    ],
  ],
  [
    'picked-command',
    { action: 'database', cluster: 'prod', service: 'web', database: 'orders-db' },
    run('connect', PLACE),
    [`fargate-connect db orders-db --via task --cluster prod --service web ${IN_PLACE}`],
  ],
  // Tasks that stop under a session.
  [
    'task-stopped',
    {
      cluster: 'prod',
      service: 'web',
      task: '1f0e9d8c',
      container: 'app',
      stopCode: 'EssentialContainerExited',
      reason: 'Essential container in task exited',
      exitCode: 137,
      outOfMemory: true,
    },
    run('exec', PLACE),
    [
      'its memory was used up: the task definition needs more, or the process less',
      `fargate-connect exec web --cluster prod ${IN_PLACE}   # opens a shell in the service's next task`,
      `fargate-connect logs web --cluster prod --since 1h ${IN_PLACE}   # what it wrote before`,
      `fargate-connect ls tasks --cluster prod --stopped ${IN_PLACE}   # why tasks stopped`,
    ],
  ],
  // Permission.
  [
    'access-denied',
    { action: 'ecs:ListTasks' },
    run('exec'),
    [
      'fargate-connect policy exec   # the least-privilege document that grants it',
      'aws sts get-caller-identity   # who is asking',
    ],
  ],
  [
    'access-denied',
    { action: 'ec2:DescribeInstances' },
    run('shell', { ...PLACE, name: 'orders', cluster: 'prod' }),
    [
      `fargate-connect policy shell --cluster prod ${IN_PLACE}   # the least-privilege document that grants it`,
      'aws sts get-caller-identity --profile staging   # who is asking',
    ],
  ],
  [
    'access-denied',
    { action: 'sts:AssumeRole' },
    run('up'),
    ['aws sts get-caller-identity   # who is asking'],
  ],
  [
    'access-denied',
    {
      action: 'iam:CreatePolicy',
      missingBoundary: { path: '/team/', name: 'boundary', tunnelOnly: false, cluster: 'prod' },
    },
    run('up', PLACE),
    [
      'an administrator creates this boundary once:',
      `fargate-connect policy bastion-boundary --cluster prod ${IN_PLACE} > boundary.json`,
      'aws iam create-policy --path /team/ --policy-name boundary --policy-document file://boundary.json --profile staging',
    ],
  ],
  [
    'agent-denied',
    { action: 'ssmmessages:OpenDataChannel', reason: 'no', agent: 'task' },
    run('exec'),
    [
      'the agent reported: no',
      "fargate-connect policy task-role   # grants ssmmessages:OpenDataChannel, for the task's role",
    ],
  ],
  [
    'agent-denied',
    { action: 'ssm:UpdateInstanceInformation', reason: 'no', agent: 'bastion-tunnel-only', name: 'orders' },
    run('up', { name: 'orders', region: 'eu-west-1' }),
    [
      'fargate-connect policy bastion-tunnel-only --region eu-west-1   # grants it; it belongs into the role',
      'with that in place, its permissions boundary or a service control policy refuses',
      'fargate-connect down --name orders --region eu-west-1   # then up again: a refused agent sleeps for half an hour',
    ],
  ],
  [
    'role-untrusted',
    { role: 'ops', action: 'sts:AssumeRole', of: 'given', name: 'default' },
    run('up'),
    ['fargate-connect policy bastion-trust   # what an administrator must let the role trust'],
  ],
  [
    'role-untrusted',
    { role: 'r', action: 'sts:AssumeRole', of: 'own', name: 'orders' },
    run('up', { name: 'orders', iamPath: '/team/' }),
    [
      'fargate-connect down --name orders --iam-path /team/   # then up creates it anew',
      'fargate-connect policy bastion-trust --iam-path /team/   # or what an administrator must let it trust',
    ],
  ],
  [
    'role-untrusted',
    { role: 'r', action: 'sts:AssumeRole', of: 'launched', name: 'default' },
    run('up'),
    [
      'fargate-connect policy bastion-trust   # the role must trust so, and its conditions must let this account',
      'fargate-connect down   # then up again: a refused agent sleeps for half an hour',
    ],
  ],
  [
    'grants-missing',
    { principal: 'role/web', actions: ['ssmmessages:OpenDataChannel'], unknownKeys: ['aws:SourceIp'] },
    run('policy', PLACE, ['policy', 'task-role', '--check', 'role/web', '--profile', 'staging']),
    [
      'fargate-connect policy task-role --profile staging   # prints what it should have',
      'its policies ask for aws:SourceIp, which the check knows no value of',
    ],
  ],
  [
    'answer-incomplete',
    { actions: ['ssm:DescribeInstanceInformation'] },
    run('status', PLACE),
    [`fargate-connect policy operator ${IN_PLACE}   # or forward, or shell: all of them grant that`],
  ],
  [
    'credentials-missing',
    { profile: 'staging' },
    run('ls clusters', { profile: 'staging' }),
    [
      'aws configure sso --profile staging   # or: aws configure --profile staging',
      'or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      'fargate-connect demo   # needs no account',
    ],
  ],
  [
    'credentials-expired',
    {},
    run('up', { profile: 'staging' }),
    [
      'aws sso login --profile staging   # with single sign-on',
      'otherwise export fresh AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN',
    ],
  ],
  [
    'region-missing',
    { profile: 'staging', candidates: ['prod', 'test account'] },
    run('up'),
    [
      'give --region, e.g. --region eu-west-1',
      '--profile prod   # has a region',
      "--profile 'test account'   # has a region",
      'aws configure set region REGION --profile staging',
      'fargate-connect demo   # needs no account',
    ],
  ],
  [
    'credentials-expired',
    { profile: 'prod', signIn: 'sso' },
    run('up', { profile: 'staging' }),
    ['aws sso login --profile prod'],
  ],
  ['credentials-expired', { profile: 'prod', signIn: 'login' }, run('up'), ['aws login --profile prod']],
  [
    'credentials-ending',
    { profile: 'prod', signIn: 'sso', reason: 'credentials-expired' },
    run('forward'),
    ['aws sso login --profile prod'],
  ],
  [
    'credentials-ending',
    { profile: 'prod', signIn: 'login', reason: 'credentials-expired' },
    run('forward'),
    ['aws login --profile prod'],
  ],
  [
    'credentials-ending',
    { profile: 'prod', device: 'arn:aws:iam::1:mfa/me', reason: 'mfa-needed' },
    run('forward'),
    ['aws sts get-caller-identity --profile prod   # asks for the code'],
  ],
  [
    'credentials-ending',
    { profile: 'prod', program: 'vault', reason: 'credential-process-failed' },
    run('forward'),
    ['aws configure get credential_process --profile prod   # run that command by hand'],
  ],
  [
    'credentials-ending',
    { profile: 'prod', reason: 'assume-role-refused' },
    run('forward'),
    ['aws sts get-caller-identity --profile prod   # says why'],
  ],
  [
    'credentials-ending',
    { isFixed: true, reason: 'credentials-expired' },
    run('forward'),
    ['export fresh keys, then start this command again'],
  ],
  [
    'assume-role-refused',
    { profile: 'ops', role: 'arn:aws:iam::1:role/ops', by: 'profile base', externalId: true },
    run('up'),
    [
      'the trust policy of arn:aws:iam::1:role/ops must name profile base, and profile base must be allowed sts:AssumeRole on it',
    ],
  ],
  [
    'profile-not-found',
    { profile: 'stagin', candidates: ['staging'], existing: 2 },
    run('up'),
    [
      'did you mean staging?',
      'aws configure list-profiles',
      'aws configure sso --profile stagin   # makes one',
    ],
  ],
  [
    'profile-not-found',
    { profile: 'staging', candidates: [], existing: 0 },
    run('up'),
    ['aws configure sso --profile staging   # makes one', 'fargate-connect demo   # needs no account'],
  ],
  [
    'proxy-refused',
    { status: 403, needsLogin: false, scheme: 'http' },
    run('up'),
    ['check HTTPS_PROXY and ALL_PROXY, or add the host to NO_PROXY'],
  ],
  [
    'proxy-refused',
    { needsLogin: true, scheme: 'socks5' },
    run('up'),
    ['user and password go into the address: ALL_PROXY=socks5h://USER:PASSWORD@HOST:PORT'],
  ],
  [
    'proxy-refused',
    { status: 407, needsLogin: true, scheme: 'http' },
    run('up'),
    ['user and password go into the address: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT'],
  ],

  // Clusters, services, tasks, containers.
  [
    'cluster-needed',
    { candidates: ['a', 'b', 'c', 'd', 'e', 'f'] },
    run('exec', PLACE),
    [
      ...['a', 'b', 'c', 'd', 'e'].map((name) => `--cluster ${name}`),
      `fargate-connect ls clusters ${IN_PLACE}   # and 1 more`,
    ],
  ],
  [
    'cluster-not-found',
    { cluster: 'prood', ...among('prod') },
    run('exec', { cluster: 'prood' }),
    ['did you mean prod?', 'fargate-connect ls clusters'],
  ],
  [
    'cluster-not-found',
    { cluster: 'prood' },
    run('exec'),
    ['fargate-connect ls clusters', 'is it in another region or account? --region, --profile'],
  ],
  [
    'service-not-found',
    { service: 'orders', cluster: 'prod', ...among('orders-api') },
    run('exec', { cluster: 'arn:aws:ecs:eu-west-1:1:cluster/prod' }),
    ['did you mean orders-api?', 'fargate-connect ls services --cluster prod'],
  ],
  [
    'service-not-found',
    { service: 'x', near: [], candidates: [], existing: 11 },
    run('exec'),
    ['none of the 11 names is close', 'fargate-connect ls services'],
  ],
  [
    'task-not-found',
    { task: 'zz', cluster: 'prod', near: [], candidates: ['abcd'], existing: 1 },
    run('exec', PLACE),
    ['there is: abcd', `fargate-connect ls tasks --cluster prod ${IN_PLACE}`],
  ],
  ['task-ambiguous', { task: 'ab', candidates: ['ab1', 'ab2'] }, run('exec'), ['--task ab1', '--task ab2']],
  [
    'container-not-found',
    { cluster: 'prod', task: 'abcd', container: 'app', ...among('app2') },
    run('exec', { region: 'eu-west-1' }),
    ['did you mean app2?', 'fargate-connect ls containers --cluster prod --task abcd --region eu-west-1'],
  ],
  ['container-needed', { candidates: ['a', 'b'] }, run('exec'), ['--container a', '--container b']],
  [
    'container-not-running',
    { cluster: 'prod', task: 'abcd', container: 'app', mayStart: true },
    run('exec'),
    [
      'wait a little and try again',
      'fargate-connect doctor --cluster prod --task abcd   # says what it waits for',
      'fargate-connect ls containers --cluster prod --task abcd   # state of container and agent',
    ],
  ],
  [
    'task-not-running',
    { cluster: 'prod', task: 'abcd', container: 'app', status: 'PENDING', mayStart: true },
    run('exec'),
    [
      'wait a little and try again',
      'fargate-connect doctor --cluster prod --task abcd   # says what it waits for',
      'fargate-connect ls containers --cluster prod --task abcd   # state of container and agent',
    ],
  ],
  [
    'exec-not-enabled',
    {
      cluster: 'prod',
      task: 'abcd',
      service: 'web',
      serviceEnabled: false,
      fixes: [[{ kind: 'redeploy-service', cluster: 'prod', service: 'web', enableExecuteCommand: true }]],
    },
    run('exec', PLACE),
    [
      `fargate-connect enable-exec web --cluster prod ${IN_PLACE}   # checks the task role; a new deployment replaces the tasks`,
    ],
  ],
  [
    'exec-not-enabled',
    {
      cluster: 'prod',
      task: 'abcd',
      service: 'web',
      serviceEnabled: true,
      fixes: [[{ kind: 'redeploy-service', cluster: 'prod', service: 'web' }]],
    },
    run('exec'),
    [
      'aws ecs update-service --cluster prod --service web --force-new-deployment   # a new deployment replaces the tasks',
    ],
  ],
  [
    'deployment-controller',
    { cluster: 'prod', service: 'web', controller: 'CODE_DEPLOY' },
    run('enable-exec'),
    [
      'aws ecs update-service --cluster prod --service web --enable-execute-command   # new tasks start with it',
      'aws deploy create-deployment --application-name APPLICATION --deployment-group-name GROUP --revision …   # replaces the tasks',
    ],
  ],
  [
    'route-unlogged',
    { toTaskItself: false },
    run('forward', { cluster: 'prod' }),
    ['fargate-connect forward --cluster prod … --via bastion'],
  ],
  [
    'task-role-needed',
    { cluster: 'prod', service: 'web', taskDefinition: 'web:3' },
    run('enable-exec'),
    [
      'fargate-connect policy task-role   # its grants',
      'fargate-connect policy task-trust   # its trust',
      'register a revision of web:3 with this role as taskRoleArn, and update the service to it',
    ],
  ],
  [
    'exec-not-enabled',
    {
      cluster: 'prod',
      task: 'abcd',
      taskDefinition: 'web:3',
      fixes: [[{ kind: 'run-task', cluster: 'prod', taskDefinition: 'web:3', enableExecuteCommand: true }]],
    },
    run('exec'),
    ['aws ecs run-task --cluster prod --task-definition web:3 --enable-execute-command …'],
  ],
  [
    'exec-not-enabled',
    { cluster: 'prod', task: 'abcd' },
    run('exec'),
    ['fargate-connect ls containers --cluster prod --task abcd   # state of container and agent'],
  ],
  [
    'exec-agent-not-running',
    {
      cluster: 'prod',
      task: 'abcd',
      container: 'app',
      agent: 'STOPPED',
      agentReason: null,
      taskRole: 'orders-task',
    },
    run('exec', { cluster: 'prod' }),
    [
      'fargate-connect ls containers --cluster prod --task abcd   # state of container and agent',
      'fargate-connect policy task-role --check role/orders-task --cluster prod   # does its task role lack ssmmessages',
      'other known causes: a read-only root file system, no route to ssmmessages on port 443',
    ],
  ],
  [
    'no-clusters',
    {},
    run('up', PLACE),
    [
      'is it in another region or account? --region, --profile',
      `fargate-connect up --tunnel-only --vpc VPC ${IN_PLACE}   # a bastion for tunnels only`,
    ],
  ],
  ['no-clusters', {}, run('exec'), ['is it in another region or account? --region, --profile']],
  [
    'no-running-task',
    { cluster: 'prod', service: 'web', desiredCount: 0, pendingCount: 0 },
    run('exec', PLACE),
    [`aws ecs update-service --cluster prod --service web --desired-count 1 ${IN_PLACE}`],
  ],
  [
    'no-running-task',
    { cluster: 'prod', service: 'web', desiredCount: 2, pendingCount: 2 },
    run('exec'),
    ["aws ecs describe-services --cluster prod --services web --query 'services[0].events[:5].message'"],
  ],
  ['no-running-task', { cluster: 'prod' }, run('exec'), ['fargate-connect ls services --cluster prod']],
  [
    'service-needed',
    {},
    run('exec', { cluster: 'prod', profile: 'staging' }),
    [
      'fargate-connect exec SERVICE --cluster prod --profile staging',
      'fargate-connect exec --task ID --cluster prod --profile staging',
      'fargate-connect ls services --cluster prod --profile staging',
    ],
  ],
  [
    'target-not-connected',
    { target: 'i-1' },
    run('shell', { name: 'orders' }),
    ['fargate-connect status --name orders   # is the bastion running, and its agent online'],
  ],
  [
    'task-not-running',
    { cluster: 'prod', task: 'abcd', container: 'app', status: 'STOPPED', mayStart: false },
    run('exec'),
    ['fargate-connect ls tasks --cluster prod'],
  ],

  // Sessions and forwards.
  [
    'port-not-open',
    { name: 'default', port: 6379 },
    run('forward', PLACE),
    [`fargate-connect up --egress-port 6379 ${IN_PLACE}   # opens it towards the VPC`],
  ],
  [
    'port-not-open',
    { name: 'orders', port: 5432, database: 'orders-db' },
    run('forward'),
    ['fargate-connect up --name orders --db orders-db   # allows connections to that database'],
  ],
  [
    'resume-denied',
    { sessionId: 's-1', action: 'ssm:ResumeSession' },
    run('shell'),
    ['fargate-connect policy shell   # grants ssm:ResumeSession'],
  ],
  [
    'resume-denied',
    { sessionId: 'ecs-execute-command-1', action: 'ssm:ResumeSession' },
    run('exec'),
    [
      'fargate-connect policy exec   # grants ssm:ResumeSession',
      'with that grant in place, ECS has not tagged the session: docs/policies.md, "Whose session", has the wider statement',
    ],
  ],
  [
    'session-not-ended',
    { sessionId: 's-1', action: 'ssm:TerminateSession' },
    run('exec', PLACE),
    [
      `aws ssm terminate-session --session-id s-1 ${IN_PLACE}   # by a person who may`,
      `fargate-connect policy exec ${IN_PLACE}   # grants ssm:TerminateSession`,
    ],
  ],
  [
    'session-failed',
    { host: 'db', port: 5432 },
    run('forward', PLACE),
    [`fargate-connect ls databases ${IN_PLACE}   # the host names of databases`],
  ],
  ['session-failed', {}, run('shell'), []],
  ['local-port-taken', { port: 5432, holder: 'node (pid 1)' }, run('forward'), ['-L 0:…   # any free port']],
  [
    'local-port-taken',
    { port: 5432, holder: 'fargate-connect (pid 1)' },
    run('forward', PLACE),
    [
      '-L 0:…   # any free port',
      'fargate-connect forward list   # those in the background',
      'fargate-connect forward stop NAME   # ends one of them',
    ],
  ],
  [
    'forward-needed',
    {},
    run('run'),
    [
      '--db ID   # a database: ls databases',
      '-L 8080:80   # a port of the task',
      '-L 5432:db.internal:5432   # a host behind it',
      'NAME   # a connection of the config file: config list, config add',
    ],
  ],
  ['upgrade-refused', { status: 503, host: 'h' }, run('exec'), ['try again; the service may be busy']],

  // The bastion.
  ['bastion-ambiguous', { candidates: ['a', 'b'] }, run('shell'), ['--name a', '--name b']],
  [
    'bastion-differs',
    { name: 'orders', difference: { kind: 'iam', path: '/team/', prefix: 'x-' } },
    run('up', { name: 'orders', cluster: 'prod', iamPath: '/other/' }),
    [
      'fargate-connect up --name orders --iam-path /team/ --iam-prefix x- --cluster prod   # go on with it',
      'fargate-connect down --name orders --iam-path /other/   # or end it first',
    ],
  ],
  [
    'bastion-differs',
    { name: 'default', difference: { kind: 'cluster', wanted: undefined } },
    run('up'),
    [
      'fargate-connect up --name OTHER --tunnel-only   # a second one',
      'fargate-connect down   # or end the first',
    ],
  ],
  [
    'boot-failed',
    {
      instanceId: 'i-1',
      name: 'orders',
      reason: 'download of https://x failed: is S3 reachable from this subnet?',
    },
    run('up', { ...PLACE, name: 'orders' }),
    [
      `aws ec2 get-console-output --latest --output text --instance-id i-1 ${IN_PLACE}   # its whole console output`,
      `fargate-connect down --name orders ${IN_PLACE}   # removes everything`,
      `fargate-connect up --name orders --tunnel-only ${IN_PLACE}   # downloads nothing`,
    ],
  ],
  [
    'bastion-up',
    { name: 'default', databases: [], onlyHttps: true },
    run('up', { ...PLACE, cluster: 'prod' }),
    [
      `fargate-connect connect --cluster prod ${IN_PLACE}   # pick a container or a database`,
      `fargate-connect shell ${IN_PLACE}   # a shell on the bastion`,
      `fargate-connect up --db ID --cluster prod ${IN_PLACE}   # opens the route to a database, then:`,
      `fargate-connect forward -L 5432:HOST:5432 --via bastion --cluster prod ${IN_PLACE}   # a local port to HOST`,
      `fargate-connect down ${IN_PLACE}   # removes everything`,
    ],
  ],
  [
    'bastion-up',
    { name: 'orders', databases: [{ id: 'db', host: 'db.internal', port: 3306 }], onlyHttps: false },
    run('up', { name: 'orders' }),
    [
      'fargate-connect connect   # pick a container or a database',
      'fargate-connect shell --name orders   # a shell on the bastion',
      'fargate-connect db db --via bastion --name orders   # its client, or a local port',
      'fargate-connect down --name orders   # removes everything',
    ],
  ],
  [
    'leftovers',
    {
      names: ['orders'],
      remaining: [
        {
          resource: 'role r',
          removal: { service: 'iam', args: ['delete-role', '--role-name', 'a b'], region: 'eu-west-1' },
          reason: 'in use',
        },
        {
          resource: 'security-group sg-1',
          removal: {
            service: 'ec2',
            args: ['delete-security-group', '--group-id', 'sg-1'],
            region: 'us-east-1',
          },
        },
        { resource: 'egress sg-1' },
      ],
    },
    run('down', { ...PLACE, name: 'orders', iamPrefix: 'x-' }),
    [
      "aws iam delete-role --role-name 'a b' --profile staging   # in use",
      'aws ec2 delete-security-group --group-id sg-1 --region us-east-1 --profile staging',
      `fargate-connect down --name orders --iam-prefix x- ${IN_PLACE}   # tries again`,
    ],
  ],
  [
    'name-taken',
    { name: 'default', taken: [{ kind: 'security-group', id: 'sg-1', why: 'has no tag of ours' }] },
    run('up'),
    [
      'security-group sg-1 has no tag of ours',
      'fargate-connect up --name OTHER   # another name, which is free',
    ],
  ],
  [
    'no-bastion',
    {},
    run('shell', { ...PLACE, cluster: 'prod' }),
    [`fargate-connect up --cluster prod ${IN_PLACE}`, `fargate-connect status ${IN_PLACE}`],
  ],
  [
    'no-bastion',
    { name: 'ordes', ...among('orders') },
    run('shell', { name: 'ordes' }),
    ['did you mean orders?', 'fargate-connect status --name ordes', 'fargate-connect up --name ordes'],
  ],
  [
    'no-capacity',
    { market: 'on-demand', pools: [] },
    run('up'),
    ['the same command with --type t4g.medium,t3.small   # other pools'],
  ],
  [
    'instance-ended',
    { instanceId: 'i-1', reason: 'Client.InternalError', message: 'Client error on launch' },
    run('up'),
    [
      "mostly the key of encrypted volumes: is the account's default key for EBS its own?",
      'aws ec2 get-ebs-default-kms-key-id   # which key that is',
      'a key of its own must allow the person who launches: policy operator-volume-key --kms-key ARN prints the grants',
      'aws kms create-grant --key-id KEY-ARN --grantee-principal arn:aws:iam::ACCOUNT:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot --operations Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext CreateGrant DescribeKey ReEncryptFrom ReEncryptTo   # for spot, once',
      'or the same command with another --kms-key   # docs/policies.md, "A key of your own"',
    ],
  ],
  ...ENDED.map(([reason, lines]): Case => [
    'instance-ended',
    { instanceId: 'i-1', reason, message: undefined },
    run('up'),
    lines,
  ]),
  [
    'instance-ended',
    { instanceId: 'i-1', reason: 'Server.SpotInstanceTermination', message: undefined },
    run('up'),
    ['run the same command again', 'the same command with --on-demand   # EC2 does not interrupt it'],
  ],
  [
    'access-denied',
    { action: 'ec2:RunInstances', deniedBy: 'service-control-policy', explicitDeny: true },
    run('up'),
    [
      'a service control policy of the organisation refuses it, and no grant in this account changes that',
      'ask those who write it what it demands: tags (--tag KEY=VALUE), an own image, an own key, another region',
      'aws sts get-caller-identity   # who is asking',
    ],
  ],
  [
    'no-way-out',
    {
      vpc: 'vpc-1',
      region: 'eu-west-1',
      subnets: [{ id: 'subnet-1', zone: 'eu-west-1a', reason: 'no route' }],
      missing: ['ssm', 's3'],
      tunnelsPossible: true,
      fixes: [
        [
          {
            kind: 'add-endpoint',
            vpc: 'vpc-1',
            serviceName: 'com.amazonaws.eu-west-1.ssm',
            type: 'Interface',
            subnet: 'subnet-1',
            routeTable: 'rtb-1',
            dualStack: false,
          },
        ],
        [{ kind: 'set-route', routeTable: 'rtb-1', destination: '0.0.0.0/0', target: 'nat-gateway' }],
      ],
    },
    run('up', { cluster: 'prod' }),
    [
      'subnet-1 (eu-west-1a): no route',
      'aws ec2 create-vpc-endpoint --vpc-id vpc-1 --service-name com.amazonaws.eu-west-1.ssm --vpc-endpoint-type Interface --subnet-ids subnet-1 --private-dns-enabled --security-group-ids GROUP   # a group that admits port 443 from the subnet',
      'or:',
      'with a NAT gateway in a public subnet of the VPC: aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0 --nat-gateway-id NAT_GATEWAY',
      'fargate-connect up --tunnel-only --vpc vpc-1 --cluster prod   # or this: it needs fewer endpoints, which this network has',
      'or name other subnets: --vpc, --subnet',
      'or, if a subnet reaches AWS by a route that is not visible here: --subnet ID --way-out private',
    ],
  ],
  // What was asked for stays in the command, so that it makes no bastion elsewhere.
  [
    'no-way-out',
    {
      vpc: 'vpc-1',
      region: 'eu-west-1',
      subnets: [],
      asked: ['subnet-1', 'subnet-2'],
      tunnelsPossible: true,
    },
    run('up', { name: 'ops' }),
    [
      'fargate-connect up --tunnel-only --subnet subnet-1,subnet-2 --name ops   # or this: it needs fewer endpoints, which this network has',
      'or name other subnets: --vpc, --subnet',
      'or, if a subnet reaches AWS by a route that is not visible here: --subnet ID --way-out private',
    ],
  ],
  [
    'database-closed',
    {
      database: 'orders-db',
      fixes: [
        [{ kind: 'admit', group: 'sg-db', port: 5432, from: 'own-group' }],
        [{ kind: 'carry-group', group: 'sg-app' }],
        [{ kind: 'carry-group', group: 'sg-jobs' }],
      ],
    },
    run('up'),
    [
      'the same command with --allow-db orders-db   # adds a rule; down deletes it',
      'or the same command with --client-security-group sg-app',
      'or the same command with --client-security-group sg-jobs',
    ],
  ],
  [
    'client-group-elsewhere',
    { group: 'sg-1', fixes: [[{ kind: 'associate-group', group: 'sg-1', vpc: 'vpc-2' }]] },
    run('up', PLACE),
    [`aws ec2 associate-security-group-vpc --group-id sg-1 --vpc-id vpc-2 ${IN_PLACE}`],
  ],
  // All lines of a long message except the last.
  ['database-closed', {}, run('up'), []],
  [
    'client-group-closed',
    { group: 'sg-clients' },
    run('up'),
    ['name the database that the group leads to, too: --db ID'],
  ],
  [
    'removed-during-up',
    { name: 'orders', gone: ['role'] },
    run('up', { name: 'orders', cluster: 'prod' }),
    [
      'fargate-connect status --name orders   # what is left; another person ran down at the same time',
      'fargate-connect up --name orders --cluster prod   # begins again',
    ],
  ],
  [
    'sessions-active',
    { name: 'default', sessions: [{ id: 's-1', owner: 'arn:x' }] },
    run('down'),
    ['session s-1 of arn:x', 'fargate-connect down --force   # cuts them off'],
  ],
  [
    'duration',
    { flag: '--idle', value: '1m', between: ['5m', '24h'] },
    run('up'),
    ['between 5m and 24h, or 0 for never; --ttl ends the bastion in any case'],
  ],
  [
    'others-run',
    { names: ['a', 'b'] },
    run('down', PLACE),
    [
      `fargate-connect down --name a ${IN_PLACE}`,
      `fargate-connect down --name b ${IN_PLACE}`,
      `fargate-connect down --all ${IN_PLACE}   # or all of them`,
    ],
  ],
  [
    'teardown-unfinished',
    { name: 'orders', all: false },
    run('down', { ...PLACE, name: 'orders' }),
    [`fargate-connect down --name orders ${IN_PLACE}   # goes on`],
  ],
  [
    'teardown-unfinished',
    { name: 'orders', all: true },
    run('down', PLACE),
    [`fargate-connect down --all ${IN_PLACE}   # goes on`],
  ],
  [
    'unfinished',
    { name: 'orders' },
    run('up', { ...PLACE, name: 'orders' }, [
      'up',
      '--name',
      'orders',
      '--cluster',
      'prod',
      '--db',
      'orders-db',
    ]),
    [
      `fargate-connect down --name orders ${IN_PLACE}   # removes what exists by now`,
      'fargate-connect up --name orders --cluster prod --db orders-db   # goes on with it',
    ],
  ],

  [
    'aws-unreachable',
    { endpoint: 'http://user:secret@127.0.0.1:1' },
    run('ls'),
    [
      'unset AWS_ENDPOINT_URL   # it is http://user:***@127.0.0.1:1; without it the calls go to AWS itself',
      'check the network, HTTPS_PROXY, NO_PROXY and the region (--region)',
    ],
  ],
  [
    'endpoint-invalid',
    { variable: 'AWS_ENDPOINT_URL_ECS' },
    run('ls'),
    [
      'export AWS_ENDPOINT_URL_ECS=https://HOST:PORT',
      'unset AWS_ENDPOINT_URL_ECS   # then the calls go to AWS itself',
    ],
  ],

  // The command line.
  [
    'bad-arguments',
    { instead: [['web', '--', 'ls', '-l my dir']] },
    run('exec', { profile: 'staging' }),
    ["fargate-connect exec --profile staging web -- ls '-l my dir'"],
  ],
  ['bad-arguments', {}, run('exec'), []],
  [
    'bad-arguments',
    { remoteCommandAt: 4 },
    run('exec', { cluster: 'prod' }, ['exec', 'web', '--cluster', 'prod', 'ls', 'my dir']),
    [
      "fargate-connect exec web --cluster prod -- ls 'my dir'   # everything after -- belongs to the remote command",
    ],
  ],
  [
    'unknown-option',
    { remoteCommandAt: 1, suggestions: ['--all'] },
    run('shell', {}, ['shell', 'uname', '--al']),
    [
      'fargate-connect shell -- uname --al   # everything after -- belongs to the remote command',
      'did you mean --all?',
    ],
  ],
  [
    'check-placeholders',
    { principal: 'me', placeholders: ['cluster'], flags: ['--cluster'] },
    run('policy', {}, ['policy', 'exec', '--check', 'me']),
    ['fargate-connect policy exec --check me --cluster …'],
  ],
  ['unknown-command', { suggestions: ['down'] }, run('', {}), ['did you mean down?']],
  ['unknown-command', {}, { command: undefined, given: {}, argv: ['zzz'] }, ['fargate-connect --help']],
  [
    'input-needed',
    { flag: '--service', candidates: ['a', 'b'], more: 3 },
    run('connect'),
    ['give --service', 'one of: a, b and 3 more'],
  ],
  ['input-needed', { flag: undefined, candidates: ['shell'], more: 0 }, run('connect'), []],
  [
    'input-needed',
    {
      flag: undefined,
      candidates: ['shell', 'logs'],
      more: 0,
      picked: {
        cluster: 'prod',
        service: 'web',
        container: 'app',
        actions: ['shell', 'logs', 'forward', 'database', 'reasons'],
      },
    },
    run('connect', { region: 'eu-west-1', cluster: 'prod' }),
    [
      'fargate-connect exec --cluster prod --service web --container app --region eu-west-1   # a shell in the container',
      'fargate-connect logs --cluster prod --service web --container app --region eu-west-1   # its log',
      'fargate-connect forward --cluster prod --service web --region eu-west-1 -L 0:PORT   # a port of the task',
      'fargate-connect db ID --via task --cluster prod --service web --region eu-west-1   # a database',
      'fargate-connect ls events web --cluster prod --region eu-west-1   # what ECS says of the service',
    ],
  ],
  [
    'input-needed',
    {
      flag: undefined,
      candidates: ['logs', 'reasons'],
      more: 0,
      picked: { cluster: 'prod', task: '1f0e', actions: ['logs', 'reasons'] },
    },
    run('connect'),
    ['fargate-connect logs --cluster prod --task 1f0e   # its log'],
  ],
  [
    'bad-forward',
    { value: 'db:5432:5432', form: 'forward', suggestions: ['5432:db:5432'] },
    run('forward'),
    [
      'did you mean 5432:db:5432?',
      '-L LOCAL:PORT             a port of the task itself',
      '-L LOCAL:HOST:PORT        a host that the task or the bastion can reach',
      '-L BIND:LOCAL:HOST:PORT   the same, on another address than 127.0.0.1',
      'LOCAL 0 takes any free port; IPv6 addresses go into [brackets]',
    ],
  ],
  [
    'bad-forward',
    { value: 'a:5432', form: 'listener' },
    run('forward'),
    ['-L 5432   # where it leads is in the document'],
  ],
  [
    'bad-forward',
    { value: 'db:1080', form: 'proxy' },
    run('forward'),
    ['-D 1080   # SOCKS5 and HTTP CONNECT on 127.0.0.1:1080', '-D BIND:1080   # on another address'],
  ],
  [
    'bad-forward',
    { value: 'db', form: 'target' },
    run('forward'),
    [
      '--stdio HOST:PORT   a host that the task or the bastion can reach',
      '--stdio PORT        a port of the task or the bastion itself',
      'IPv6 addresses go into [brackets]',
    ],
  ],
];

describe('the advice on what to type next', () => {
  it.each(CASES)('%s %j', (code, facts, context, lines) => {
    expect(adviceFor(code, facts, context)).toEqual(lines);
  });

  it('is empty for a code without a row', () => {
    expect(adviceFor('toString', {}, run('up'))).toEqual([]);
    expect(adviceFor('session-lost', {}, run('exec'))).toEqual([]);
  });

  it('quotes what a shell would otherwise interpret', () => {
    const [line] = adviceFor('no-bastion', {}, run('shell', { profile: "o'neill & co" }));
    expect(line).toBe(String.raw`fargate-connect up --profile 'o'\''neill & co'`);
  });

  it('consists of command lines that the parser accepts', async () => {
    const tried: string[] = [];
    for (const [code, facts, context] of CASES) {
      for (const line of adviceFor(code, facts, context)) {
        const words = /^fargate-connect ([^#>]*?)(?: +[#>].*)?$/.exec(line)?.[1]?.split(' ') ?? [];
        if (words.length === 0) continue;
        tried.push(line);
        const program = createProgram({
          invoke: () => Promise.resolve(),
          commands: COMMANDS,
          version: '0',
          write: () => undefined,
          columns: 100,
        });
        await program.parseAsync(words, { from: 'user' }).catch((error: unknown) => {
          if (error instanceof CommanderError && error.exitCode === 0) return;
          throw new Error(`${line}: ${String(error)}`);
        });
      }
    }
    expect(tried.length).toBeGreaterThan(40);
  });
});

describe('the other route of db', () => {
  const task: TaskFacts = {
    service: 'orders-api',
    isNamed: true,
    execEnabled: true,
    agent: 'running',
    reach: 'admitted',
  };
  const bastion: BastionFacts = { name: 'default', isNamed: false, reach: 'admitted' };

  it.each<[string, 'task' | 'bastion', Pick<RouteFacts, 'task' | 'bastion'>, 'task' | 'bastion' | undefined]>(
    [
      ['no bastion runs', 'task', { task, bastion: undefined }, undefined],
      ['a bastion reaches the database', 'task', { task, bastion }, 'bastion'],
      [
        'it is not known whether the bastion does',
        'task',
        { task, bastion: { ...bastion, reach: 'unknown' } },
        'bastion',
      ],
      ['the bastion does not', 'task', { task, bastion: { ...bastion, reach: 'refused' } }, undefined],
      ['the task reaches the database', 'bastion', { task, bastion }, 'task'],
      ['no service is named', 'bastion', { task: undefined, bastion }, 'task'],
      ['ECS Exec is off', 'bastion', { task: { ...task, execEnabled: false }, bastion }, undefined],
      ['the task does not reach it', 'bastion', { task: { ...task, reach: 'refused' }, bastion }, undefined],
    ],
  )('%s, and the %s is used', (_, via, facts, other) => {
    expect(otherRoute(via, facts)).toBe(other);
  });
});

describe('the document that grants an action', () => {
  it.each([
    ['ecs:ListTasks', 'forward', 'forward'],
    ['ecs:ListTasks', 'ls tasks', 'exec'],
    ['ec2:DescribeInstances', 'shell', 'shell'],
    ['ec2:DescribeInstances', 'policy', 'operator'],
    ['iam:GetRole', 'policy', 'check'],
    ['iam:CreateRole', 'up', 'operator'],
    ['rds:DescribeDBInstances', 'up', 'db'],
    ['kms:GenerateDataKey', 'shell', 'exec'],
    ['ssm:StartSession', undefined, 'forward'],
    ['ssm:DescribeInstanceInformation', 'status', 'operator'],
    ['sts:GetCallerIdentity', 'up', undefined],
  ] as const)('for %s in the command %s is %s', (action, command, document) => {
    expect(documentFor(action, command)).toBe(document);
  });
});

it('there is a row, or a reason for none, for every code in docs/errors.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');
  const documented = new Set([...page.matchAll(/^## ([a-z0-9-]+)$/gm)].map((match) => match[1] ?? ''));
  const rows = Object.keys(ADVICE).filter((code) => !NOTES.includes(code as keyof AdvisedFacts));
  expect({
    unadvised: [...documented].filter((code) => !rows.includes(code) && !SILENT_CODES.has(code)),
    undocumented: [...rows, ...SILENT_CODES].filter((code) => !documented.has(code)),
    both: rows.filter((code) => SILENT_CODES.has(code)),
  }).toEqual({ unadvised: [], undocumented: [], both: [] });
});
