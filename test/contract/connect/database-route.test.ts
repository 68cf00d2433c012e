import { ECSClient, UpdateClusterCommand } from '@aws-sdk/client-ecs';
import { afterAll, expect, it } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** What `db --via auto` reads from the account and decides, in one sandbox that changes from test to test. */

const sandbox = testSandbox();
const env = (): Readonly<Record<string, string>> => ({ ...sandbox().env, PATH: process.env['PATH'] ?? '' });
afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: env() }));

/** Ends as soon as the database is open. */
const db = async (...args: readonly string[]): Promise<string> => {
  const command = ['db', ...args, '--cluster', 'demo', '--no-tls', '--port', '0', '--', 'true'];
  const { status, stderr }: CliOutcome = await cli(command, { env: env(), clock: systemClock });
  return [
    `exit ${status}`,
    ...stderr.split('\n').filter((line) => /^using (a task|the bastion)|leads to/.test(line)),
  ].join('\n');
};

it('a task of the named service, if it reaches the database', async () => {
  expect(await db('orders-db', '--service', 'orders-api')).toBe(
    'exit 0\nusing a task: orders-api reaches the database, and no bastion runs',
  );
});

it('a task of the first service that reaches the database, if no service is named', async () => {
  expect(await db('orders-db')).toMatch(
    /^exit 0\nusing a task: \S+ reaches the database, and no bastion runs$/,
  );
});

it('nothing, if the named service does not reach the database and no bastion runs', async () => {
  const said = await db('billing-db', '--service', 'orders-api');
  expect(said).toMatch(/^exit 1\n/);
  expect(said).toContain('the security groups do not let orders-api reach the database; no bastion runs');
});

it('with a bastion that reaches the database: the bastion, or a task if its service is named', async () => {
  const up = await cli(['up', '--cluster', 'demo', '--db', 'orders-db', '--yes'], { env: env() });
  expect([up.status, up.stderr]).toEqual([0, up.stderr]);
  expect(await db('orders-db')).toBe('exit 0\nusing the bastion: bastion default reaches the database');
  expect(await db('orders-db', '--service', 'orders-api')).toBe(
    'exit 0\nusing a task: orders-api reaches the database',
  );
  expect(await db('orders-db', '--service', 'orders-api', '--name', 'default')).toBe(
    'exit 0\nusing the bastion: bastion default is named',
  );
}, 60_000);

it('the bastion, if the cluster records the sessions of ECS Exec', async () => {
  await new ECSClient(sandboxClients(sandbox().env).config).send(
    new UpdateClusterCommand({
      cluster: 'demo',
      configuration: {
        executeCommandConfiguration: {
          logging: 'OVERRIDE',
          logConfiguration: { cloudWatchLogGroupName: '/ecs/exec' },
        },
      },
    }),
  );
  expect(await db('orders-db', '--service', 'orders-api')).toBe(
    'exit 0\nusing the bastion: the cluster demands that sessions in tasks are logged, and a forward is not',
  );
});
