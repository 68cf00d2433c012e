import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { ECSClient, RegisterTaskDefinitionCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { expect, it } from 'vitest';

import { GROUP as GROUPS, SUBNET } from '../../../src/sandbox/world/seed-network.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { cli } from '../../support/cli-in-process.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Tests `logs` through the real SDK against the CloudWatch Logs of the sandbox. */

const sandbox = testSandbox();
const CLUSTER = ['--cluster', 'demo', '--service', 'orders-api'] as const;
const GROUP = '/ecs/orders-api';
const TASKS = ['1f0e9d8c7b6a45948372615049382716', '2a3b4c5d6e7f48091a2b3c4d5e6f7081'] as const;

const put = (task: string, message: string, timestamp: number, lateMs = 0): void => {
  const { logs } = sandbox();
  const group = logs.createGroup(GROUP);
  logs.put(logs.createStream(group, `ecs/app/${task}`), [{ timestamp, message }], lateMs);
};
const messagesOf = (stdout: string): readonly string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { message: string }).message);
const logs = (...args: readonly string[]) => cli(['logs', ...CLUSTER, ...args], { env: sandbox().env });

it('merges the log events of all tasks by time, across pages of ten thousand events', async () => {
  const start = Date.now() - 40_000;
  for (let number = 0; number < 10_500; number++)
    put(TASKS[number % 2] ?? '', `n${number}`, start + Math.floor(number / 3));
  const outcome = await logs('--since', '1m', '--json', '--grep', '^n');
  expect(outcome.status).toBe(0);
  const found = messagesOf(outcome.stdout);
  expect(found).toHaveLength(10_500);
  expect(new Set(found).size).toBe(10_500);
  const times = outcome.stdout.split('\n').flatMap((line) => /"time":"([^"]+)"/.exec(line)?.[1] ?? []);
  expect([...times].sort()).toEqual(times);
}, 60_000);

it('filters by task, by a CloudWatch Logs filter pattern and by a regular expression', async () => {
  const now = Date.now();
  put(TASKS[0], 'ALERT disk /data full', now - 3_000);
  put(TASKS[1], 'ALERT disk /data full', now - 2_000);
  put(TASKS[1], 'alert nobody', now - 1_000);
  expect((await logs('--task', '1f0e', '--grep', 'ALERT')).stdout).toMatch(
    /^\S+ 1f0e9d8c\/app ALERT disk \/data full\n$/,
  );
  expect(messagesOf((await logs('--filter-pattern', '"disk /data"', '--json')).stdout)).toHaveLength(2);
  expect(messagesOf((await logs('--grep', 'ALERT', '-i', '--json')).stdout)).toHaveLength(3);
  const refused = await logs('--filter-pattern', '{ $.a = 1 }');
  expect(refused).toMatchObject({ status: 2 });
  expect(refused.stderr).toContain('--grep REGEX');
});

it('follows: an event that arrives late is printed once, and Ctrl-C ends with status 130', async () => {
  const signals = new FakeSignals();
  let late = false;
  const outcome = await cli(['logs', ...CLUSTER, '--follow', '--since', '5s', '--grep', 'follow', '--json'], {
    env: sandbox().env,
    signals,
    onStderr: () => undefined,
    onStdout(text) {
      if (text.includes('follow 1') && !late) {
        late = true;
        put(TASKS[1], 'follow 0, late', Date.now() - 3_000, 50);
        put(TASKS[0], 'follow 2', Date.now());
      }
      if (text.includes('follow 2') && text.includes('late')) signals.raise('SIGINT');
    },
    account(account) {
      put(TASKS[0], 'follow 1', Date.now());
      return account;
    },
  });
  expect(outcome.status).toBe(130);
  expect([...messagesOf(outcome.stdout)].sort()).toEqual(['follow 0, late', 'follow 1', 'follow 2']);
}, 60_000);

it('waits while AWS throttles, and misses no event', async () => {
  put(TASKS[0], 'throttled but there', Date.now());
  const { faults } = sandbox();
  faults.inject({ kind: 'throttle', action: 'logs:FilterLogEvents', times: 3 });
  expect(messagesOf((await logs('--grep', 'throttled', '--json')).stdout)).toEqual(['throttled but there']);
});

it('reads the region that the task definition names, and says where the log lines of FireLens are', async () => {
  const { env } = sandbox();
  const { config } = sandboxClients(env);
  const far = new CloudWatchLogsClient({ ...config, region: 'us-east-1' });
  await far.send(new CreateLogGroupCommand({ logGroupName: '/far' }));
  sandbox().logs.createGroup('/far');
  const ecs = new ECSClient(config);
  const awslogs = {
    'awslogs-group': '/far',
    'awslogs-region': 'us-east-1',
    'awslogs-stream-prefix': 'web',
    mode: 'non-blocking',
  };
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: 'far',
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      executionRoleArn: 'arn:aws:iam::111122223333:role/demo-task-execution',
      containerDefinitions: [
        {
          name: 'app',
          image: 'far:1',
          command: ['sleep', '600'],
          logConfiguration: { logDriver: 'awslogs', options: awslogs },
        },
        {
          name: 'api',
          image: 'far:1',
          command: ['sleep', '600'],
          logConfiguration: { logDriver: 'awsfirelens', options: { Name: 'datadog' } },
        },
        {
          name: 'router',
          image: 'fluent-bit:1',
          command: ['sleep', '600'],
          firelensConfiguration: { type: 'fluentbit' },
        },
      ],
    }),
  );
  const { tasks } = await ecs.send(
    new RunTaskCommand({
      cluster: 'demo',
      taskDefinition: taskDefinition?.taskDefinitionArn,
      networkConfiguration: {
        awsvpcConfiguration: { subnets: [SUBNET.mainPrivateA], securityGroups: [GROUPS.internalTools] },
      },
    }),
  );
  const id = tasks?.[0]?.taskArn?.split('/').at(-1) ?? '';
  const stream = { logGroupName: '/far', logStreamName: `web/app/${id}` };
  await far.send(new CreateLogStreamCommand(stream));
  await far.send(
    new PutLogEventsCommand({ ...stream, logEvents: [{ timestamp: Date.now(), message: 'from afar' }] }),
  );
  const outcome = await cli(['logs', '--cluster', 'demo', '--task', id, '--json'], { env });
  expect(messagesOf(outcome.stdout)).toEqual(['from afar']);
  expect(outcome.stdout).toContain('"region":"us-east-1"');
  expect(outcome.stderr).toContain(
    'container api goes through FireLens (fluentbit in container router) to output datadog',
  );
  expect(outcome.stderr).toContain('container app logs in mode non-blocking');
});

it('without permission to read: exit 4 with the action and the policy document', async () => {
  const env = sandbox().createPrincipal({
    userName: 'no-logs',
    policies: [
      {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'ecs:*', Resource: '*' }],
      },
    ],
  });
  const outcome = await cli(['logs', ...CLUSTER], { env });
  expect(outcome).toMatchObject({ status: 4, stdout: '' });
  expect(outcome.stderr).toContain('logs:FilterLogEvents');
  expect(outcome.stderr).toContain('fargate-connect policy logs');
});

it.each([
  [['--since', 'yesterday'], 'duration'],
  [['--since', '0s'], 'duration'],
  [['--grep', '('], 'invalid-argument'],
  [['-i'], 'invalid-argument'],
])('refuses %j with the code %s', async (args, code) => {
  const outcome = await logs(...args, '--json');
  expect(outcome.status).toBe(2);
  expect((JSON.parse(outcome.stderr) as { error: { code: string } }).error.code).toBe(code);
});
