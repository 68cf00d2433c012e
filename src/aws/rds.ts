import {
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyEndpointsCommand,
  RDSClient,
  type DBCluster,
  type DBInstance,
  type DBProxy,
  type DBProxyEndpoint,
} from '@aws-sdk/client-rds';

import type { Database, DatabaseEndpoint } from '../connect/ports.ts';
import type { DatabasesPort } from '../connect/ports/databases.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { eachPage } from './pages.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

const RECORDS_PER_PAGE = 100;

/**
 * RDS, Aurora and DocumentDB, and RDS Proxy. The API also lists Neptune, whose clients are not covered, and which is
 * left out (docs/reference/api-limits.md §4).
 */
export function createRdsDatabases(config: ClientConfig): Pick<DatabasesPort, 'databases' | 'proxies'> {
  const client = limitConcurrency(withProfileEndpoints(new RDSClient(config), config));

  return {
    async databases(onPage = () => undefined) {
      const instances: DBInstance[] = [];
      const clusters: DBCluster[] = [];
      const known = (): readonly Database[] => toDatabases(instances, clusters);
      await Promise.all([
        eachPage('rds:DescribeDBInstances', async (marker) => {
          const page = await client.send(
            new DescribeDBInstancesCommand({ MaxRecords: RECORDS_PER_PAGE, Marker: marker }),
          );
          instances.push(...(page.DBInstances ?? []));
          onPage(known());
          return page.Marker;
        }),
        eachPage('rds:DescribeDBClusters', async (marker) => {
          const page = await client.send(
            new DescribeDBClustersCommand({ MaxRecords: RECORDS_PER_PAGE, Marker: marker }),
          );
          clusters.push(...(page.DBClusters ?? []));
          onPage(known());
          return page.Marker;
        }),
      ]);
      return known();
    },
    async proxies() {
      const found: DBProxy[] = [];
      const endpoints: DBProxyEndpoint[] = [];
      await Promise.all([
        eachPage('rds:DescribeDBProxies', async (marker) => {
          const page = await client.send(
            new DescribeDBProxiesCommand({ MaxRecords: RECORDS_PER_PAGE, Marker: marker }),
          );
          found.push(...(page.DBProxies ?? []));
          return page.Marker;
        }),
        eachPage('rds:DescribeDBProxyEndpoints', async (marker) => {
          const page = await client.send(
            new DescribeDBProxyEndpointsCommand({ MaxRecords: RECORDS_PER_PAGE, Marker: marker }),
          );
          endpoints.push(...(page.DBProxyEndpoints ?? []));
          return page.Marker;
        }),
      ]);
      return found
        .map((proxy) =>
          proxyToDatabase(
            proxy,
            endpoints.filter((endpoint) => endpoint.DBProxyName === proxy.DBProxyName),
          ),
        )
        .toSorted((a, b) => a.id.localeCompare(b.id));
    },
  };
}

/** The members of a cluster are endpoints of that cluster, and not databases of their own. */
const toDatabases = (instances: readonly DBInstance[], clusters: readonly DBCluster[]): readonly Database[] =>
  [
    ...clusters
      .filter((cluster) => isCovered(cluster.Engine))
      .map((cluster) =>
        clusterToDatabase(
          cluster,
          instances.filter((each) => each.DBClusterIdentifier === cluster.DBClusterIdentifier),
        ),
      ),
    ...instances
      .filter((instance) => isCovered(instance.Engine) && !instance.DBClusterIdentifier)
      .map(instanceToDatabase),
  ].toSorted((a, b) => a.id.localeCompare(b.id));

const isCovered = (engine: string | undefined): boolean =>
  engine !== undefined && !engine.startsWith('neptune');

function clusterToDatabase(cluster: DBCluster, members: readonly DBInstance[]): Database {
  const port = cluster.Port ?? 0;
  const at = (
    role: DatabaseEndpoint['role'],
    host: string | undefined,
    id?: string,
  ): readonly DatabaseEndpoint[] => (host === undefined || host === '' ? [] : [{ role, id, host, port }]);
  const engine = cluster.Engine ?? 'unknown';
  return {
    id: cluster.DBClusterIdentifier ?? '',
    arn: cluster.DBClusterArn ?? '',
    service: engine.startsWith('docdb') ? 'documentdb' : 'rds',
    kind: 'cluster',
    engine,
    status: cluster.Status ?? 'unknown',
    endpoints: [
      ...at('writer', cluster.Endpoint),
      ...at('reader', cluster.ReaderEndpoint),
      // The first label of a custom endpoint's host name is its identifier.
      ...(cluster.CustomEndpoints ?? []).flatMap((host) => at('custom', host, host.split('.')[0])),
      ...members.flatMap((member) => instanceEndpoints(member, member.DBInstanceIdentifier)),
    ],
    databaseName: cluster.DatabaseName,
    masterUsername: cluster.MasterUsername,
    // Only the subnet group of a member names the VPC.
    vpcId: members[0]?.DBSubnetGroup?.VpcId,
    securityGroups: groupIds(cluster.VpcSecurityGroups),
    iamAuthentication: cluster.IAMDatabaseAuthenticationEnabled ?? false,
    publiclyAccessible:
      cluster.PubliclyAccessible ?? members.some((each) => each.PubliclyAccessible === true),
    ipv6: cluster.NetworkType === 'DUAL',
    tls: 'offered',
    resourceId: cluster.DbClusterResourceId,
    secretArn: cluster.MasterUserSecret?.SecretArn,
    isSharded: false,
  };
}

