import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { LIST_FIELDS, PLACE_FIELDS } from '../../../src/cli/list-fields.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli } from '../../support/cli-in-process.ts';

/** Two accounts, each a sandbox that its profile reaches by `endpoint_url`; a third profile has no credentials. */

let dev: Sandbox;
let prod: Sandbox;
let folder: string;
let env: Readonly<Record<string, string>>;

const endpointOf = (sandbox: Sandbox): string => sandbox.env['AWS_ENDPOINT_URL'] ?? '';

beforeAll(async () => {
  [dev, prod] = await Promise.all(
    ['dev-web', 'prod-web'].map((name) =>
      startSandbox({
        seed: seedOfWorld(
          'world.yaml',
          { clusters: [{ name: 'shop' }], services: [{ name, cluster: 'shop' }] },
          defaultSeed(),
        ),
      }),
    ) as [Promise<Sandbox>, Promise<Sandbox>],
  );
  folder = await mkdtemp(join(tmpdir(), 'several-accounts-'));
  const keys = (sandbox: Sandbox): string =>
    ['aws_access_key_id', 'aws_secret_access_key']
      .map((key) => `${key} = ${sandbox.env[key.toUpperCase()] ?? ''}`)
      .join('\n');
  const config = join(folder, 'config');
  await writeFile(
    config,
    `[profile dev]
region = eu-west-1
endpoint_url = ${endpointOf(dev)}
${keys(dev)}
[profile prod]
region = eu-west-1
services = prod
${keys(prod)}
[services prod]
ecs =
  endpoint_url = ${endpointOf(prod)}
sts =
  endpoint_url = ${endpointOf(prod)}
iam =
  endpoint_url = ${endpointOf(prod)}
ec2 =
  endpoint_url = ${endpointOf(prod)}
ssm =
  endpoint_url = ${endpointOf(prod)}
[profile gone]
region = eu-west-1
sso_session = gone
`,
  );
  env = { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials') };
  // The SDK's own loader of the endpoints reads the environment of the process.
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
}, 60_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([dev.close(), prod.close(), rm(folder, { recursive: true })]);
});

const names = (stdout: string): readonly unknown[] =>
  (JSON.parse(stdout) as readonly { readonly name: string; readonly profile: string }[]).map(
    ({ profile, name }) => [profile, name],
  );

it('ls lists the services of both accounts, each record with its place', async () => {
  const outcome = await cli(['ls', 'services', '--cluster', 'shop', '--profile', 'dev,prod', '--json'], {
    env,
  });
  expect(outcome.status, outcome.stderr).toBe(0);
  expect(names(outcome.stdout)).toEqual([
    ['dev', 'dev-web'],
    ['prod', 'prod-web'],
  ]);
  for (const record of JSON.parse(outcome.stdout) as readonly object[])
    expect(Object.keys(record)).toEqual([...PLACE_FIELDS, ...LIST_FIELDS.services]);
});

it('the table names profile, account and region, and they can filter and sort', async () => {
  const args = ['ls', 'services', '--cluster', 'shop', '--profile', 'dev,prod', '--sort', '-profile'];
  const outcome = await cli(args, { env });
  expect(outcome.stdout).toMatch(/^PROFILE +ACCOUNT +REGION +NAME/);
  expect(outcome.stdout.indexOf('prod-web')).toBeLessThan(outcome.stdout.indexOf('dev-web'));
  const filtered = await cli([...args, '--filter', 'profile=prod', '--json'], { env });
  expect(names(filtered.stdout)).toEqual([['prod', 'prod-web']]);
});

it('a sign-in that fails hides no other account, and is the error at the end, with its advice', async () => {
  const outcome = await cli(
    ['ls', 'services', '--cluster', 'shop', '--profile', 'gone,dev,missing', '--json'],
    { env },
  );
  expect(names(outcome.stdout)).toEqual([['dev', 'dev-web']]);
  expect(outcome.status).not.toBe(0);
  expect(outcome.stderr).toContain('not listed: services of profile gone');
  expect(outcome.stderr).toContain('not listed: services of profile missing');
});

it('status names the place of each bastion, and what could not be read', async () => {
  const up = await cli(['up', '--yes', '--profile', 'dev', '--cluster', 'demo', '--tunnel-only'], { env });
  expect(up.status, up.stderr).toBe(0);
  const outcome = await cli(['status', '--profile', 'dev,prod,missing', '--json'], { env });
  expect(JSON.parse(outcome.stdout)).toMatchObject({
    bastions: [{ profile: 'dev', region: 'eu-west-1', state: 'running' }],
    refused: [{ profile: 'missing', code: 'profile-not-found' }],
  });
  expect(outcome.stderr).toContain('profile-not-found');
  const table = await cli(['status', '--profile', 'dev,prod'], { env });
  expect(table.status, table.stderr).toBe(0);
  expect(table.stdout).toMatch(/^PROFILE +ACCOUNT +NAME +REGION/);
  const down = await cli(['down', '--yes', '--profile', 'dev'], { env });
  expect(down.status, down.stderr).toBe(0);
}, 120_000);

it.each([
  [['exec', 'web', '--profile', 'dev,prod', '--', 'id'], 'exec works with one profile'],
  [['up', '--region', 'eu-west-1,us-east-1'], 'up works with one region'],
  [['ls', 'services', '--cluster', 'shop', '--profile', 'dev,,prod'], 'has an empty name'],
  [['ls', 'events', 'web', '--profile', 'dev,prod'], 'is of one account and region'],
  [
    ['status', '--profile', 'dev', '--region', 'eu-west-1,us-east-1', '--all-regions'],
    '--all-regions and several regions exclude each other',
  ],
])('%j is refused before a call', async (args, message) => {
  const outcome = await cli(args, { env });
  expect(outcome.status).toBe(2);
  expect(outcome.stderr).toContain(message);
});
