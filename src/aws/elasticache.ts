import {
  type CacheCluster,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  DescribeServerlessCachesCommand,
  ElastiCacheClient,
  type Endpoint,
  type ReplicationGroup,
  type ServerlessCache,
} from '@aws-sdk/client-elasticache';

import type { Database, DatabaseEndpoint } from '../connect/ports.ts';
import type { ClientConfig } from './client-config.ts';
import { eachPage } from './pages.ts';
import { limitConcurrency } from './throttling.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

const RECORDS_PER_PAGE = 100;
const SERVERLESS_PER_PAGE = 50;

/**
 * ElastiCache: replication groups (Redis, Valkey), clusters without replication (Memcached, single Redis nodes) and
 * serverless caches. Only the member clusters of a replication group name its security groups and nodes.
 */
export async function elastiCaches(config: ClientConfig): Promise<readonly Database[]> {
  const client = limitConcurrency(withProfileEndpoints(new ElastiCacheClient(config), config));
  const groups: ReplicationGroup[] = [];
  const clusters: CacheCluster[] = [];
  const serverless: ServerlessCache[] = [];
  await Promise.all([
    eachPage('elasticache:DescribeReplicationGroups', async (Marker) => {
      const page = await client.send(
        new DescribeReplicationGroupsCommand({ MaxRecords: RECORDS_PER_PAGE, Marker }),
      );
      groups.push(...(page.ReplicationGroups ?? []));
      return page.Marker;
    }),
    eachPage('elasticache:DescribeCacheClusters', async (Marker) => {
      const page = await client.send(
        new DescribeCacheClustersCommand({ MaxRecords: RECORDS_PER_PAGE, Marker, ShowCacheNodeInfo: true }),
      );
      clusters.push(...(page.CacheClusters ?? []));
      return page.Marker;
    }),
    eachPage('elasticache:DescribeServerlessCaches', async (NextToken) => {
      const page = await client.send(
        new DescribeServerlessCachesCommand({ MaxResults: SERVERLESS_PER_PAGE, NextToken }),
      );
      serverless.push(...(page.ServerlessCaches ?? []));
      return page.NextToken;
    }),
  ]);
  return [
    ...groups.map((group) =>
      groupToDatabase(
        group,
        clusters.filter((cluster) => cluster.ReplicationGroupId === group.ReplicationGroupId),
      ),
    ),
    ...clusters.filter((cluster) => !cluster.ReplicationGroupId).map(clusterToDatabase),
    ...serverless.map(serverlessToDatabase),
  ].toSorted((a, b) => a.id.localeCompare(b.id));
}

const at = (
  role: DatabaseEndpoint['role'],
  endpoint: Endpoint | undefined,
  id?: string,
): readonly DatabaseEndpoint[] =>
  endpoint?.Address === undefined ? [] : [{ role, id, host: endpoint.Address, port: endpoint.Port ?? 0 }];

const nodesOf = (cluster: CacheCluster): readonly DatabaseEndpoint[] => {
  const nodes = cluster.CacheNodes ?? [];
  return nodes.flatMap((node) =>
    at(
      'node',
      node.Endpoint,
      nodes.length === 1 ? cluster.CacheClusterId : `${cluster.CacheClusterId}-${node.CacheNodeId}`,
    ),
  );
};

const groupsOf = (cluster: CacheCluster | undefined): readonly string[] =>
  (cluster?.SecurityGroups ?? []).flatMap(({ SecurityGroupId }) => SecurityGroupId ?? []);

const CACHE = {
  service: 'elasticache',
  databaseName: undefined,
  masterUsername: undefined,
  vpcId: undefined,
  iamAuthentication: false,
  publiclyAccessible: false,
  ipv6: false,
  resourceId: undefined,
  secretArn: undefined,
} as const;

function groupToDatabase(group: ReplicationGroup, members: readonly CacheCluster[]): Database {
  const [first] = group.NodeGroups ?? [];
  return {
    ...CACHE,
    id: group.ReplicationGroupId ?? '',
    arn: group.ARN ?? '',
    kind: 'replication-group',
    engine: group.Engine ?? members[0]?.Engine ?? 'redis',
    status: group.Status ?? 'unknown',
    endpoints: [
      ...at('configuration', group.ConfigurationEndpoint),
      ...at('writer', first?.PrimaryEndpoint),
      ...at('reader', first?.ReaderEndpoint),
      ...members.flatMap(nodesOf),
    ],
    securityGroups: groupsOf(members[0]),
    tls:
      group.TransitEncryptionEnabled !== true
        ? 'none'
        : group.TransitEncryptionMode === 'preferred'
          ? 'offered'
          : 'required',
    isSharded: group.ClusterEnabled === true,
  };
}

function clusterToDatabase(cluster: CacheCluster): Database {
  const nodes = nodesOf(cluster);
  return {
    ...CACHE,
    id: cluster.CacheClusterId ?? '',
    arn: cluster.ARN ?? '',
    kind: 'cluster',
    engine: cluster.Engine ?? 'unknown',
    status: cluster.CacheClusterStatus ?? 'unknown',
    endpoints: [...at('configuration', cluster.ConfigurationEndpoint), ...nodes],
    securityGroups: groupsOf(cluster),
    tls: cluster.TransitEncryptionEnabled === true ? 'required' : 'none',
    // The nodes of Memcached know nothing of each other: the client decides which one holds a key.
    isSharded: nodes.length > 1,
  };
}

/** A serverless cache answers on one address, behind which AWS spreads the keys; it always demands TLS. */
const serverlessToDatabase = (cache: ServerlessCache): Database => ({
  ...CACHE,
  id: cache.ServerlessCacheName ?? '',
  arn: cache.ARN ?? '',
  kind: 'serverless',
  engine: cache.Engine ?? 'unknown',
  status: cache.Status ?? 'unknown',
  endpoints: [...at('writer', cache.Endpoint), ...at('reader', cache.ReaderEndpoint)],
  securityGroups: cache.SecurityGroupIds ?? [],
  tls: 'required',
  isSharded: false,
});
