import { expect, it } from 'vitest';

import { testSandbox } from '../../support/test-sandbox.ts';
import { cli } from '../../support/cli-in-process.ts';

/** Field names of each kind, in order, because programs rely on them. */
const FIELDS = {
  clusters: ['name', 'arn', 'status', 'activeServices', 'runningTasks'],
  services: [
    'name',
    'arn',
    'cluster',
    'status',
    'desired',
    'running',
    'pending',
    'launchType',
    'execEnabled',
    'taskDefinition',
    'createdAt',
  ],
  tasks: [
    'id',
    'arn',
    'cluster',
    'service',
    'status',
    'health',
    'execEnabled',
    'execReady',
    'taskDefinition',
    'privateIp',
    'startedAt',
    'containers',
    'waitsFor',
  ],
  containers: [
    'name',
    'task',
    'cluster',
    'service',
    'image',
    'status',
    'health',
    'runtimeId',
    'execAgent',
    'execReady',
    'target',
  ],
  databases: [
    'id',
    'kind',
    'engine',
    'status',
    'host',
    'port',
    'databaseName',
    'masterUsername',
    'vpcId',
    'iamAuthentication',
    'publiclyAccessible',
    'endpoints',
  ],
};

const sandbox = testSandbox();

it.each(Object.entries(FIELDS))('ls %s --json has the documented fields', async (kind, fields) => {
  const outcome = await cli(['ls', kind, '--cluster', 'demo', '--json'], { env: sandbox().env });
  const records = JSON.parse(outcome.stdout) as readonly object[];
  expect(records).not.toHaveLength(0);
  for (const record of records) expect(Object.keys(record)).toEqual(fields);
});

it.each([
  ['databases', / orders-db\.c1x2y3z4abcd\.eu-west-1\.rds\.amazonaws\.com /],
  ['tasks', /^3c4d5e6f708192a3b4c5d6e7f8091a2b {2}billing-worker /m],
])('ls %s shows the most important column completely on a terminal of 80 columns', async (kind, whole) => {
  const tty = { stdout: true, columns: 80 };
  const args = ['ls', kind, '--cluster', 'demo', '--no-color'];
  const { stdout } = await cli(args, { env: sandbox().env, tty });
  expect(stdout).toMatch(whole);
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
});

it.each(['ls services', 'ls tasks', 'up --dry-run', 'connect'])(
  '%s in a cluster that does not exist names the nearest one',
  async (command) => {
    const outcome = await cli([...command.split(' '), '--cluster', 'dem'], { env: sandbox().env });
    expect(outcome.status).toBe(3);
    expect(outcome.stderr).toContain('did you mean demo?');
  },
);
