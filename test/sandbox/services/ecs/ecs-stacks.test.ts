import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeleteClusterCommand,
  DeleteServiceCommand,
  DeregisterTaskDefinitionCommand,
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTagsForResourceCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
  type Task,
  TagResourceCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { beforeAll, describe, expect, test } from 'vitest';
import { GROUP, SUBNET } from '../../../../src/sandbox/world/seed-network.ts';
import { eventually } from '../../../support/eventually.ts';
import { errorName } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';

/** Resources that `terraform apply` and `aws ecs` create: clusters, task definitions, services, tasks. */

const sandbox = testSandbox({ timing: { taskPendingMs: 60, taskStoppingMs: 60, execAgentStartMs: 20 } });
const ecs = (env = sandbox().env): ECSClient => new ECSClient(clientConfig(env));
const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const networkConfiguration = {
  awsvpcConfiguration: { subnets: [SUBNET.mainPrivateA], securityGroups: [GROUP.internalTools] },
};
const cluster = 'shop';

const register = async (family: string, command: readonly string[], over: object = {}): Promise<string> => {
  const input: RegisterTaskDefinitionCommandInput = {
    family,
    cpu: '256',
    memory: '512',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    taskRoleArn: role('demo-exec-task'),
    executionRoleArn: role('demo-task-execution'),
    containerDefinitions: [{ name: 'app', image: `${family}:1`, command: [...command], ...over }],
  };
  const { taskDefinition } = await ecs().send(new RegisterTaskDefinitionCommand(input));
  return taskDefinition?.taskDefinitionArn ?? '';
};
const describe1 = async (task: string): Promise<Task | undefined> =>
  (await ecs().send(new DescribeTasksCommand({ cluster, tasks: [task] }))).tasks?.[0];
const run = async (taskDefinition: string, over: Partial<RunTaskCommandInput> = {}): Promise<string> => {
  const { tasks } = await ecs().send(
    new RunTaskCommand({ cluster, taskDefinition, networkConfiguration, ...over }),
  );
  return tasks?.[0]?.taskArn ?? '';
};
const stopped = (task: string): Promise<Task> =>
  eventually(async () => {
    const found = await describe1(task);
    return found?.lastStatus === 'STOPPED' ? found : undefined;
  });
const running = (task: string): Promise<Task> =>
  eventually(async () => {
    const found = await describe1(task);
    return found?.lastStatus === 'RUNNING' ? found : undefined;
  });
const serviceOf = async (name: string) =>
  (await ecs().send(new DescribeServicesCommand({ cluster, services: [name] }))).services?.[0];

beforeAll(() =>
  ecs().send(new CreateClusterCommand({ clusterName: cluster, tags: [{ key: 'team', value: 'shop' }] })),
);

describe('a task', () => {
  test('writes to its log stream, and has the status, essential container and overrides as in ECS', async () => {
    const options = {
      'awslogs-group': '/ecs/ledger',
      'awslogs-region': 'eu-west-1',
      'awslogs-stream-prefix': 'job',
    };
    const arn = await register('job', ['sh', '-c', 'echo out $WHO; echo err >&2; printf last; exit 3'], {
      environment: [{ name: 'WHO', value: 'nobody' }],
      logConfiguration: { logDriver: 'awslogs', options },
    });
    const task = await run(arn, {
      startedBy: 'cron',
      overrides: { containerOverrides: [{ name: 'app', environment: [{ name: 'WHO', value: 'me' }] }] },
    });
    expect(await stopped(task)).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      startedBy: 'cron',
      group: 'family:job',
      containers: [{ name: 'app', lastStatus: 'STOPPED', exitCode: 3 }],
    });
    const stream = sandbox()
      .logs.group('/ecs/ledger')
      ?.streams.get(`job/app/${task.split('/').at(-1)}`);
    expect(stream?.events.map(({ message }) => message).toSorted()).toEqual(['err', 'last', 'out me']);
    const list = (desiredStatus: 'RUNNING' | 'STOPPED') =>
      ecs().send(new ListTasksCommand({ cluster, family: 'job', desiredStatus }));
    expect([(await list('RUNNING')).taskArns, (await list('STOPPED')).taskArns]).toEqual([[], [task]]);
  });

  test('that is killed without StopTask ran out of memory; one that is stopped reports the cause', async () => {
    const killed = await run(await register('leak', ['sh', '-c', 'kill -9 $$']));
    expect((await stopped(killed)).containers).toMatchObject([
      { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
    ]);
    const long = await run(await register('long', ['sleep', '600']));
    await running(long);
    await ecs().send(new StopTaskCommand({ cluster, task: long, reason: 'enough' }));
    expect(await stopped(long)).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      containers: [{ exitCode: 143 }],
    });
    const deaf = await run(await register('deaf', ['sh', '-c', "trap '' TERM; while :; do sleep 1; done"]));
    await running(deaf);
    await ecs().send(new StopTaskCommand({ cluster, task: deaf }));
    expect((await stopped(deaf)).containers?.[0]?.exitCode).toBe(137);
  });

  test('reports what was missing before it could start', async () => {
    const log = (group: string) => ({
      logConfiguration: {
        logDriver: 'awslogs',
        options: { 'awslogs-group': group, 'awslogs-region': 'eu-west-1', 'awslogs-stream-prefix': 'x' },
      },
    });
    const secret = (name: string) => ({
      secrets: [{ name: 'S', valueFrom: `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${name}` }],
    });
    const cases: readonly (readonly [object, string])[] = [
      [{ image: 'repo/does-not-exist:1' }, 'CannotPullContainerError: '],
      [log('/none'), 'failed to create Cloudwatch log stream: ResourceNotFoundException'],
      [
        secret('none'),
        'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/demo-task-execution/',
      ],
    ];
    for (const [index, [over, reason]] of cases.entries()) {
      const task = await stopped(await run(await register(`lacks-${index}`, ['true'], over)));
      expect(task).toMatchObject({
        stopCode: 'TaskFailedToStart',
        stoppedReason: expect.stringContaining(reason),
      });
      expect(task.containers?.[0]?.exitCode).toBeUndefined();
    }
  });
});

