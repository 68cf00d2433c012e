import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { localIds } from '../../src/app/arn-scope.ts';
import type { AwsAccount } from '../../src/aws/account.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import type { EcsPort } from '../../src/connect/ports.ts';
import { noMatch } from '../../src/core/errors.ts';
import { fakeDeps } from '../support/fake-deps.ts';

const folder = mkdtempSync(join(tmpdir(), 'fc-pairs-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Calls {
  readonly made: string[];
  readonly openAccount: () => Promise<AwsAccount>;
}

/** An account in eu-west-1 that records its calls and has no cluster. */
function countingAccount(): Calls {
  const made: string[] = [];
  const ecs = {
    async *clusterNames() {
      made.push('ecs:ListClusters');
      yield [];
    },
    async *taskArns(cluster: string) {
      made.push('ecs:ListTasks');
      yield [];
      throw noMatch('cluster-not-found', `no cluster ${cluster}`, { details: { cluster } });
    },
  } as unknown as EcsPort;
  const account = {
    region: 'eu-west-1',
    ecs: () => Promise.resolve(ecs),
    // An unexpected call throws, and the CLI reports it as a defect.
    ec2: () => Promise.resolve({}),
    iam: () => Promise.resolve({}),
    images: () => Promise.resolve({}),
    identity: async () => ({
      caller: async () => {
        made.push('sts:GetCallerIdentity');
        return {
          accountId: '123456789012',
          partition: 'aws',
          arn: 'arn:aws:iam::123456789012:user/a',
          userId: 'A',
        };
      },
    }),
  } as unknown as AwsAccount;
  return { made, openAccount: () => Promise.resolve(account) };
}

async function run(
  argv: readonly string[],
  over: Parameters<typeof fakeDeps>[0] = {},
): Promise<{ readonly status: number; readonly stderr: string; readonly made: readonly string[] }> {
  const { made, openAccount } = countingAccount();
  const deps = fakeDeps({ openAccount, cwd: folder, ...over });
  const status = await runCli(argv, deps);
  return { status, stderr: deps.terminal.stderr.text, made };
}

describe('two answers to one question', () => {
  it.each([
    [['exec', 'a', '--service', 'b'], 'two services: a and --service b'],
    [['--service', 'b', 'exec', 'a', '--', 'ls'], 'two services: a and --service b'],
    [['forward', 'a', '-L', '8080:80', '--service', 'b'], 'two services: a and --service b'],
    [['ls', 'clusters', '--json', '--output', 'table'], '--json and --output table exclude each other'],
    [['ls', 'clusters', '--region', 'eu-west-1', '--region', 'us-east-1'], '--region is given twice'],
    [['--cluster', 'a', 'ls', 'services', '--cluster', 'b'], '--cluster is given twice'],
    [['exec', '--container', 'a', '--container', 'b', 'web'], '--container is given twice'],
    [['down', '--name', 'x', '--all'], "option '--all' cannot be used with option '--name <name>'"],
    [['up', '--ttl', '1h', '--ttl', '2h'], '--ttl is given twice'],
    [['forward', '-L', '1:h:2', '--via', 'task', '--name', 'x'], '--via task uses no bastion'],
  ])('%j is refused: %s', async (argv, message) => {
    const { status, stderr, made } = await run(argv);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
    expect(made).toEqual([]);
  });

  it.each([
    [['ls', 'clusters', '--json', '--output', 'json']],
    [['--region', 'eu-west-1', 'ls', 'clusters', '--region', 'eu-west-1']],
  ])('%j: the same value twice is accepted', async (argv) => {
    expect((await run(argv)).status).toBe(0);
  });
});

describe('empty names', () => {
  it.each([
    [['ls', 'services', '--cluster', ''], "--cluster '' is no name"],
    [['exec', '--service=', '--', 'ls'], "--service '' is no name"],
    [['exec', '', '--', 'ls'], "'' is no service"],
  ])('%j is refused: %s', async (argv, message) => {
    const { status, stderr } = await run(argv);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

describe('ARNs of another place', () => {
  const HERE = 'arn:aws:ecs:eu-west-1:123456789012';
  it.each([
    [
      'region',
      ['--cluster', 'arn:aws:ecs:us-east-1:123456789012:cluster/demo'],
      ['us-east-1', 'eu-west-1'],
      0,
    ],
    [
      'account',
      ['--cluster', 'arn:aws:ecs:eu-west-1:999999999999:cluster/demo'],
      ['999999999999', '123456789012'],
      1,
    ],
    ['partition', ['--task', 'arn:aws-cn:ecs:eu-west-1:123456789012:task/demo/0'], ['(aws-cn)'], 1],
  ])('another %s is refused', async (_, flags, named, calls) => {
    const { status, stderr, made } = await run(['ls', 'tasks', ...flags]);
    expect(status).toBe(2);
    for (const name of named) expect(stderr).toContain(name);
    expect(made).toHaveLength(calls);
  });

  it('an ARN as service argument is checked like the flag', async () => {
    const arn = 'arn:aws:ecs:us-east-1:123456789012:service/demo/orders';
    const { status, stderr, made } = await run(['exec', arn, '--', 'hostname']);
    expect([status, made]).toEqual([2, []]);
    expect(stderr).toContain(
      'is in us-east-1 of account 123456789012; the credentials are used in eu-west-1',
    );
  });

  it.each([
    [['--cluster', `${HERE}:service/demo/orders`], '--cluster takes an ECS cluster, and'],
    [['--service', 'arn:aws:iam::123456789012:role/x'], '--service takes an ECS service, and'],
    [['--cluster', 'arn:aws:ecs'], 'is no complete ARN'],
    [
      ['--cluster', 'demo', '--service', `${HERE}:service/other/orders`],
      'in cluster demo, and the service in cluster other',
    ],
  ])('%j is refused: %s', async (flags, message) => {
    const { status, stderr, made } = await run(['ls', 'tasks', ...flags]);
    expect(stderr).toContain(message);
    expect([status, made]).toEqual([2, []]);
  });

  it.each([
    ['--db', 'arn:aws:rds:us-east-1:123456789012:db:orders', 'is in us-east-1', 0],
    [
      '--db',
      'arn:aws:rds:eu-west-1:999999999999:cluster:orders',
      'is in eu-west-1 of account 999999999999',
      1,
    ],
    ['--subnet', 'arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1', 'is in us-east-1', 0],
    ['--vpc', 'arn:aws-cn:ec2:eu-west-1:999999999999:vpc/vpc-1', '(aws-cn)', 1],
    ['--client-security-group', 'arn:aws:ec2:eu-west-1:999999999999:security-group/sg-1', '999999999999', 1],
    ['--db', 'arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1', '--db does not take', 0],
  ])('up %s %s is refused', async (flag, arn, message, calls) => {
    const { status, stderr, made } = await run(['up', flag, arn]);
    expect(stderr).toContain(message);
    expect([status, made.length]).toEqual([2, calls]);
  });

  it('a subnet of another account may be shared with this one, so its id is used', async () => {
    const account = await countingAccount().openAccount();
    const shared = 'arn:aws:ec2:eu-west-1:999999999999:subnet/subnet-1';
    expect(await localIds('subnet', [shared, 'subnet-2'], account)).toEqual(['subnet-1', 'subnet-2']);
    expect(await localIds('db', ['arn:aws:rds:eu-west-1:123456789012:db:orders'], account)).toEqual([
      'orders',
    ]);
  });

  it('an instance profile of IAM has no region, and must be of this account', async () => {
    const account = await countingAccount().openAccount();
    const profile = (owner: string): string => `arn:aws:iam::${owner}:instance-profile/ops/bastion`;
    expect(await localIds('role', [profile('123456789012')], account)).toEqual(['bastion']);
    await expect(localIds('role', [profile('999999999999')], account)).rejects.toThrow(
      'is in IAM of account 999999999999; the credentials are used in eu-west-1 of account 123456789012',
    );
    await expect(localIds('role', ['arn:aws:iam::123456789012:role/x'], account)).rejects.toThrow(
      '--role does not take arn:aws:iam::123456789012:role/x',
    );
  });

  it('ARNs of this region and account are used', async () => {
    const { made } = await run(['ls', 'tasks', '--cluster', `${HERE}:cluster/demo`]);
    expect(made).toEqual(['sts:GetCallerIdentity', 'ecs:ListTasks', 'ecs:ListClusters']);
  });
});

describe('a name that is not found', () => {
  const home = join(folder, 'home');
  mkdirSync(join(home, '.config', 'fargate-connect'), { recursive: true });
  writeFileSync(join(home, '.config', 'fargate-connect', 'config.yaml'), '# mine\ncluster: old\n');

  it('from a file is reported with the file and the line', async () => {
    const { stderr } = await run(['ls', 'tasks'], { env: { HOME: home } });
    expect(stderr).toContain(`(cluster is from ${home}/.config/fargate-connect/config.yaml:2)`);
  });

  it('from the environment is reported with the variable', async () => {
    const { stderr } = await run(['ls', 'tasks'], { env: { ECS_CLUSTER: 'older' } });
    expect(stderr).toContain('(cluster is from ECS_CLUSTER)');
  });

  it('from the command line is reported without its origin', async () => {
    const { stderr } = await run(['ls', 'tasks', '--cluster', 'typed']);
    expect(stderr).not.toContain('is from');
  });
});
