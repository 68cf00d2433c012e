import { describe, expect, it } from 'vitest';

import type { AwsAccount } from '../../../src/aws/account.ts';
import { openAwsAccount } from '../../../src/aws/open-account.ts';
import { discoverDatabases, findDatabase } from '../../../src/app/database/discovery.ts';
import { ToolError } from '../../../src/core/errors.ts';
import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

const sandbox = testSandbox();

const open = (env: Readonly<Record<string, string>> = sandbox().env): Promise<AwsAccount> =>
  openAwsAccount({ profile: undefined, region: 'eu-west-1', endpointUrl: sandbox().endpoint }, env);

const allowing = (...actions: readonly string[]): Readonly<Record<string, string>> =>
  sandbox().createPrincipal({
    userName: `lister-${actions.join('-').replaceAll(/[^A-Za-z]+/g, '')}`,
    policies: [{ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] }],
  });

describe('discovery', () => {
  it('lists every kind of database with its endpoints', async () => {
    const { databases, gaps } = await discoverDatabases(await open());
    expect(gaps).toEqual([]);
    const shown = databases.map(({ id, service, kind, endpoints }) => [
      service,
      kind,
      id,
      endpoints.map(({ role, id: own }) => (own === undefined ? role : `${role} ${own}`)).join(', '),
    ]);
    expect(shown).toEqual([
      ['rds', 'instance', 'billing-db', 'instance'],
      [
        'rds',
        'cluster',
        'catalog-db',
        'writer, reader, custom catalog-reports, instance catalog-db-writer, instance catalog-db-reader-1',
      ],
      ['rds', 'instance', 'orders-db', 'instance'],
      ['rds-proxy', 'proxy', 'orders-proxy', 'proxy, reader orders-proxy-read'],
      [
        'elasticache',
        'replication-group',
        'sessions-cache',
        'writer, reader, node sessions-cache-001, node sessions-cache-002',
      ],
      ['memorydb', 'cluster', 'flags', 'configuration, node flags-0001-001'],
      ['redshift', 'cluster', 'analytics', 'writer'],
      ['opensearch', 'domain', 'logs-search', 'writer'],
    ]);
  });

  it('reads what a login needs', async () => {
    const account = await open();
    const { database } = await findDatabase('catalog-db', account);
    expect(database.secretArn).toMatch(/:secret:rds!cluster-/);
    expect(database.resourceId).toMatch(/^cluster-/);
    expect((await findDatabase('orders-proxy', account)).database.resourceId).toMatch(/^prx-0/);
  });

  it('shows the other kinds when IAM denies one, and says which', async () => {
    const env = allowing('rds:*', 'memorydb:*', 'redshift:*', 'redshift-serverless:*', 'es:*');
    const { databases, gaps } = await discoverDatabases(await open(env));
    expect(databases.map(({ service }) => service)).toContain('memorydb');
    expect(gaps.map(({ kind, error }) => [kind, error.code])).toEqual([['elastiCaches', 'access-denied']]);
    const outcome = await cli(['ls', 'databases', '--json'], { env });
    expect(outcome.status).toBe(4);
    expect((JSON.parse(outcome.stdout) as readonly { id: string }[]).map(({ id }) => id)).toContain('flags');
    expect(outcome.stderr).toContain('not listed: caches of ElastiCache');
    expect(outcome.stderr).toContain('elasticache:Describe');
  });

  it('throws the refusal when IAM denies all kinds', async () => {
    await expect(discoverDatabases(await open(allowing('ecs:*')))).rejects.toMatchObject({
      code: 'access-denied',
    });
  });
});

describe('findDatabase', () => {
  it.each([
    ['orders-db', false, 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['ORDERS-DB', false, 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['catalog-db', false, 'catalog-db.cluster-c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['catalog-db', true, 'catalog-db.cluster-ro-c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['catalog-reports', false, 'catalog-reports.cluster-custom-c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['catalog-db-reader-1', true, 'catalog-db-reader-1.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['orders-proxy', true, 'orders-proxy-read.endpoint.proxy-c1x2y3z4abcd.eu-west-1.rds.amazonaws.com'],
    ['sessions-cache', true, 'replica.sessions-cache.a1b2c3.euw1.cache.amazonaws.com'],
    ['flags', false, 'clustercfg.flags.a1b2c3.memorydb.eu-west-1.amazonaws.com'],
    [
      'arn:aws:rds:eu-west-1:111122223333:db:billing-db',
      false,
      'billing-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com',
    ],
  ])('%s, read-only %s, is %s', async (id, readOnly, host) => {
    const { endpoint } = await findDatabase(id, await open(), { readOnly });
    expect(endpoint.host).toBe(host);
  });

  it('asks RDS alone for a database that RDS has', async () => {
    const account = await open();
    const before = sandbox().calls.length;
    await findDatabase('orders-db', account);
    const actions = sandbox()
      .calls.slice(before)
      .map(({ action }) => action);
    expect(actions.toSorted()).toEqual(['DescribeDBClusters', 'DescribeDBInstances']);
  });

  it('names the nearest id', async () => {
    const error: unknown = await findDatabase('order-db', await open()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ToolError);
    expect(error).toMatchObject({ code: 'database-not-found', details: { near: ['orders-db'] } });
  });

  it('does not say that a database is missing when a kind could not be listed', async () => {
    const account = await open(allowing('rds:*'));
    await expect(findDatabase('flags', account)).rejects.toMatchObject({ code: 'access-denied' });
    expect((await findDatabase('orders-db', account)).endpoint.port).toBe(5432);
  });
});
