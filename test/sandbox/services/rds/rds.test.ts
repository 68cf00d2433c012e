import {
  DescribeDBClusterEndpointsCommand,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyEndpointsCommand,
  DescribeDBProxyTargetsCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { expect, test } from 'vitest';
import { errorName } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';

const sandbox = testSandbox();
const rds = (): RDSClient => new RDSClient(clientConfig(sandbox().env));
const ZONE = 'c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';

test('an Aurora cluster has a writer, readers, custom endpoints and a secret of its master user', async () => {
  const { DBClusters } = await rds().send(new DescribeDBClustersCommand({}));
  expect(DBClusters).toMatchObject([
    {
      DBClusterIdentifier: 'catalog-db',
      Endpoint: `catalog-db.cluster-${ZONE}`,
      ReaderEndpoint: `catalog-db.cluster-ro-${ZONE}`,
      CustomEndpoints: [`catalog-reports.cluster-custom-${ZONE}`],
      DBClusterMembers: [
        { DBInstanceIdentifier: 'catalog-db-writer', IsClusterWriter: true },
        { DBInstanceIdentifier: 'catalog-db-reader-1', IsClusterWriter: false },
      ],
      MasterUserSecret: { SecretArn: expect.stringContaining(':secret:rds!cluster-') },
    },
  ]);
  const filter = { Filters: [{ Name: 'db-cluster-id', Values: ['catalog-db'] }] };
  const { DBInstances } = await rds().send(new DescribeDBInstancesCommand(filter));
  expect(DBInstances?.map(({ Endpoint }) => Endpoint?.Address)).toEqual([
    `catalog-db-writer.${ZONE}`,
    `catalog-db-reader-1.${ZONE}`,
  ]);
  const custom = { Filters: [{ Name: 'db-cluster-endpoint-type', Values: ['custom'] }] };
  const { DBClusterEndpoints } = await rds().send(new DescribeDBClusterEndpointsCommand(custom));
  expect(DBClusterEndpoints).toMatchObject([
    { DBClusterEndpointIdentifier: 'catalog-reports', StaticMembers: ['catalog-db-reader-1'] },
  ]);
});

test('a proxy has endpoints and targets', async () => {
  const { DBProxies } = await rds().send(new DescribeDBProxiesCommand({}));
  expect(DBProxies).toMatchObject([
    {
      DBProxyName: 'orders-proxy',
      Endpoint: `orders-proxy.proxy-${ZONE}`,
      Auth: [{ AuthScheme: 'SECRETS' }],
    },
  ]);
  const { DBProxyEndpoints } = await rds().send(
    new DescribeDBProxyEndpointsCommand({ DBProxyName: 'orders-proxy' }),
  );
  expect(DBProxyEndpoints).toMatchObject([
    { DBProxyEndpointName: 'orders-proxy-read', TargetRole: 'READ_ONLY' },
  ]);
  const { Targets } = await rds().send(new DescribeDBProxyTargetsCommand({ DBProxyName: 'orders-proxy' }));
  expect(Targets).toMatchObject([{ RdsResourceId: 'orders-db', TargetHealth: { State: 'AVAILABLE' } }]);
  expect(await errorName(rds().send(new DescribeDBProxiesCommand({ DBProxyName: 'none' })))).toBe(
    'DBProxyNotFoundFault',
  );
});

test('IAM checks proxies and target groups by the ids in their ARNs', async () => {
  const { DBProxies } = await rds().send(new DescribeDBProxiesCommand({}));
  const reader = (Resource: readonly string[]) =>
    new RDSClient(
      clientConfig(
        sandbox().createPrincipal({
          userName: 'reader',
          policies: [
            {
              Version: '2012-10-17',
              Statement: [{ Effect: 'Allow', Action: 'rds:DescribeDBProxyTargets', Resource }],
            },
          ],
        }),
      ),
    );
  const call = (Resource: readonly string[]) =>
    errorName(reader(Resource).send(new DescribeDBProxyTargetsCommand({ DBProxyName: 'orders-proxy' })));
  const proxy = DBProxies?.[0]?.DBProxyArn ?? '';
  expect(proxy).toMatch(/:db-proxy:prx-0[0-9a-f]{16}$/);
  expect(await call([proxy])).toBe('AccessDenied');
  expect(await call([proxy, 'arn:aws:rds:*:*:target-group:*'])).toBe('resolved');
});
