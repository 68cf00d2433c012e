import { afterEach, expect, it } from 'vitest';

import { GROUP } from '../../../src/sandbox/world/seed-network.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { databaseStandIns } from './database-stand-ins.ts';

/** Databases that admit a bastion by a security group that it has, and the messages about those that do not. */

const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
const greetingOf = databaseStandIns(sandbox, defaultSeed().databases);
const CARRIED = ['--client-security-group', GROUP.dbClients] as const;
const UP = ['up', '--cluster', 'demo', '--db', 'billing-db'] as const;

afterEach(() => run('down', '--all', '--yes', '--force'));

interface Warning {
  readonly code: string;
  readonly message: string;
}
const warningsOf = (dry: CliOutcome): readonly Warning[] =>
  (JSON.parse(dry.stdout) as { readonly warnings: readonly Warning[] }).warnings;

it('with a group that the database admits, the group of the database gets no new rule, and a forward works', async () => {
  const before = sandbox().snapshot();
  const dry = await run(...UP, ...CARRIED, '--dry-run', '--json');
  expect(warningsOf(dry)).toEqual([]);
  expect((JSON.parse(dry.stdout) as { plan: unknown[] }).plan).toContainEqual(
    expect.objectContaining({
      action: 'keep',
      kind: 'database-rule',
      reason: `billing-db admits ${GROUP.dbClients}, which the bastion has`,
    }),
  );
  const seen = sandbox().calls.length;
  expect((await run(...UP, ...CARRIED, '--yes')).status).toBe(0);
  expect(
    sandbox()
      .calls.slice(seen)
      .map((call) => call.action),
  ).not.toContain('AuthorizeSecurityGroupIngress');
  expect(await greetingOf('billing-db')).toBe('billing-db');
  expect((await run('down', '--yes')).status).toBe(0);
  expect(sandbox().snapshot()).toBe(before);
});

it('a database that does not admit the group: up warns before it asks, and names both flags that change this', async () => {
  expect(warningsOf(await run(...UP, '--dry-run', '--json'))).toEqual([
    {
      code: 'database-closed',
      message: 'billing-db does not admit port 5432 from any group or range of this bastion',
      details: expect.objectContaining({ database: 'billing-db', port: 5432 }) as unknown,
      hints: expect.arrayContaining([
        expect.stringMatching(/^the same command with --allow-db billing-db /),
        `or the same command with --client-security-group ${GROUP.dbClients}`,
      ]) as unknown,
    },
  ]);
  expect((await run(...UP, '--dry-run')).stdout).toMatch(
    /\nWarnings\n {2}billing-db does not admit port 5432 from.*\n {4}the same command with --allow-db billing-db/,
  );
  const up = await run(...UP, '--yes', '--no-wait');
  expect([up.status, up.stderr]).toEqual([
    0,
    expect.stringContaining('the same command with --allow-db billing-db'),
  ]);
});

it('a group that does not exist is refused before anything is created', async () => {
  const before = sandbox().snapshot();
  const up = await run('up', '--cluster', 'demo', '--yes', '--json', '--client-security-group', 'sg-404');
  expect([up.status, up.stderr]).toEqual([3, expect.stringContaining('"code":"security-group-not-found"')]);
  expect(sandbox().snapshot()).toBe(before);
});

it('a running bastion that does not have the group is refused', async () => {
  await run('up', '--cluster', 'demo', '--yes', '--no-wait');
  const up = await run('up', '--cluster', 'demo', '--yes', ...CARRIED);
  expect([up.status, up.stderr]).toEqual([
    2,
    expect.stringContaining(`bastion default was made without ${GROUP.dbClients}`),
  ]);
});
