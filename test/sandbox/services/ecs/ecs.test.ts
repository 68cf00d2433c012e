import {
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ExecuteCommandCommand,
  ListClustersCommand,
  ListServicesCommand,
  ListTaskDefinitionsCommand,
  ListTasksCommand,
  paginateListServices,
  StopTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { GetConnectionStatusCommand, SSMClient, StartSessionCommand } from '@aws-sdk/client-ssm';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';
import { RawClient } from '../../support/raw-client.ts';

const sandbox = testSandbox();
const ecs = (env = sandbox().env): ECSClient => new ECSClient(clientConfig(env));
const clients: RawClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

const NOT_ENABLED =
  'The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.';

const tasksOf = async (cluster: string, serviceName: string): Promise<readonly string[]> =>
  (await ecs().send(new ListTasksCommand({ cluster, serviceName }))).taskArns ?? [];

async function describeTask(cluster: string, task: string) {
  const { tasks } = await ecs().send(new DescribeTasksCommand({ cluster, tasks: [task] }));
  return tasks?.[0];
}

async function exec(
  cluster: string,
  serviceName: string,
  container: string | undefined,
  command = '/bin/sh -c "echo hi"',
) {
  const [task] = await tasksOf(cluster, serviceName);
  return ecs().send(new ExecuteCommandCommand({ cluster, task, container, command, interactive: true }));
}

test('clusters are listed and described, with their configuration only on request', async () => {
  const { clusterArns } = await ecs().send(new ListClustersCommand({}));
  expect(clusterArns).toContain('arn:aws:ecs:eu-west-1:111122223333:cluster/demo');
  const plain = await ecs().send(new DescribeClustersCommand({ clusters: ['sealed', 'nowhere'] }));
  expect(plain.clusters?.[0]).toMatchObject({
    clusterName: 'sealed',
    status: 'ACTIVE',
    runningTasksCount: 1,
  });
  expect(plain.clusters?.[0]?.configuration).toBeUndefined();
  expect(plain.failures).toEqual([
    { arn: 'arn:aws:ecs:eu-west-1:111122223333:cluster/nowhere', reason: 'MISSING' },
  ]);
  const full = await ecs().send(
    new DescribeClustersCommand({
      clusters: ['arn:aws:ecs:eu-west-1:111122223333:cluster/sealed'],
      include: ['CONFIGURATIONS'],
    }),
  );
  expect(full.clusters?.[0]?.configuration?.executeCommandConfiguration?.kmsKeyId).toMatch(/^arn:aws:kms:/);
});

test('services are listed in pages, and at most ten are described in one call', async () => {
  const names: string[] = [];
  for await (const page of paginateListServices({ client: ecs(), pageSize: 3 }, { cluster: 'demo' })) {
    expect(page.serviceArns?.length).toBeLessThanOrEqual(3);
    names.push(...(page.serviceArns ?? []).map((arn) => arn.split('/').at(-1) ?? ''));
  }
  expect(names).toContain('orders-api');
  expect(new Set(names).size).toBe(names.length);
  const { services, failures } = await ecs().send(
    new DescribeServicesCommand({ cluster: 'demo', services: ['orders-api', 'nope'] }),
  );
  expect(services?.[0]).toMatchObject({
    serviceName: 'orders-api',
    runningCount: 2,
    enableExecuteCommand: true,
    launchType: 'FARGATE',
  });
  expect(services?.[0]?.deployments?.map((deployment) => deployment.status)).toEqual(['PRIMARY']);
  expect(services?.[0]?.createdAt).toBeInstanceOf(Date);
  expect(failures?.map((failure) => failure.reason)).toEqual(['MISSING']);
  await expect(
    ecs().send(
      new DescribeServicesCommand({
        cluster: 'demo',
        services: Array.from({ length: 11 }, (_, i) => `s${i}`),
      }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(ecs().send(new ListServicesCommand({ cluster: 'nope' }))).rejects.toMatchObject({
    name: 'ClusterNotFoundException',
  });
  await expect(
    ecs().send(new ListServicesCommand({ cluster: 'demo', nextToken: 'forged' })),
  ).rejects.toMatchObject({ name: 'InvalidParameterException' });
});

test('tasks are described by id and by ARN, with the fields that exec needs', async () => {
  const [arn = ''] = await tasksOf('demo', 'orders-api');
  const id = arn.split('/').at(-1) ?? '';
  const task = await describeTask('demo', id);
  expect(task?.taskArn).toBe(arn);
  expect(task?.enableExecuteCommand).toBe(true);
  expect(task?.attachments?.[0]?.details?.find((detail) => detail.name === 'privateIPv4Address')?.value).toBe(
    '10.0.1.21',
  );
  expect(task?.containers?.map((container) => container.name)).toEqual(['app', 'otel', 'envoy']);
  expect(task?.containers?.[0]).toMatchObject({
    runtimeId: expect.stringMatching(new RegExp(`^${id}-\\d+$`)) as string,
    managedAgents: [{ name: 'ExecuteCommandAgent', lastStatus: 'RUNNING' }],
  });
  await expect(
    ecs().send(new ListTasksCommand({ cluster: 'demo', serviceName: 'nope' })),
  ).rejects.toMatchObject({
    name: 'ServiceNotFoundException',
  });
  await expect(describeTask('demo', 'short')).rejects.toMatchObject({ name: 'InvalidParameterException' });
  const { failures } = await ecs().send(
    new DescribeTasksCommand({ cluster: 'demo', tasks: ['0'.repeat(32)] }),
  );
  expect(failures?.[0]?.reason).toBe('MISSING');
});

test('task definitions are described by family and by revision', async () => {
  const { taskDefinition } = await ecs().send(
    new DescribeTaskDefinitionCommand({ taskDefinition: 'orders-api:42' }),
  );
  expect(taskDefinition?.containerDefinitions?.[0]).toMatchObject({
    name: 'app',
    secrets: [{ name: 'PAYMENT_PROVIDER_KEY' }],
    linuxParameters: { initProcessEnabled: true },
  });
  const listed = await ecs().send(new ListTaskDefinitionsCommand({ familyPrefix: 'orders-api' }));
  expect(listed.taskDefinitionArns).toEqual([taskDefinition?.taskDefinitionArn]);
  await expect(
    ecs().send(new DescribeTaskDefinitionCommand({ taskDefinition: 'nope' })),
  ).rejects.toMatchObject({ name: 'ClientException', message: 'Unable to describe task definition.' });
});

test('ExecuteCommand runs a command in the named container', async () => {
  const answer = await exec('demo', 'orders-api', 'envoy');
  expect(answer).toMatchObject({ containerName: 'envoy', interactive: true });
  const { sessionId = '', streamUrl = '', tokenValue = '' } = answer.session ?? {};
  expect(sessionId).toMatch(/^ecs-execute-command-[0-9a-f]{17}$/);
  const client = await RawClient.open({ sessionId, streamUrl, tokenValue });
  clients.push(client);
  await client.event('closed');
  expect(client.stdout).toBe('hi\r\n');
});

test.each([
  ['exec is not enabled', 'demo', 'legacy-admin', 'admin'],
  ['the agent is stopped', 'demo', 'search-indexer', 'indexer'],
  ['the task is pending', 'demo', 'payments-api', 'app'],
  ['the container does not exist', 'demo', 'orders-api', 'nope'],
])('ExecuteCommand is rejected when %s', async (_why, cluster, service, container) => {
  await expect(exec(cluster, service, container)).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: NOT_ENABLED,
  });
});

test('ExecuteCommand without a route to the gateway, or with access keys in the environment, fails with TargetNotConnected', async () => {
  for (const [cluster, service, container] of [
    ['airgap', 'archiver', 'archiver'],
    ['cruddur', 'backend-flask', 'backend-flask'],
  ] as const)
    await expect(exec(cluster, service, container)).rejects.toMatchObject({
      name: 'TargetNotConnectedException',
      message: 'The execute command failed due to an internal error. Try again later.',
    });
});

test('ExecuteCommand rejects what AWS rejects', async () => {
  const [task] = await tasksOf('demo', 'orders-api');
  const input = { cluster: 'demo', task, container: 'app', command: 'sh', interactive: true };
  const send = (change: Partial<typeof input>) =>
    ecs().send(new ExecuteCommandCommand({ ...input, ...change }));
  await expect(send({ interactive: false })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(send({ cluster: 'nope' })).rejects.toMatchObject({ name: 'ClusterNotFoundException' });
  await expect(send({ task: '0'.repeat(32) })).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: expect.stringContaining('not found') as string,
  });
  await expect(exec('demo', 'orders-api', undefined)).rejects.toMatchObject({
    name: 'InvalidParameterException',
  });
});

test('ExecuteCommand needs permission for both cluster and task, and the container name that the policy allows', async () => {
  const policy = (resources: readonly string[], container = 'app') => ({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['ecs:ListTasks'], Resource: '*' },
      {
        Effect: 'Allow',
        Action: 'ecs:ExecuteCommand',
        Resource: resources,
        Condition: { StringEquals: { 'ecs:container-name': container } },
      },
    ],
  });
  const cluster = 'arn:aws:ecs:eu-west-1:111122223333:cluster/demo';
  const tasks = 'arn:aws:ecs:eu-west-1:111122223333:task/demo/*';
  const [task] = await tasksOf('demo', 'orders-api');
  const attempt = (userName: string, document: unknown) =>
    ecs(sandbox().createPrincipal({ userName, policies: [document] })).send(
      new ExecuteCommandCommand({
        cluster: 'demo',
        task,
        container: 'app',
        command: 'true',
        interactive: true,
      }),
    );
  await expect(attempt('task-only', policy([tasks]))).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining(cluster) as string,
  });
  await expect(attempt('other-container', policy([cluster, tasks], 'envoy'))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  await expect(attempt('both', policy([cluster, tasks]))).resolves.toMatchObject({ containerName: 'app' });
});

