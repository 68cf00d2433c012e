import {
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListServicesCommand,
  ListTasksCommand,
} from '@aws-sdk/client-ecs';
import { DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiRate } from '../../../src/sandbox/api-rate.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { parseWorldFile } from '../../../src/sandbox/world/world-file.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { generatedWorld } from '../../../src/sandbox/world/generated-world.ts';
import { errorName, sandboxClients } from '../../support/sandbox-clients.ts';

const documentation = readFileSync(join(import.meta.dirname, '../../../docs/sandbox-world.md'), 'utf8');
const EXAMPLE = /```yaml\n([\s\S]*?)```/.exec(documentation)?.[1] ?? '';

describe('a world file', () => {
  test('the example in the documentation creates an account with these services, tasks, databases and logs', async () => {
    const seed = seedOfWorld('w.yaml', parseWorldFile('w.yaml', EXAMPLE), defaultSeed());
    const sandbox = await startSandbox({ seed });
    try {
      const { config } = sandboxClients(sandbox.env);
      const ecs = new ECSClient(config);
      const { serviceArns } = await ecs.send(new ListServicesCommand({ cluster: 'shop' }));
      expect(serviceArns).toHaveLength(1);
      const stopped = await ecs.send(new ListTasksCommand({ cluster: 'shop', desiredStatus: 'STOPPED' }));
      const { tasks } = await ecs.send(
        new DescribeTasksCommand({ cluster: 'shop', tasks: stopped.taskArns }),
      );
      expect(tasks).toMatchObject([
        {
          stopCode: 'EssentialContainerExited',
          containers: expect.arrayContaining([
            expect.objectContaining({
              exitCode: 137,
              reason: expect.stringMatching(/^OutOfMemory/) as string,
            }),
          ]) as unknown[],
        },
      ]);
      const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: 'shop' }));
      expect(taskArns).toHaveLength(4);
      expect(sandbox.logs.group('/ecs/orders-api')?.streams.size).toBeGreaterThan(2);
    } finally {
      await sandbox.close();
    }
  });

  test('names policies of roles, the family, the log prefix, descriptions of groups, and containers that ECS adds', () => {
    const seed = seedOfWorld('w.yaml', parseWorldFile('w.yaml', EXAMPLE), defaultSeed());
    const role = seed.roles.find(({ name }) => name === 'orders-task');
    expect(Object.keys(role?.inlinePolicies ?? {})).toEqual(['orders-task', 'read-secrets']);
    expect(role?.inlinePolicies['read-secrets']).toMatchObject({
      Statement: [
        {
          Effect: 'Allow',
          Action: ['secretsmanager:GetSecretValue'],
          Resource: 'arn:aws:secretsmanager:*:*:secret:shop/*',
        },
      ],
    });
    const [service] = seed.services;
    expect(service?.taskDefinition).toBe('shop-orders:1');
    expect(service?.tasks[0]?.containers.map(({ name }) => name)).toEqual([
      'app',
      'ecs-service-connect-4QmkZd',
    ]);
    expect(seed.taskDefinitions[0]?.containers).toMatchObject([{ name: 'app', logPrefix: 'ecs' }]);
    expect(seed.securityGroups.find(({ name }) => name === 'tasks')?.description).toBe('tasks of the shop');
  });

  test('with an empty base has no service and no data store of the demo account', () => {
    const seed = seedOfWorld('w.yaml', parseWorldFile('w.yaml', 'base: empty\n'), defaultSeed());
    const { clusters, services, databases, proxies, caches, searchDomains, secrets } = seed;
    expect([clusters, services, databases, proxies, caches, searchDomains, secrets].flat()).toEqual([]);
  });

  test('replaces a role of the demo account that has the same name; one without permissions has no policy', () => {
    const world = parseWorldFile('w.yaml', 'roles:\n  - name: demo-exec-task\n');
    const named = seedOfWorld('w.yaml', world, defaultSeed()).roles.filter(
      ({ name }) => name === 'demo-exec-task',
    );
    expect(named.map(({ inlinePolicies }) => inlinePolicies)).toEqual([{}]);
  });

  test('has the log prefix in the task definition and in the name of the log stream', async () => {
    const text = `services:
  - { name: a, cluster: demo, containers: [{ name: app, logGroup: /a, logPrefix: web }] }
`;
    const seed = seedOfWorld('w.yaml', parseWorldFile('w.yaml', text), defaultSeed());
    const sandbox = await startSandbox({ seed });
    try {
      const ecs = new ECSClient(sandboxClients(sandbox.env).config);
      const { taskDefinition } = await ecs.send(
        new DescribeTaskDefinitionCommand({ taskDefinition: 'demo-a' }),
      );
      const options = taskDefinition?.containerDefinitions?.[0]?.logConfiguration?.options;
      expect(options?.['awslogs-stream-prefix']).toBe('web');
      const streams = [...(sandbox.logs.group('/a')?.streams.keys() ?? [])];
      expect(streams).toEqual([expect.stringMatching(/^web\/app\/[0-9a-f]{32}$/)]);
    } finally {
      await sandbox.close();
    }
  });

  const refused = (text: string): string => {
    try {
      seedOfWorld('w.yaml', parseWorldFile('w.yaml', text), defaultSeed());
    } catch (error) {
      return (error as Error).message;
    }
    return 'taken';
  };
  test.each([
    ['a: [', 'w.yaml:1:'],
    ['clusters:\n  - nmae: x\n', 'w.yaml:2:5: clusters.0 '],
    [
      'services:\n  - name: a\n    cluster: demo\n    tasks:\n      - state: DEAD\n',
      'w.yaml:5:16: services.0.tasks.0.state must be one of PENDING, RUNNING, STOPPED',
    ],
    ['services:\n  - name: a\n    cluster: demo\n    descired: 2\n', "did you mean 'desired'?"],
    ['services:\n  - name: a\n    cluster: nowhere\n', "there is no cluster 'nowhere' (known: demo,"],
    ['services:\n  - name: a\n    cluster: demo\n    network: none\n', "there is no network 'none'"],
    ['clusters: 5\n', 'w.yaml:1:11: clusters must be array'],
    ['services:\n  - name: a\n    cluster: demo\n    tasks:\n      - count: 0\n', 'w.yaml:5:16: '],
    ['[]', 'w.yaml:1:1: the file must be object'],
    ['', 'taken'],
  ])('%j fails with %j', (text, message) => {
    expect(refused(text)).toContain(message);
  });
});