function instanceToDatabase(instance: DBInstance): Database {
  const engine = instance.Engine ?? 'unknown';
  return {
    id: instance.DBInstanceIdentifier ?? '',
    arn: instance.DBInstanceArn ?? '',
    service: engine.startsWith('docdb') ? 'documentdb' : 'rds',
    kind: 'instance',
    engine,
    status: instance.DBInstanceStatus ?? 'unknown',
    endpoints: instanceEndpoints(instance, undefined),
    databaseName: instance.DBName,
    masterUsername: instance.MasterUsername,
    vpcId: instance.DBSubnetGroup?.VpcId,
    securityGroups: groupIds(instance.VpcSecurityGroups),
    iamAuthentication: instance.IAMDatabaseAuthenticationEnabled ?? false,
    publiclyAccessible: instance.PubliclyAccessible ?? false,
    ipv6: instance.NetworkType === 'DUAL',
    tls: 'offered',
    resourceId: instance.DbiResourceId,
    secretArn: instance.MasterUserSecret?.SecretArn,
    isSharded: false,
  };
}

/** Empty while the instance is being created, because it has no address yet. */
const instanceEndpoints = (instance: DBInstance, id: string | undefined): readonly DatabaseEndpoint[] =>
  instance.Endpoint?.Address === undefined
    ? []
    : [{ role: 'instance', id, host: instance.Endpoint.Address, port: instance.Endpoint.Port ?? 0 }];

/** A proxy listens on the usual port of its engine family; its description names none. */
const PROXY_PORTS: Readonly<Record<string, { readonly engine: string; readonly port: number }>> = {
  POSTGRESQL: { engine: 'postgres', port: 5432 },
  MYSQL: { engine: 'mysql', port: 3306 },
  SQLSERVER: { engine: 'sqlserver', port: 1433 },
};

function proxyToDatabase(proxy: DBProxy, endpoints: readonly DBProxyEndpoint[]): Database {
  const { engine, port } = PROXY_PORTS[proxy.EngineFamily ?? ''] ?? { engine: 'unknown', port: 0 };
  const at = (
    role: DatabaseEndpoint['role'],
    host: string | undefined,
    id?: string,
  ): readonly DatabaseEndpoint[] => (host === undefined ? [] : [{ role, id, host, port }]);
  const arn = proxy.DBProxyArn ?? '';
  return {
    id: proxy.DBProxyName ?? '',
    arn,
    service: 'rds-proxy',
    kind: 'proxy',
    engine,
    status: proxy.Status ?? 'unknown',
    endpoints: [
      ...at('proxy', proxy.Endpoint),
      ...endpoints
        .filter((endpoint) => endpoint.IsDefault !== true)
        .flatMap((endpoint) =>
          at(
            endpoint.TargetRole === 'READ_ONLY' ? 'reader' : 'custom',
            endpoint.Endpoint,
            endpoint.DBProxyEndpointName,
          ),
        ),
    ],
    databaseName: undefined,
    masterUsername: undefined,
    vpcId: proxy.VpcId,
    securityGroups: proxy.VpcSecurityGroupIds ?? [],
    iamAuthentication: (proxy.Auth ?? []).some(
      ({ IAMAuth }) => IAMAuth !== undefined && IAMAuth !== 'DISABLED',
    ),
    publiclyAccessible: false,
    ipv6: false,
    tls: proxy.RequireTLS === true ? 'required' : 'offered',
    resourceId: arn.split(':').at(-1),
    secretArn: proxy.Auth?.find(({ SecretArn }) => SecretArn !== undefined)?.SecretArn,
    isSharded: false,
  };
}

const groupIds = (
  groups: readonly { readonly VpcSecurityGroupId?: string | undefined }[] | undefined,
): readonly string[] =>
  (groups ?? []).flatMap((group) =>
    group.VpcSecurityGroupId === undefined ? [] : [group.VpcSecurityGroupId],
  );
