import { expect, it } from 'vitest';
import type { AwsAccount } from '../../src/aws/account.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import type { Cluster, Database, EcsPort, Service } from '../../src/connect/ports.ts';
import type { DatabasesPort } from '../../src/connect/ports/databases.ts';
import { failed } from '../../src/core/errors.ts';
import type { Ec2Port } from '../../src/provision/ports/ec2.ts';
import { fakeDeps } from '../support/fake-deps.ts';

/** AWS still throttles after the last retry of the SDK: the command prints the results so far. */

const throttled = (): Error =>
  failed('aws-throttled', 'AWS refuses ecs:DescribeServices for now', {
    details: { action: 'ecs:DescribeServices' },
  });

const service = (name: string): Service => ({
  arn: `arn:aws:ecs:eu-west-1:111122223333:service/demo/${name}`,
  name,
  clusterArn: 'arn:aws:ecs:eu-west-1:111122223333:cluster/demo',
  status: 'ACTIVE',
  desiredCount: 1,
  runningCount: 1,
  pendingCount: 0,
  launchType: 'FARGATE',
  execEnabled: true,
  taskDefinitionArn: 'arn:aws:ecs:eu-west-1:111122223333:task-definition/app:1',
  deploymentController: 'ECS',
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  subnets: [],
  securityGroups: [],
  publicIp: false,
  createdAt: undefined,
  events: [],
  deployments: [],
});

/** Describes `answers` batches of ten, and then fails. */
async function ls(answers: number, ...flags: readonly string[]) {
  let left = answers;
  const names = Array.from({ length: 60 }, (_, n) => `service-${String(n).padStart(2, '0')}`);
  const ecs = {
    async *clusterNames() {
      yield ['demo'];
    },
    async *serviceNames() {
      yield names;
    },
    describeServices: (_cluster: string, batch: readonly string[]) =>
      left-- > 0 ? Promise.resolve(batch.map(service)) : Promise.reject(throttled()),
  } as unknown as EcsPort;
  const account = {
    region: 'eu-west-1',
    clockOffsetMs: () => 0,
    ecs: () => Promise.resolve(ecs),
  } as unknown as AwsAccount;
  const deps = fakeDeps({ openAccount: () => Promise.resolve(account) });
  const status = await deps.clock.run(runCli(['ls', 'services', ...flags], deps));
  return { status, stdout: deps.terminal.stdout.text, stderr: deps.terminal.stderr.text };
}

it('prints the results so far, and says how to request less', async () => {
  const { status, stdout, stderr } = await ls(2, '--json');
  expect(status).toBe(1);
  const records = JSON.parse(stdout) as { name: string; cluster: string }[];
  expect(records).toHaveLength(20);
  expect(records[0]).toMatchObject({ name: 'service-00', cluster: 'demo' });
  const [note, error] = stderr.trimEnd().split('\n');
  expect(JSON.parse(note ?? '')).toMatchObject({
    code: 'list-incomplete',
    message: expect.stringContaining('40 of 60 services of cluster demo') as unknown,
  });
  expect(JSON.parse(error ?? '')).toMatchObject({
    error: {
      code: 'aws-throttled',
      hints: expect.arrayContaining([expect.stringContaining('--cluster NAME')]) as unknown,
    },
  });
});

it('the advice omits filters that are already given', async () => {
  const { stderr } = await ls(1, '--cluster', 'demo');
  expect(stderr).toContain('ask for less: --service NAME');
});

it('without any result only the error is printed', async () => {
  expect(await ls(0)).toMatchObject({ status: 1, stdout: '' });
});

/** `ls KIND --json` in an account with these ports. */
async function lsKind(
  kind: string,
  ports: { readonly ecs?: object; readonly databases?: object; readonly ec2?: object },
) {
  const account = {
    region: 'eu-west-1',
    clockOffsetMs: () => 0,
    ecs: () => Promise.resolve(ports.ecs as EcsPort),
    databases: () => Promise.resolve(ports.databases as DatabasesPort),
    ec2: () => Promise.resolve(ports.ec2 as Ec2Port),
  } as unknown as AwsAccount;
  const deps = fakeDeps({ openAccount: () => Promise.resolve(account) });
  const status = await runCli(['ls', kind, '--json'], deps);
  const { text } = deps.terminal.stdout;
  return { status, records: text === '' ? [] : (JSON.parse(text) as { name?: string; id?: string }[]) };
}

const clusterNames = Array.from({ length: 250 }, (_, n) => `cluster-${String(n).padStart(3, '0')}`);

it.each([
  { throttledFrom: 1, described: 100 },
  { throttledFrom: 0, described: 0 },
])('ls clusters names all clusters when $described of 250 were described', async (row) => {
  let calls = 0;
  const ecs = {
    async *clusterNames() {
      yield clusterNames;
    },
    describeClusters: (names: readonly string[]) =>
      calls++ < row.throttledFrom
        ? Promise.resolve(
            names.map((name): Cluster => ({
              arn: `arn:${name}`,
              name,
              status: 'ACTIVE',
              runningTasks: 1,
              activeServices: 1,
            })),
          )
        : Promise.reject(throttled()),
  };
  const { status, records } = await lsKind('clusters', { ecs });
  expect(status).toBe(1);
  expect(records.map(({ name }) => name)).toEqual(clusterNames);
  expect(records.filter((record) => 'arn' in record && record.arn !== null)).toHaveLength(row.described);
});

it('ls clusters shows the pages of names that AWS returned', async () => {
  const ecs = {
    async *clusterNames() {
      yield clusterNames.slice(0, 100);
      throw throttled();
    },
  };
  expect(await lsKind('clusters', { ecs })).toMatchObject({ status: 1, records: { length: 100 } });
});

it('ls databases shows the databases if AWS does not say which of them can be reached', async () => {
  const database = { id: 'orders', engine: 'postgres', endpoints: [] } as unknown as Database;
  const nothing = () => Promise.resolve([]);
  const databases = {
    databases: () => Promise.resolve([database]),
    proxies: nothing,
    elastiCaches: nothing,
    memoryDbClusters: nothing,
    redshiftClusters: nothing,
    redshiftWorkgroups: nothing,
    searchDomains: nothing,
  };
  const ec2 = { instances: () => Promise.reject(throttled()) };
  expect(await lsKind('databases', { databases, ec2 })).toMatchObject({
    status: 1,
    records: [{ id: 'orders', reach: null }],
  });
});

it('ls databases shows the databases of the pages that AWS returned', async () => {
  const database = { id: 'orders', engine: 'postgres', endpoints: [] } as unknown as Database;
  const nothing = () => Promise.resolve([]);
  const others = {
    proxies: nothing,
    elastiCaches: nothing,
    memoryDbClusters: nothing,
    redshiftClusters: nothing,
    redshiftWorkgroups: nothing,
    searchDomains: nothing,
  };
  const databases = {
    ...others,
    databases(onPage: (soFar: readonly Database[]) => void) {
      onPage([database]);
      return Promise.reject(throttled());
    },
  };
  const ec2 = { instances: nothing };
  expect(await lsKind('databases', { databases, ec2 })).toMatchObject({
    status: 1,
    records: [{ id: 'orders', reach: null }],
  });
  const refused = () => Promise.reject(throttled());
  const none = {
    databases: refused,
    proxies: refused,
    elastiCaches: refused,
    memoryDbClusters: refused,
  };
  expect(await lsKind('databases', { databases: none, ec2 })).toEqual({ status: 1, records: [] });
});
