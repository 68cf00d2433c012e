import {
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  RDSClient,
  type DBCluster,
  type DBInstance,
} from '@aws-sdk/client-rds';

import type { Database, DatabasesPort } from '../connect/ports.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { mapped } from './errors.ts';

const RECORDS_PER_PAGE = 100;

/**
 * RDS and Aurora. The same API also lists Neptune and DocumentDB, which are left out (docs/reference/api-limits.md §4).
 */
export function createDatabasesPort(config: ClientConfig): DatabasesPort {
  const client = limitConcurrency(new RDSClient(config));

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
  };
}

/** Reads page after page; `read` returns the marker of the next page, or nothing after the last one. */
async function eachPage(
  action: string,
  read: (marker: string | undefined) => Promise<string | undefined>,
): Promise<void> {
  let marker: string | undefined;
  do {
    const from = marker;
    marker = await mapped(action, () => read(from));
  } while (marker);
}

/** The members of a cluster are endpoints of that cluster, and not databases of their own. */
const toDatabases = (instances: readonly DBInstance[], clusters: readonly DBCluster[]): readonly Database[] =>
  [
    ...clusters
      .filter((cluster) => isSql(cluster.Engine))
      .map((cluster) =>
        clusterToDatabase(
          cluster,
          instances.filter((each) => each.DBClusterIdentifier === cluster.DBClusterIdentifier),
        ),
      ),
    ...instances
      .filter((instance) => isSql(instance.Engine) && !instance.DBClusterIdentifier)
      .map(instanceToDatabase),
  ].toSorted((a, b) => a.id.localeCompare(b.id));

const isSql = (engine: string | undefined): boolean =>
  engine !== undefined && !engine.startsWith('neptune') && !engine.startsWith('docdb');

type Endpoint = Database['endpoints'][number];

function clusterToDatabase(cluster: DBCluster, members: readonly DBInstance[]): Database {
  const port = cluster.Port ?? 0;
  const at = (role: Endpoint['role'], host: string | undefined): readonly Endpoint[] =>
    host === undefined || host === '' ? [] : [{ role, host, port }];
  return {
    id: cluster.DBClusterIdentifier ?? '',
    kind: 'cluster',
    engine: cluster.Engine ?? 'unknown',
    status: cluster.Status ?? 'unknown',
    endpoints: [
      ...at('writer', cluster.Endpoint),
      ...at('reader', cluster.ReaderEndpoint),
      ...(cluster.CustomEndpoints ?? []).flatMap((host) => at('custom', host)),
      ...members.flatMap(instanceEndpoints),
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
  };
}

function instanceToDatabase(instance: DBInstance): Database {
  return {
    id: instance.DBInstanceIdentifier ?? '',
    kind: 'instance',
    engine: instance.Engine ?? 'unknown',
    status: instance.DBInstanceStatus ?? 'unknown',
    endpoints: instanceEndpoints(instance),
    databaseName: instance.DBName,
    masterUsername: instance.MasterUsername,
    vpcId: instance.DBSubnetGroup?.VpcId,
    securityGroups: groupIds(instance.VpcSecurityGroups),
    iamAuthentication: instance.IAMDatabaseAuthenticationEnabled ?? false,
    publiclyAccessible: instance.PubliclyAccessible ?? false,
    ipv6: instance.NetworkType === 'DUAL',
  };
}

/** Empty while the instance is being created, because it has no address yet. */
const instanceEndpoints = (instance: DBInstance): readonly Endpoint[] =>
  instance.Endpoint?.Address === undefined
    ? []
    : [{ role: 'instance', host: instance.Endpoint.Address, port: instance.Endpoint.Port ?? 0 }];

const groupIds = (
  groups: readonly { readonly VpcSecurityGroupId?: string | undefined }[] | undefined,
): readonly string[] =>
  (groups ?? []).flatMap((group) =>
    group.VpcSecurityGroupId === undefined ? [] : [group.VpcSecurityGroupId],
  );
