import { expect, it } from 'vitest';

import { LIST_FIELDS } from '../../../src/cli/list-fields.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { cli } from '../../support/cli-in-process.ts';

const sandbox = testSandbox();

it.each(Object.entries(LIST_FIELDS))('ls %s --json has the documented fields', async (kind, fields) => {
  const outcome = await cli(['ls', kind, '--cluster', 'demo', '--json'], { env: sandbox().env });
  const records = JSON.parse(outcome.stdout) as readonly object[];
  expect(records).not.toHaveLength(0);
  for (const record of records) expect(Object.keys(record)).toEqual(fields);
});

it.each([
  ['databases', /^catalog-db-reader-1 {2}instance /m],
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

it('sorts, filters and selects fields', async () => {
  const args = ['ls', 'services', '--cluster', 'demo', '--filter', 'execEnabled=true', '--sort', '-name'];
  const outcome = await cli([...args, '--columns', 'name,running', '--json'], { env: sandbox().env });
  const records = JSON.parse(outcome.stdout) as readonly { readonly name: string }[];
  const names = records.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(1);
  expect(names).toEqual(names.toSorted().toReversed());
  expect(Object.keys(records[0] ?? {})).toEqual(['name', 'running']);
  const table = await cli([...args, '--columns', 'running,name'], { env: sandbox().env });
  expect(table.stdout).toMatch(/^RUNNING {2}NAME\n/);
});

it.each([
  ['--sort', 'runing', 'did you mean running?'],
  ['--filter', 'nam=x', 'did you mean name?'],
  ['--columns', 'name,statu', 'did you mean status?'],
])('%s %s: the field does not exist, and the nearest one is named', async (flag, value, hint) => {
  const outcome = await cli(['ls', 'services', flag, value], { env: sandbox().env });
  expect(outcome.status).toBe(2);
  expect(outcome.stderr).toContain(hint);
});

it('--watch lists again until Ctrl-C', async () => {
  const signals = new FakeSignals();
  const outcome = await cli(['ls', 'clusters', '--watch', '1', '--columns', 'name'], {
    env: sandbox().env,
    signals,
    onStdout: (text) => {
      if (text.split('NAME').length === 4) signals.raise('SIGINT');
    },
  });
  expect(outcome.status).toBe(130);
  expect(outcome.stdout.split('NAME')).toHaveLength(4);
});

it('status --watch looks again until Ctrl-C', async () => {
  const signals = new FakeSignals();
  let rounds = 0;
  const outcome = await cli(['status', '--watch', '1', '--json'], {
    env: sandbox().env,
    signals,
    onStdout: (text) => {
      rounds = text.split('"bastions"').length - 1;
      if (rounds === 2) signals.raise('SIGINT');
    },
  });
  expect([outcome.status, rounds]).toEqual([130, 2]);
});