describe('a service', () => {
  test('is created, deployed again, scaled and deleted; events and deployments record this', async () => {
    const first = await register('web', ['sleep', '600']);
    await ecs().send(
      new CreateServiceCommand({
        cluster,
        serviceName: 'web',
        taskDefinition: first,
        desiredCount: 2,
        networkConfiguration,
      }),
    );
    const steady = () =>
      eventually(async () => {
        const service = await serviceOf('web');
        const done =
          service?.deployments?.length === 1 && service.deployments[0]?.rolloutState === 'COMPLETED';
        return done && service.runningCount === service.desiredCount ? service : undefined;
      });
    expect(
      (await steady()).events?.map(({ message }) => message?.replace(/\(task \w+\)|ecs-svc\/\d+/g, '…')),
    ).toEqual([
      '(service web) has reached a steady state.',
      '(service web) (deployment …) deployment completed.',
      '(service web) has started 2 tasks: … ….',
    ]);
    const second = await register('web', ['sleep', '601']);
    const { service } = await ecs().send(
      new UpdateServiceCommand({
        cluster,
        service: 'web',
        taskDefinition: second,
        enableExecuteCommand: true,
        forceNewDeployment: true,
      }),
    );
    expect(service?.deployments?.map(({ status, taskDefinition }) => [status, taskDefinition])).toEqual([
      ['PRIMARY', second],
      ['ACTIVE', first],
    ]);
    expect((await steady()).taskDefinition).toBe(second);
    const { taskArns = [] } = await ecs().send(new ListTasksCommand({ cluster, serviceName: 'web' }));
    expect(taskArns).toHaveLength(2);
    expect((await describe1(taskArns[0] ?? ''))?.enableExecuteCommand).toBe(true);
    expect(await errorName(ecs().send(new DeleteServiceCommand({ cluster, service: 'web' })))).toBe(
      'InvalidParameterException',
    );
    expect(await errorName(ecs().send(new DeleteClusterCommand({ cluster })))).toBe(
      'ClusterContainsServicesException',
    );
    await ecs().send(new UpdateServiceCommand({ cluster, service: 'web', desiredCount: 0 }));
    await ecs().send(new DeleteServiceCommand({ cluster, service: 'web' }));
    await eventually(async () => ((await serviceOf('web'))?.status === 'INACTIVE' ? true : undefined));
  });

  test('whose tasks fail records this in its events, and stops the deployment if it has a circuit breaker', async () => {
    await ecs().send(
      new CreateServiceCommand({
        cluster,
        serviceName: 'crash',
        taskDefinition: await register('crash', ['false']),
        desiredCount: 1,
        networkConfiguration,
        deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: false } },
      }),
    );
    const failed = await eventually(async () => {
      const service = await serviceOf('crash');
      return service?.deployments?.[0]?.rolloutState === 'FAILED' ? service : undefined;
    });
    expect(failed.deployments?.[0]?.failedTasks).toBe(3);
    expect(failed.events?.map(({ message }) => message).join()).toContain(
      'unable to consistently start tasks',
    );
    await ecs().send(new DeleteServiceCommand({ cluster, service: 'crash', force: true }));
  });
});

