import { beforeAll, describe, expect, it } from 'vitest';

import { openAwsAccount } from '../../../src/aws/open-account.ts';
import { findDatabase } from '../../../src/app/database/discovery.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Redshift with psql and OpenSearch with curl, found by their ids in the sandbox. */

const sandbox = testSandbox();
beforeAll(() => sandbox().warmUpDatabase('analytics'), 120_000);

const db = (...args: readonly string[]): Promise<CliOutcome> =>
  cli(['db', ...args, '--cluster', 'demo', '--service', 'orders-api', '--port', '0'], {
    env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
    clock: systemClock,
  });
const withClient = (id: string, flags: readonly string[], ...client: readonly string[]) =>
  cli(['db', id, '--cluster', 'demo', '--service', 'orders-api', '--port', '0', ...flags, '--', ...client], {
    env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
    clock: systemClock,
  });

describe('a cluster of Redshift', () => {
  const psql = onPath('psql');
  if (psql === undefined) reportSkip('db with Redshift', 'psql is not installed');

  it.skipIf(psql === undefined)(
    'answers psql over verified TLS, with the secret that Redshift keeps',
    async () => {
      const query = ['psql', '-wAtc', 'select count(*) from sales'];
      const { status, stdout, stderr } = await withClient('analytics', ['--secret'], ...query);
      expect([status, stdout.trim(), stderr]).toEqual([0, '90', stderr]);
      expect(stderr).toContain('analytics (redshift) on 127.0.0.1:');
    },
    60_000,
  );

  it('gets no parameter that Redshift does not know, and --read-only says so', async () => {
    const print = ['-e', 'console.log(process.env.PGOPTIONS, process.env.PGSSLMODE)'];
    const outcome = await withClient('analytics', ['--read-only'], process.execPath, ...print);
    expect([outcome.status, outcome.stdout]).toEqual([0, 'undefined verify-full\n']);
    expect(outcome.stderr).toContain('Redshift has no read-only sessions');
  });

  it('accepts no token, and the advice is another login', async () => {
    const { status, stderr } = await db('analytics', '--iam', '--as', 'x');
    expect([status, stderr]).toEqual([2, expect.stringContaining('temporary users of Redshift')]);
  });
});

describe('a domain of OpenSearch', () => {
  const curl = onPath('curl');
  if (curl === undefined) reportSkip('db with OpenSearch', 'curl is not installed');
  const SEARCH = ['--secret', 'demo/logs-search'];

  it.skipIf(curl === undefined)(
    'answers curl over verified TLS under its real name, with the login of a secret',
    async () => {
      const script = 'curl -sS "$OPENSEARCH_URL/_cat/indices"; tr "\\0" " " < /proc/self/cmdline; env';
      const { status, stdout, stderr } = await withClient('logs-search', SEARCH, 'sh', '-c', script);
      expect([status, stderr]).toEqual([0, stderr]);
      expect(stdout).toContain('green open logs-2026-11-30 5 1 912');
      expect(stdout).not.toContain('search-sandbox-only');
      expect(stderr).not.toContain('search-sandbox-only');
    },
    60_000,
  );

  it.skipIf(curl === undefined)(
    'refuses curl without the login, and curl is not led astray by a proxy',
    async () => {
      const args = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}'];
      const url = 'https://vpc-logs-search-c1x2y3z4abcdefghijklmnopqr.eu-west-1.es.amazonaws.com/';
      const outcome = await withClient(
        'logs-search',
        [],
        'env',
        'https_proxy=http://127.0.0.1:9',
        ...args,
        url,
      );
      expect([outcome.status, outcome.stdout]).toEqual([0, '401']);
    },
  );

  it('has an address to print, and no program is started by itself', async () => {
    const { status, stderr, stdout } = await withClient(
      'logs-search',
      SEARCH,
      'sh',
      '-c',
      'cat "$CURL_HOME/.curlrc"',
    );
    expect([status, stderr]).toEqual([0, stderr]);
    expect(stdout).toMatch(
      /^connect-to = "vpc-logs-search-\w+\.eu-west-1\.es\.amazonaws\.com:443:127\.0\.0\.1:\d+"\nnoproxy = "\*"\ncacert = ".+"\nuser = "search:search-sandbox-only"\n$/,
    );
  });
});

it('a workgroup of Redshift Serverless is found with the database, user and secret of its namespace', async () => {
  const seed = defaultSeed();
  const databases = seed.databases.flatMap((each) =>
    each.redshift === undefined ? [] : [{ ...each, id: 'adhoc', redshift: 'serverless' as const }],
  );
  const other = await startSandbox({ seed: { ...seed, databases, proxies: [] } });
  const account = await openAwsAccount(
    { profile: undefined, region: 'eu-west-1', endpointUrl: other.endpoint },
    other.env,
  );
  const { database } = await findDatabase('adhoc', account);
  await other.close();
  expect(database).toMatchObject({
    service: 'redshift-serverless',
    kind: 'serverless',
    arn: expect.stringContaining(':workgroup/') as string,
    databaseName: 'dev',
    masterUsername: 'awsuser',
    secretArn: expect.stringContaining('secret:redshift!analytics') as string,
    endpoints: [{ role: 'writer', port: 5439 }],
    status: 'available',
  });
});