test('the sessions of an encrypted cluster require its key', async () => {
  const { session } = await exec('sealed', 'ledger', 'ledger');
  const client = await RawClient.open({
    sessionId: session?.sessionId ?? '',
    streamUrl: session?.streamUrl ?? '',
    tokenValue: session?.tokenValue ?? '',
  });
  clients.push(client);
  expect((await client.event('data-key-needed')).kmsKeyId).toMatch(
    /^arn:aws:kms:eu-west-1:111122223333:key\//,
  );
});

test('StopTask ends the sessions of the task, and the service starts another task', async () => {
  const [task = ''] = await tasksOf('demo', 'billing-worker');
  const { session } = await ecs().send(
    new ExecuteCommandCommand({
      cluster: 'demo',
      task,
      container: 'worker',
      command: '/bin/sh',
      interactive: true,
    }),
  );
  const client = await RawClient.open({
    sessionId: session?.sessionId ?? '',
    streamUrl: session?.streamUrl ?? '',
    tokenValue: session?.tokenValue ?? '',
  });
  clients.push(client);
  await client.event('opened');
  const stopped = await ecs().send(new StopTaskCommand({ cluster: 'demo', task, reason: 'test' }));
  expect(stopped.task).toMatchObject({
    desiredStatus: 'STOPPED',
    stoppedReason: 'test',
    stopCode: 'UserInitiated',
  });
  await client.event('closed');
  const replacement = await eventually(async () => {
    const [arn] = await tasksOf('demo', 'billing-worker');
    const found = arn === undefined || arn === task ? undefined : await describeTask('demo', arn);
    return found?.containers?.[0]?.managedAgents?.[0]?.lastStatus === 'RUNNING' ? arn : undefined;
  });
  await expect(
    ecs().send(
      new ExecuteCommandCommand({ cluster: 'demo', task: replacement, command: 'true', interactive: true }),
    ),
  ).resolves.toMatchObject({ containerName: 'worker' });
  const gone = await ecs().send(
    new ListTasksCommand({ cluster: 'demo', serviceName: 'billing-worker', desiredStatus: 'STOPPED' }),
  );
  expect(gone.taskArns).toEqual([task]);
});

