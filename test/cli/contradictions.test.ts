import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { localIds, placeInUse } from '../../src/app/arn-scope.ts';
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
    clockOffsetMs: () => 0,
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
): Promise<{
  readonly status: number;
  readonly stderr: string;
  readonly stdout: string;
  readonly made: readonly string[];
}> {
  const { made, openAccount } = countingAccount();
  const deps = fakeDeps({ openAccount, cwd: folder, ...over });
  const status = await runCli(argv, deps);
  const { stderr, stdout } = deps.terminal;
  return { status, stderr: stderr.text, stdout: stdout.text, made };
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
    ['--role', 'arn:aws:iam::999999999999:instance-profile/ops', 'is in IAM of account 999999999999', 1],
    ['--role', 'arn:aws:iam::123456789012:role/ops', '--role does not take', 0],
  ])('up %s %s is refused', async (flag, arn, message, calls) => {
    const { status, stderr, made } = await run(['up', flag, arn]);
    expect(stderr).toContain(message);
    expect([status, made.length]).toEqual([2, calls]);
  });

  it.each([
    [['db'], 'arn:aws:rds:us-east-1:999999999999:db:orders', 'is in us-east-1 of account 999999999999', 0],
    [['db'], 'arn:aws:rds:eu-west-1:999999999999:db:orders', 'eu-west-1 of account 123456789012', 1],
    [['db'], 'arn:aws:elasticache:us-east-1:123456789012:cluster:sessions', 'is in us-east-1', 0],
    [['db'], 'arn:aws:s3:::orders', 'db does not take arn:aws:s3:::orders', 0],
    [['doctor', '--db'], 'arn:aws:rds:us-east-1:123456789012:db:orders', 'is in us-east-1', 0],
    [['doctor', '--db'], 'arn:aws:rds:eu-west-1:999999999999:db:orders', 'account 999999999999', 1],
    [['run', '--db'], 'arn:aws:rds:us-east-1:123456789012:db:orders', 'is in us-east-1', 0],
  ])('%j %s is refused', async (argv, arn, message, calls) => {
    const rest = argv[0] === 'run' ? ['--', 'true'] : [];
    const { status, stderr, made } = await run([...argv, arn, ...rest]);
    expect(stderr).toContain(message);
    expect([status, made.length]).toEqual([2, calls]);
  });

  it.each([[['up']], [['up', '--tunnel-only']]])('%j --cluster ARN is refused at once', async (argv) => {
    const arn = (place: string): string => `arn:aws:ecs:${place}:cluster/demo`;
    const region = await run([...argv, '--cluster', arn('us-east-1:123456789012')]);
    expect(region.stderr).toContain('is in us-east-1 of account');
    expect([region.status, region.made]).toEqual([2, []]);
    const account = await run([...argv, '--cluster', arn('eu-west-1:999999999999')]);
    expect(account.stderr).toContain('of account 999999999999; the credentials');
    expect([account.status, account.made]).toEqual([2, ['sts:GetCallerIdentity']]);
  });

  it('a subnet of another account may be shared with this one, so its id is used', async () => {
    const place = placeInUse(await countingAccount().openAccount());
    const shared = 'arn:aws:ec2:eu-west-1:999999999999:subnet/subnet-1';
    expect(await localIds('subnet', [shared, 'subnet-2'], place)).toEqual(['subnet-1', 'subnet-2']);
    expect(await localIds('db', ['arn:aws:rds:eu-west-1:123456789012:db:orders'], place)).toEqual(['orders']);
  });

  it('an instance profile of IAM has no region, and must be of this account', async () => {
    const place = placeInUse(await countingAccount().openAccount());
    const profile = (owner: string): string => `arn:aws:iam::${owner}:instance-profile/ops/bastion`;
    expect(await localIds('role', [profile('123456789012')], place)).toEqual(['bastion']);
    await expect(localIds('role', [profile('999999999999')], place)).rejects.toThrow(
      'is in IAM of account 999999999999; the credentials are used in eu-west-1 of account 123456789012',
    );
    await expect(localIds('role', ['arn:aws:iam::123456789012:role/x'], place)).rejects.toThrow(
      '--role does not take arn:aws:iam::123456789012:role/x',
    );
  });

  it('ARNs of this region and account are used', async () => {
    const { made } = await run(['ls', 'tasks', '--cluster', `${HERE}:cluster/demo`]);
    expect(made).toEqual(['sts:GetCallerIdentity', 'ecs:ListTasks', 'ecs:ListClusters']);
  });
});

