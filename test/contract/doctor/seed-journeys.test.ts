import { get } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/diagnose/change.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { applyChanges } from '../../support/apply-changes.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { ordersDatabase } from '../../support/orders-database.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * Four stacks as real accounts have them, from the first report to the end: `doctor` says what is wrong, the fix is
 * made, then come a command in the container, its logs, a forward to its port, a database, and what was added is taken
 * back.
 */

const sandbox = testSandbox();

interface Stack {
  readonly title: string;
  readonly service: string;
  readonly cluster: string;
  readonly container: string;
  readonly port: number;
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
    hasLogs: false,
    fix: 'safe',
  },
  {
    title: 'nginx behind NAT and a load balancer, task role without a policy, exec off',
    service: 'example-app-api',
    cluster: 'example-app-cluster',
    container: 'example-app-api',
    port: 80,
    hasLogs: true,
    fix: 'safe',
  },
  {
    title: 'exec on, but the task definition names no task role',
    service: 'backend-flask',
    cluster: 'cruddur',
    container: 'backend-flask',
    port: 4567,
    hasLogs: true,
    fix: 'none',
  },
  {
    title: 'one service-specific role for execution and application, with parameters and secrets',
    service: 'node-aws-ecs',
    cluster: 'node-aws-ecs',
    container: 'node-aws-ecs',
    port: 3000,
    hasLogs: true,
    fix: 'safe',
  },
];

const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

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

describe.each(STACKS)('$title', ({ service, cluster, container, port, hasLogs, fix }) => {
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
