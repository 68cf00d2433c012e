import { type Cluster, DescribeClustersCommand, RedshiftClient } from '@aws-sdk/client-redshift';
import {
  ListNamespacesCommand,
  ListWorkgroupsCommand,
  type Namespace,
  RedshiftServerlessClient,
  type Workgroup,
} from '@aws-sdk/client-redshift-serverless';

import type { Database } from '../connect/ports.ts';
import type { ClientConfig } from './client-config.ts';
import { eachPage } from './pages.ts';
import { limitConcurrency } from './throttling.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

const RECORDS_PER_PAGE = 100;

/**
 * Redshift speaks the protocol of PostgreSQL. Its IAM login is not a signed token but a call for a temporary user,
 * which is not made here. Whether a parameter group demands TLS is not read; every cluster offers it.
 */
const REDSHIFT = {
  engine: 'redshift',
  iamAuthentication: false,
  tls: 'offered',
  resourceId: undefined,
  isSharded: false,
} as const;

/** Provisioned clusters. */
export async function redshiftClusters(config: ClientConfig): Promise<readonly Database[]> {
  const client = limitConcurrency(withProfileEndpoints(new RedshiftClient(config), config));
  const { region } = config;
  const clusters: Cluster[] = [];
  await eachPage('redshift:DescribeClusters', async (Marker) => {
    const page = await client.send(new DescribeClustersCommand({ MaxRecords: RECORDS_PER_PAGE, Marker }));
    clusters.push(...(page.Clusters ?? []));
    return page.Marker;
  });
  return clusters.map((cluster) => clusterToDatabase(cluster, region)).toSorted(byId);
}

const byId = (a: Database, b: Database): number => a.id.localeCompare(b.id);

/** `arn:aws:redshift:REGION:ACCOUNT:namespace:UUID` names everything of the cluster's own ARN but its id. */
function clusterToDatabase(cluster: Cluster, region: string): Database {
  const id = cluster.ClusterIdentifier ?? '';
  const [, partition = 'aws', , , account = ''] = (cluster.ClusterNamespaceArn ?? '').split(':');
  const { Address: host, Port: port } = cluster.Endpoint ?? {};
  return {
    ...REDSHIFT,
    id,
    arn: `arn:${partition}:redshift:${region}:${account}:cluster:${id}`,
    service: 'redshift',
    kind: 'cluster',
    status: cluster.ClusterStatus ?? 'unknown',
    endpoints: host === undefined ? [] : [{ role: 'writer', id: undefined, host, port: port ?? 5439 }],
    databaseName: cluster.DBName,
    masterUsername: cluster.MasterUsername,
    vpcId: cluster.VpcId,
    securityGroups: (cluster.VpcSecurityGroups ?? []).flatMap(
      ({ VpcSecurityGroupId }) => VpcSecurityGroupId ?? [],
    ),
    publiclyAccessible: cluster.PubliclyAccessible === true,
    ipv6: cluster.IpAddressType === 'dualstack',
    secretArn: cluster.MasterPasswordSecretArn,
  };
}

/** Workgroups of Redshift Serverless; the namespace of each one holds database, administrator and secret. */
export async function redshiftWorkgroups(config: ClientConfig): Promise<readonly Database[]> {
  const client = limitConcurrency(withProfileEndpoints(new RedshiftServerlessClient(config), config));
  const workgroups: Workgroup[] = [];
  const namespaces: Namespace[] = [];
  await Promise.all([
    eachPage('redshift-serverless:ListWorkgroups', async (nextToken) => {
      const page = await client.send(new ListWorkgroupsCommand({ maxResults: RECORDS_PER_PAGE, nextToken }));
      workgroups.push(...(page.workgroups ?? []));
      return page.nextToken;
    }),
    eachPage('redshift-serverless:ListNamespaces', async (nextToken) => {
      const page = await client.send(new ListNamespacesCommand({ maxResults: RECORDS_PER_PAGE, nextToken }));
      namespaces.push(...(page.namespaces ?? []));
      return page.nextToken;
    }),
  ]);
  return workgroups
    .map((workgroup) =>
      workgroupToDatabase(
        workgroup,
        namespaces.find(({ namespaceName }) => namespaceName === workgroup.namespaceName),
      ),
    )
    .toSorted(byId);
}

function workgroupToDatabase(workgroup: Workgroup, namespace: Namespace | undefined): Database {
  const { address: host, port, vpcEndpoints } = workgroup.endpoint ?? {};
  return {
    ...REDSHIFT,
    id: workgroup.workgroupName ?? '',
    arn: workgroup.workgroupArn ?? '',
    service: 'redshift-serverless',
    kind: 'serverless',
    status: (workgroup.status ?? 'unknown').toLowerCase(),
    endpoints:
      host === undefined || host === '' ? [] : [{ role: 'writer', id: undefined, host, port: port ?? 5439 }],
    databaseName: namespace?.dbName,
    masterUsername: namespace?.adminUsername,
    vpcId: vpcEndpoints?.[0]?.vpcId,
    securityGroups: workgroup.securityGroupIds ?? [],
    publiclyAccessible: workgroup.publiclyAccessible === true,
    ipv6: workgroup.ipAddressType === 'dualstack',
    secretArn: namespace?.adminPasswordSecretArn,
  };
}