test('task definitions have revisions, and settings that Fargate does not offer are rejected', async () => {
  const one = await register('rev', ['true']);
  expect(await register('rev', ['true'])).toBe(one.replace(/1$/, '2'));
  await ecs().send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'rev:2' }));
  const latest = await ecs().send(new DescribeTaskDefinitionCommand({ taskDefinition: 'rev' }));
  expect(latest.taskDefinition).toMatchObject({
    revision: 1,
    containerDefinitions: [{ cpu: 0, essential: true, mountPoints: [], volumesFrom: [] }],
  });
  expect(await errorName(run('rev:2'))).toBe('ClientException');
  const bad = (over: Partial<RegisterTaskDefinitionCommandInput>) =>
    errorName(
      ecs().send(
        new RegisterTaskDefinitionCommand({
          family: 'bad',
          cpu: '256',
          memory: '512',
          networkMode: 'awsvpc',
          containerDefinitions: [{ name: 'app', image: 'a' }],
          ...over,
        }),
      ),
    );
  expect(await bad({})).toBe('resolved');
  for (const over of [
    { memory: '4096' },
    { cpu: '100' },
    { networkMode: 'bridge' as const },
    { containerDefinitions: [] },
    { containerDefinitions: [{ name: 'app', image: 'a', essential: false }] },
  ])
    expect(await bad(over)).toBe('ClientException');
});

test('IAM checks PassRole for the roles of a task definition, and the tags of created resources', async () => {
  const statement = (Action: string, Resource: string, Condition?: object) => ({
    Effect: 'Allow',
    Action,
    Resource,
    ...(Condition === undefined ? {} : { Condition }),
  });
  const as = (...Statement: readonly object[]) =>
    ecs(
      sandbox().createPrincipal({ userName: 'deployer', policies: [{ Version: '2012-10-17', Statement }] }),
    );
  const definition = {
    family: 'passed',
    cpu: '256',
    memory: '512',
    networkMode: 'awsvpc' as const,
    taskRoleArn: role('demo-exec-task'),
    containerDefinitions: [{ name: 'app', image: 'a' }],
  };
  const registers = statement('ecs:RegisterTaskDefinition', 'arn:aws:ecs:*:*:task-definition/passed:*');
  const passes = statement('iam:PassRole', role('demo-exec-task'), {
    StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
  });
  const attempt = (client: ECSClient) =>
    errorName(client.send(new RegisterTaskDefinitionCommand(definition)));
  expect(await attempt(as(registers))).toBe('AccessDeniedException');
  expect(await attempt(as(registers, passes))).toBe('resolved');
  const tagged = as(statement('ecs:CreateCluster', '*', { StringEquals: { 'aws:RequestTag/team': 'shop' } }));
  const create = (value: string) =>
    errorName(
      tagged.send(new CreateClusterCommand({ clusterName: 'other', tags: [{ key: 'team', value }] })),
    );
  expect([await create('orders'), await create('shop')]).toEqual(['AccessDeniedException', 'resolved']);
  const resourceArn = 'arn:aws:ecs:eu-west-1:111122223333:cluster/other';
  await ecs().send(new TagResourceCommand({ resourceArn, tags: [{ key: 'a', value: 'b' }] }));
  expect((await ecs().send(new ListTagsForResourceCommand({ resourceArn }))).tags).toHaveLength(2);
  await ecs().send(new DeleteClusterCommand({ cluster: 'other' }));
  const { clusters } = await ecs().send(new DescribeClustersCommand({ clusters: ['other'] }));
  expect(clusters).toMatchObject([{ status: 'INACTIVE' }]);
});

test('the seed has stopped tasks with their reasons', async () => {
  const { taskArns = [] } = await ecs().send(
    new ListTasksCommand({ cluster: 'demo', serviceName: 'nightly-reports', desiredStatus: 'STOPPED' }),
  );
  const { tasks } = await ecs().send(new DescribeTasksCommand({ cluster: 'demo', tasks: taskArns }));
  expect(tasks).toMatchObject([
    {
      stopCode: 'EssentialContainerExited',
      containers: [{ exitCode: 137, reason: expect.stringMatching(/^OutOfMemoryError/) }],
    },
  ]);
});
