import { type Cluster, DescribeClustersCommand, MemoryDBClient } from '@aws-sdk/client-memorydb';

import type { Database, DatabaseEndpoint } from '../connect/ports.ts';
import type { ClientConfig } from './client-config.ts';
import { eachPage } from './pages.ts';
import { limitConcurrency } from './throttling.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

const CLUSTERS_PER_PAGE = 100;

/** MemoryDB clusters; all of them run in cluster mode. */
export async function memoryDbClusters(config: ClientConfig): Promise<readonly Database[]> {
  const client = limitConcurrency(withProfileEndpoints(new MemoryDBClient(config), config));
  const clusters: Cluster[] = [];
  await eachPage('memorydb:DescribeClusters', async (NextToken) => {
    const page = await client.send(
      new DescribeClustersCommand({ MaxResults: CLUSTERS_PER_PAGE, NextToken, ShowShardDetails: true }),
    );
    clusters.push(...(page.Clusters ?? []));
    return page.NextToken;
  });
  return clusters.map(clusterToDatabase).toSorted((a, b) => a.id.localeCompare(b.id));
}

const at = (
  role: DatabaseEndpoint['role'],
  endpoint: Cluster['ClusterEndpoint'],
  id?: string,
): readonly DatabaseEndpoint[] =>
  endpoint?.Address === undefined ? [] : [{ role, id, host: endpoint.Address, port: endpoint.Port ?? 0 }];

const clusterToDatabase = (cluster: Cluster): Database => ({
  id: cluster.Name ?? '',
  arn: cluster.ARN ?? '',
  service: 'memorydb',
  kind: 'cluster',
  engine: cluster.Engine ?? 'redis',
  status: cluster.Status ?? 'unknown',
  endpoints: [
    ...at('configuration', cluster.ClusterEndpoint),
    ...(cluster.Shards ?? []).flatMap((shard) =>
      (shard.Nodes ?? []).flatMap((node) => at('node', node.Endpoint, node.Name)),
    ),
  ],
  databaseName: undefined,
  masterUsername: undefined,
  vpcId: undefined,
  securityGroups: (cluster.SecurityGroups ?? []).flatMap(({ SecurityGroupId }) => SecurityGroupId ?? []),
  iamAuthentication: false,
  publiclyAccessible: false,
  ipv6: cluster.NetworkType === 'dual_stack',
  tls: cluster.TLSEnabled === false ? 'none' : 'required',
  resourceId: undefined,
  secretArn: undefined,
  isSharded: true,
});
