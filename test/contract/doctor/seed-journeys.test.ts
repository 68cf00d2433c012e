import { get } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '../../../src/diagnose/change.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { applyChanges } from '../../support/apply-changes.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { ordersDatabase } from '../../support/orders-database.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import type { SeedDatabase, SeedSecurityGroup } from '../../../src/sandbox/seed-shapes.ts';
import { SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { loadWorld } from '../../../src/sandbox/world/load-world.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * Five stacks as real accounts have them, from the first report to the end: `doctor` says what is wrong, the fix is
 * made, then come a command in the container, its logs, a forward to its port, a database, and what was added is taken
 * back. The fifth is the bastion of the Terraform ancestor.
 */

const psql = onPath('psql');
if (psql === undefined) reportSkip('db in the journeys of the seed stacks', 'psql is not on PATH');

/** The stacks come without their databases: each VPC gets one, which its own ranges may reach. */
const databaseIn = (id: string, vpcId: string, cidr: string, subnetId: string, privateIp: string) => ({
  group: {
    id: `sg-${Buffer.from(id).toString('hex').padEnd(17, '0').slice(0, 17)}`,
    vpcId,
    name: id,
    description: id,
    tags: [],
    ingress: [{ protocol: 'tcp', fromPort: 5432, toPort: 5432, cidr }],
    egress: [],
  } satisfies SeedSecurityGroup,
  database: {
    id,
    engine: 'postgres',
    engineVersion: '18.6',
    host: `${id}.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com`,
    port: 5432,
    privateIp,
    databaseName: 'app',
    masterUsername: 'root',
    vpcId,
    subnetIds: [subnetId],
    securityGroupIds: [`sg-${Buffer.from(id).toString('hex').padEnd(17, '0').slice(0, 17)}`],
    iamAuthentication: true,
    iamUsers: ['app'],
    sql: 'CREATE TABLE orders (id int); INSERT INTO orders VALUES (1), (2), (3);',
  } satisfies SeedDatabase,
});
const ADDED = [
  databaseIn('example-db', VPC.main, '10.0.0.0/16', SUBNET.mainDataA, '10.0.201.77'),
  databaseIn('cruddur-db', VPC.default, '172.31.0.0/16', SUBNET.defaultA, '172.31.4.77'),
];
const seed = defaultSeed();
const sandbox = testSandbox({
  seed: {
    ...seed,
    securityGroups: [...seed.securityGroups, ...ADDED.map(({ group }) => group)],
    databases: [...seed.databases, ...ADDED.map(({ database }) => database)],
  },
});
beforeAll(() => Promise.all(ADDED.map(({ database }) => sandbox().warmUpDatabase(database.id))), 120_000);

interface Stack {
  readonly title: string;
  readonly service: string;
  readonly cluster: string;
  readonly container: string;
  readonly port: number;
  /** A database of its VPC. */
  readonly database: string;
  /** False = the container has no log driver. */
  readonly hasLogs: boolean;
  /** `none` = the task has no role, and `--fix` makes no new one: a person makes the printed changes. */
  readonly fix: 'safe' | 'none';
}

const STACKS: readonly Stack[] = [
  {
    title: 'Flask on port 8443, one role as execution role and task role, exec off',
    service: 'ecs-service',
    cluster: 'ecs-cluster',
    container: 'flask-app',
    port: 8443,
    database: 'cruddur-db',
    hasLogs: false,
    fix: 'safe',
  },
  {
    title: 'nginx behind NAT and a load balancer, task role without a policy, exec off',
    service: 'example-app-api',
    cluster: 'example-app-cluster',
    container: 'example-app-api',
    port: 80,
    database: 'example-db',
    hasLogs: true,
    fix: 'safe',
  },
  {
    title: 'exec on, but the task definition names no task role',
    service: 'backend-flask',
    cluster: 'cruddur',
    container: 'backend-flask',
    port: 4567,
    database: 'cruddur-db',
    hasLogs: true,
    fix: 'none',
  },
  {
    title: 'one service-specific role for execution and application, with parameters and secrets',
    service: 'node-aws-ecs',
    cluster: 'node-aws-ecs',
    container: 'node-aws-ecs',
    port: 3000,
    database: 'cruddur-db',
    hasLogs: true,
    fix: 'safe',
  },
];

const run = (...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' } });

/** Runs `work` with the local port of a forward, and ends the forward. */
async function forwarded<T>(args: readonly string[], work: (port: number) => Promise<T>): Promise<T> {
  const signals = new FakeSignals();
  let stderr = '';
  const ended = cli(['forward', ...args], {
    env: sandbox().env,
    signals,
    clock: systemClock,
    onStderr: (text) => {
      stderr = text;
    },
  });
  const port = (): number => Number(/listening on 127\.0\.0\.1:(\d+)/.exec(stderr)?.[1]);
  await Promise.race([
    until(() => port() > 0),
    ended.then((outcome) => {
      throw new Error(`forward ended: ${outcome.stderr}`);
    }),
  ]);
  try {
    return await work(port());
  } finally {
    signals.raise('SIGINT');
    await ended;
  }
}

const httpStatus = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

describe.each(STACKS)('$title', ({ service, cluster, container, database, port, hasLogs, fix }) => {
  const PLACE = ['--cluster', cluster] as const;
  const doctor = (...more: readonly string[]) => run('doctor', service, ...PLACE, ...more);

  it('is reported, fixed, entered, read, forwarded, and what was added is taken back', async () => {
    const report = await doctor('--json');
    expect(report.status).toBe(1);

    if (fix === 'safe') {
      const fixed = await doctor('--fix', '--redeploy', '--yes', '--json');
      const { fixed: made } = JSON.parse(fixed.stdout) as {
        readonly fixed: readonly { readonly kind: string }[];
      };
      expect(made.map(({ kind }) => kind)).toEqual(['attach-statement', 'deployment']);
    } else {
      const { findings } = JSON.parse(report.stdout) as {
        readonly findings: readonly { readonly changes: readonly (readonly Change[])[] }[];
      };
      const all = findings.flatMap(({ changes }) => changes[0] ?? []);
      const once = [...new Map(all.map((change) => [JSON.stringify(change), change])).values()];
      const rank = ({ kind }: Change): number =>
        ['register-task-definition', 'redeploy-service'].indexOf(kind);
      await applyChanges(
        once.toSorted((a, b) => rank(a) - rank(b)),
        sandbox().env,
      );
      expect(await doctor('--watch', '--deadline', '10m')).toMatchObject({ status: 0 });
    }
    // What is left are warnings: nothing blocks.
    expect((await doctor()).stdout).not.toContain('BLOCKED');

    const inside = await run('exec', service, ...PLACE, '--container', container, '--', 'echo', 'entered');
    expect([inside.status, inside.stdout]).toEqual([0, 'entered\n']);

    const logs = await run('logs', service, ...PLACE, '--container', container);
    expect([logs.status === 0, logs.stderr]).toEqual([hasLogs, logs.stderr]);

    expect(await forwarded([service, ...PLACE, '-L', `0:${port}`], httpStatus)).toBe(200);

    // A database of the stack's VPC, through its own task, with an IAM token.
    if (psql !== undefined) {
      const route = ['--via', 'task', '--service', service, '--container', container];
      const login = ['--iam', '--as', 'app', '--port', '0'];
      const client = [psql, '-Atc', 'SELECT count(*) FROM orders'];
      const query = await run('db', database, ...PLACE, ...route, ...login, '--', ...client);
      expect([query.status, query.stdout, query.stderr]).toEqual([0, '3\n', query.stderr]);
    }

    const undone = await doctor('--undo', '--yes');
    expect(undone.status).toBe(0);
    if (fix === 'safe') {
      expect(undone.stdout).toMatch(/^DELETED inline policy fargate-connect-/);
      expect((await doctor()).stdout).toContain('action-not-granted');
    }
  }, 240_000);
});

it('reaches the database of the VPC through a bastion, which leaves nothing behind', async () => {
  const before = sandbox().snapshot();
  const up = await run('up', '--cluster', 'example-app-cluster', '--db', 'orders-db', '--yes');
  expect([up.status, up.stderr]).toEqual([0, up.stderr]);
  expect(await run('doctor', '--db', 'orders-db', '--bastion')).toMatchObject({ status: 0 });
  await sandbox().warmUpDatabase('orders-db');
  const host = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
  const rows = await forwarded(['--via', 'bastion', '-L', `0:${host}:5432`], async (port) => {
    const client = await ordersDatabase(port);
    try {
      return (await client.query<{ count: string }>('SELECT count(*) FROM orders')).rows;
    } finally {
      await client.end();
    }
  });
  expect(rows).toEqual([{ count: '420' }]);
  expect(await run('down', '--yes', '--force')).toMatchObject({ status: 0 });
  expect(sandbox().snapshot()).toBe(before);
}, 300_000);

it('replaces the bastion of Terraform (seed 004): warned about, compared, used beside it, and left alone', async () => {
  const file = 'docs/worlds/terraform-bastion.yaml';
  const other = await startSandbox({ seed: loadWorld({ file, services: 0, tasks: 0 }) });
  const here = (...args: readonly string[]): Promise<CliOutcome> =>
    cli(args, { env: { ...other.env, PATH: process.env['PATH'] ?? '' }, clock: systemClock });
  try {
    const before = other.snapshot();
    const CLUSTER = ['--cluster', 'my-ecs-cluster'] as const;
    expect(await here('doctor', 'orders-api', ...CLUSTER)).toMatchObject({ status: 0, stdout: '' });
    const up = await here('up', ...CLUSTER, '--yes');
    expect([up.status, up.stderr]).toEqual([0, expect.stringContaining('another bastion, ec2-connect')]);
    expect(up.stderr).toContain('fargate-connect policy diff role/ec2-connect-role bastion');
    expect(await here('policy', 'diff', 'role/ec2-connect-role', 'bastion', ...CLUSTER)).toMatchObject({
      status: 1,
    });
    expect(await here('doctor', '--bastion')).toMatchObject({ status: 0, stdout: '' });
    // What `ecs_connect.sh SERVICE` did on the old bastion: through ours, and without one.
    const shell = await here('shell', '--', 'hostname');
    expect([shell.status, shell.stderr]).toEqual([0, shell.stderr]);
    expect(await here('exec', 'orders-api', ...CLUSTER, '--', 'echo', 'entered')).toMatchObject({
      status: 0,
      stdout: 'entered\n',
    });
    expect(await here('down', '--yes', '--force')).toMatchObject({ status: 0 });
    expect(other.snapshot()).toBe(before);
  } finally {
    await other.close();
  }
}, 240_000);