describe('ARNs in the flags of policy', () => {
  const OTHER = 'eu-west-1:999999999999';
  const OWN = 'eu-west-1:123456789012';
  const CLUSTER = `arn:aws:ecs:us-east-1:999999999999:cluster/demo`;
  const PLACES = ['us-east-1 of account 999999999999', 'the document is made for eu-west-1'];
  const ACCOUNTS = ['eu-west-1 of account 999999999999', 'made for eu-west-1 of account 123456789012'];

  it.each([
    [['exec', '--cluster', CLUSTER], PLACES],
    [['operator', '--cluster', CLUSTER], PLACES],
    [['forward-task', '--cluster', CLUSTER], PLACES],
    [['bastion', '--format', 'terraform', '--cluster', CLUSTER], PLACES],
    [['exec', '--check', 'me', '--cluster', CLUSTER], PLACES],
    [['diff', 'exec', 'shell', '--cluster', CLUSTER], PLACES],
    [['exec', '--cluster', `arn:aws:ecs:${OTHER}:cluster/demo`], ACCOUNTS],
    [['exec', '--cluster', `arn:aws-cn:ecs:${OWN}:cluster/demo`], ['(aws-cn)']],
    [['exec', '--service', `arn:aws:ecs:${OTHER}:service/demo/web`], ACCOUNTS],
    [['exec', '--cluster', 'arn:aws:s3:::x'], ['--cluster takes an ECS cluster']],
    [
      ['operator', '--vpc', `arn:aws:ec2:${OTHER}:vpc/vpc-1`],
      [...ACCOUNTS, '--vpc-owner 999999999999'],
    ],
    [['operator', '--client-security-group', `arn:aws:ec2:${OTHER}:security-group/sg-1`], ACCOUNTS],
    [['operator-db-rule', '--db-security-group', `arn:aws:ec2:${OTHER}:security-group/sg-1`], ACCOUNTS],
    [['operator-db-rule', '--db-security-group', `arn:aws:ec2:${OWN}:vpc/vpc-1`], ['does not take']],
    [['bastion', '--format', 'terraform', '--subnet', `arn:aws:ec2:${OTHER}:subnet/subnet-1`], ACCOUNTS],
    [['bastion', '--format', 'terraform', '--db', `arn:aws:rds:${OTHER}:db:orders`], ACCOUNTS],
    [['session-document', '--db', `arn:aws:rds:${OTHER}:db:orders`], ACCOUNTS],
    [['forward-document', '--db', `arn:aws:rds:${OTHER}:db:orders`], ACCOUNTS],
    [['exec', '--session-key', 'arn:aws:kms:us-east-1:999999999999:key/a'], PLACES],
    [['operator', '--kms-key', 'arn:aws:kms:us-east-1:999999999999:key/a'], PLACES],
    [['db', '--secret', 'arn:aws:secretsmanager:us-east-1:999999999999:secret:a-abcdef'], PLACES],
    [['db', '--secret-key', 'arn:aws-cn:kms:eu-west-1:123456789012:key/a'], ['(aws-cn)']],
  ])('policy %j is refused', async (argv, messages) => {
    const { status, stderr, stdout, made } = await run(['policy', ...argv]);
    for (const message of messages) expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, '']);
    expect(new Set(made)).toEqual(new Set(['sts:GetCallerIdentity']));
  });

  it.each([
    [['shell', '--check', 'arn:aws:iam::999999999999:role/ops']],
    [['diff', 'arn:aws:iam::999999999999:role/ops', 'arn:aws:iam::999999999999:role/dev']],
  ])('policy %j: a principal of another account is refused', async (argv) => {
    const { status, stderr, made } = await run(['policy', ...argv]);
    expect(stderr).toContain('999999999999:role/ops is in IAM of account 999999999999; the credentials');
    expect([status, new Set(made)]).toEqual([2, new Set(['sts:GetCallerIdentity'])]);
  });

  it('are compared with --account and --region, without a call', async () => {
    const place = ['--account', '999999999999', '--region', 'us-east-1'];
    const printed = await run(['policy', 'exec', '--cluster', CLUSTER, ...place]);
    expect([printed.status, printed.made]).toEqual([0, []]);
    expect(printed.stdout).toContain('"arn:aws:ecs:us-east-1:999999999999:task/demo/*"');
    const refused = await run(['policy', 'exec', '--cluster', `arn:aws:ecs:${OWN}:cluster/demo`, ...place]);
    expect([refused.status, refused.made]).toEqual([2, []]);
    expect(refused.stderr).toContain('; the document is made for us-east-1');
  });

  it.each([
    [['operator-given-role', '--role', 'arn:aws:iam::123456789012:instance-profile/ops']],
    [['bastion', '--format', 'terraform', '--role', 'arn:aws:iam::123456789012:instance-profile/ops']],
    [['task-role', '--log-group', `arn:aws:logs:${OWN}:log-group:/ecs/web:*`]],
    [['task-role', '--log-bucket', 'arn:aws:s3:::sessions']],
    [['forward-document', '--document', `arn:aws:ssm:${OWN}:document/orders`]],
    [['db', '--db-resource', `arn:aws:rds:${OWN}:db:orders`]],
    [['operator', '--image', 'ami-0123456789abcdef0,arn:aws:ec2:eu-west-1::image/ami-1']],
  ])('policy %j: only a name is possible', async (argv) => {
    const { status, stderr, stdout } = await run(['policy', ...argv]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/(--[a-z-]+) takes a name, and .* is an ARN[^]*\1 takes (?:the|an) /);
  });

  it.each([
    [['exec', '--session-key', `arn:aws:kms:${OTHER}:key/a`]],
    [['operator', '--kms-key', `arn:aws:kms:${OTHER}:key/a`]],
    [['db', '--secret', `arn:aws:secretsmanager:${OTHER}:secret:a-abcdef`]],
  ])(
    'policy %j: another account may share its keys and secrets',
    async ([kind = '', flag = '', arn = '']) => {
      const { status, stdout } = await run(['policy', kind, flag, arn]);
      expect([status, stdout.includes(arn)]).toEqual([0, true]);
    },
  );

  it.each([
    [['operator', '--vpc', `arn:aws:ec2:${OWN}:vpc/vpc-1`], `"arn:aws:ec2:${OWN}:vpc/vpc-1"`],
    [
      ['operator', '--vpc', `arn:aws:ec2:${OTHER}:vpc/vpc-1`, '--vpc-owner', '999999999999'],
      `"arn:aws:ec2:${OTHER}:vpc/vpc-1"`,
    ],
    [
      ['operator-db-rule', '--db-security-group', `arn:aws:ec2:${OWN}:security-group/sg-1`],
      `"arn:aws:ec2:${OWN}:security-group/sg-1"`,
    ],
    [
      ['forward-document', '--db', `arn:aws:rds:${OWN}:db:orders`],
      `"arn:aws:ssm:${OWN}:document/fargate-connect-orders"`,
    ],
  ])('policy %j: the id of an own ARN is used', async (argv, resource) => {
    const { status, stdout } = await run(['policy', ...argv]);
    expect(status).toBe(0);
    expect(stdout).toContain(resource);
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