test('a generated world has exactly the requested resources, and each name and address once', () => {
  const seed = seedOfWorld('-', generatedWorld(400, 1003), defaultSeed());
  const services = seed.services.filter(({ cluster }) => cluster === 'large');
  const tasks = services.flatMap((service) => service.tasks);
  expect([services.length, tasks.length]).toEqual([400, 1003]);
  expect(new Set(services.map(({ name }) => name)).size).toBe(400);
  expect(new Set(tasks.map(({ privateIp }) => privateIp)).size).toBe(1003);
});

describe('the API request rate of an account', () => {
  test('is limited by a token bucket that holds five seconds’ worth of calls and refills', () => {
    let now = 0;
    const rate = new ApiRate(2, () => now);
    const burst = (): number =>
      Array.from({ length: 30 }, () => rate.admit('ecs', 'eu-west-1')).filter(Boolean).length;
    expect(burst()).toBe(10);
    now = 1500;
    expect(burst()).toBe(3);
    expect(rate.admit('ec2', 'eu-west-1')).toBe(true);
    now = 1_000_000;
    expect(burst()).toBe(10);
  });

  test('has a throttling error of each service beyond the limit, and no call is faster than the configured latency', async () => {
    const sandbox = await startSandbox({ callsPerSecond: 0.2, latencyMs: 40 });
    try {
      const { config, ec2 } = sandboxClients(sandbox.env);
      const ecs = new ECSClient(config);
      const list = () => errorName(ecs.send(new ListServicesCommand({ cluster: 'demo' })));
      const before = performance.now();
      expect([await list(), await list()]).toEqual(['resolved', 'ThrottlingException']);
      expect(performance.now() - before).toBeGreaterThanOrEqual(78);
      const describe = () => errorName(ec2.send(new DescribeVpcsCommand({})));
      expect([await describe(), await describe()]).toEqual(['resolved', 'RequestLimitExceeded']);
    } finally {
      await sandbox.close();
    }
  });
});