test('exec is enabled by a new deployment, not by the flag alone', async () => {
  const update = (input: Record<string, unknown>) =>
    ecs().send(new UpdateServiceCommand({ cluster: 'demo', service: 'legacy-admin', ...input }));
  const before = await tasksOf('demo', 'legacy-admin');
  await update({ enableExecuteCommand: true });
  expect(await tasksOf('demo', 'legacy-admin')).toEqual(before);
  expect((await describeTask('demo', before[0] ?? ''))?.enableExecuteCommand).toBe(false);
  const { service } = await update({ forceNewDeployment: true });
  expect(service?.deployments?.map((deployment) => deployment.status)).toEqual(['PRIMARY', 'ACTIVE']);
  const task = await eventually(async () => {
    const arns = await tasksOf('demo', 'legacy-admin');
    return arns.length === 1 && arns[0] !== before[0] ? describeTask('demo', arns[0] ?? '') : undefined;
  });
  expect(task.enableExecuteCommand).toBe(true);
});

test('exec cannot be enabled for a service without a task role', async () => {
  await expect(
    ecs().send(
      new UpdateServiceCommand({ cluster: 'cruddur', service: 'backend-flask', enableExecuteCommand: true }),
    ),
  ).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: expect.stringContaining('valid taskRoleArn') as string,
  });
});

test('sessions to a container through SSM work', async () => {
  const [arn = ''] = await tasksOf('demo', 'orders-api');
  const task = await describeTask('demo', arn);
  const target = `ecs:demo_${arn.split('/').at(-1)}_${task?.containers?.[0]?.runtimeId}`;
  const ssm = new SSMClient(clientConfig(sandbox().env));
  expect(await ssm.send(new GetConnectionStatusCommand({ Target: target }))).toMatchObject({
    Status: 'connected',
  });
  const session = await ssm.send(new StartSessionCommand({ Target: target }));
  expect(session.SessionId).toMatch(/^developer-[0-9a-f]{17}$/);
});
