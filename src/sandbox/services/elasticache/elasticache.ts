import { type AuthorizationCheck, AwsError, type Operations, type SandboxService } from '../../contracts.ts';
import type { Seed, SeedCache } from '../../seed-shapes.ts';
import { count, type Fields, flag, optionalText } from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import { XmlList } from '../../wire/xml.ts';
import { nodeHost, nodeIds } from '../../world/cache-endpoints.ts';
import type { ServiceDescription } from '../service-description.ts';

/**
 * The caches of the seed, read-only: replication groups with their member nodes, Memcached clusters, serverless
 * caches.
 */

export interface ElastiCacheDeps {
  readonly seed: Seed;
  /** `arn:aws:elasticache:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
}

const CREATED_AT = new Date('2026-01-12T08:00:00Z');
const NODE_TYPE = 'cache.t4g.small';

function createElastiCacheService(deps: ElastiCacheDeps): SandboxService {
  const caches = (deps.seed.caches ?? []).filter(({ service }) => service === 'elasticache');
  return {
    snapshot: () => ({ caches: caches.map(({ id }) => id).sort() }),
    operations: {
      ...replicationGroupOperations(deps, caches),
      ...clusterOperations(deps, caches),
      ...serverlessOperations(deps, caches),
      ...subnetGroupOperations(deps, caches),
    },
  };
}

export const elastiCacheDescription: ServiceDescription = {
  name: 'elasticache',
  title: 'ElastiCache',
  wire: {
    kind: 'query',
    version: '2015-02-02',
    namespace: 'http://elasticache.amazonaws.com/doc/2015-02-02/',
  },
  errors: { throttling: { code: 'Throttling', status: 400 }, internal: 'InternalFailure' },
  create: (context) =>
    createElastiCacheService({ seed: context.seed, arn: (resource) => context.arn(resource) }),
};

const check =
  ({ arn }: ElastiCacheDeps, action: string, type: string, parameter: string) =>
  (input: Fields): readonly AuthorizationCheck[] => [
    { action: `elasticache:${action}`, resource: arn(`${type}:${optionalText(input, parameter) ?? '*'}`) },
  ];

/**
 * One page of the items that the request names, or of all items; a name that does not exist throws the error
 * `missing`.
 */
function described<T>(
  input: Fields,
  items: readonly T[],
  of: {
    readonly parameter: string;
    readonly name: (item: T) => string;
    readonly missing: (name: string) => AwsError;
    readonly list: string;
    readonly item: string;
    readonly shape: (item: T) => Fields;
  },
): Fields {
  const wanted = optionalText(input, of.parameter);
  const found = items.filter((item) => wanted === undefined || of.name(item) === wanted.toLowerCase());
  if (wanted !== undefined && found.length === 0) throw of.missing(wanted);
  const size = count(input, 'MaxRecords') ?? 100;
  if (size < 20 || size > 100)
    throw new AwsError(
      'InvalidParameterValue',
      `Invalid value ${size} for MaxRecords. Must be between 20 and 100`,
    );
  const page = paginate(found, optionalText(input, 'Marker'), size, 'InvalidParameterValue');
  return { [of.list]: new XmlList(of.item, page.items.map(of.shape)), Marker: page.next };
}

const address = (host: string, port: number): Fields => ({ Address: host, Port: port });

function replicationGroupOperations(deps: ElastiCacheDeps, caches: readonly SeedCache[]): Operations {
  const groups = caches.filter(({ kind }) => kind === 'replication-group');
  return {
    DescribeReplicationGroups: {
      authorize: check(deps, 'DescribeReplicationGroups', 'replicationgroup', 'ReplicationGroupId'),
      run: (input) =>
        described(input, groups, {
          parameter: 'ReplicationGroupId',
          name: ({ id }) => id,
          missing: (id) =>
            new AwsError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`, 404),
          list: 'ReplicationGroups',
          item: 'ReplicationGroup',
          shape: (cache) => replicationGroupMembers(deps, cache),
        }),
    },
  };
}

function replicationGroupMembers({ arn }: ElastiCacheDeps, cache: SeedCache): Fields {
  const { replicas = 0, clusterMode } = cache;
  return {
    ReplicationGroupId: cache.id,
    Description: cache.id,
    Status: 'available',
    MemberClusters: new XmlList('ClusterId', nodeIds(cache)),
    NodeGroups: new XmlList('NodeGroup', [
      {
        NodeGroupId: '0001',
        Status: 'available',
        ...(clusterMode
          ? { Slots: '0-16383' }
          : {
              PrimaryEndpoint: address(cache.host, cache.port),
              ReaderEndpoint: address(cache.readerHost ?? cache.host, cache.port),
            }),
        NodeGroupMembers: new XmlList(
          'NodeGroupMember',
          nodeIds(cache).map((id, index) => ({
            CacheClusterId: id,
            CacheNodeId: '0001',
            ...(clusterMode ? {} : { CurrentRole: index === 0 ? 'primary' : 'replica' }),
          })),
        ),
      },
    ]),
    AutomaticFailover: replicas > 0 ? 'enabled' : 'disabled',
    MultiAZ: replicas > 0 ? 'enabled' : 'disabled',
    ConfigurationEndpoint: clusterMode ? address(cache.host, cache.port) : undefined,
    ClusterEnabled: clusterMode,
    ClusterMode: clusterMode ? 'enabled' : 'disabled',
    CacheNodeType: NODE_TYPE,
    AuthTokenEnabled: cache.authToken !== undefined,
    TransitEncryptionEnabled: cache.tls,
    TransitEncryptionMode: cache.tls ? 'required' : undefined,
    AtRestEncryptionEnabled: true,
    ARN: arn(`replicationgroup:${cache.id}`),
    ReplicationGroupCreateTime: CREATED_AT,
    NetworkType: 'ipv4',
    IpDiscovery: 'ipv4',
    Engine: cache.engine,
  };
}

interface CacheCluster {
  readonly id: string;
  readonly cache: SeedCache;
}

function clusterOperations(deps: ElastiCacheDeps, caches: readonly SeedCache[]): Operations {
  const clusters = caches.flatMap((cache): readonly CacheCluster[] => {
    if (cache.kind === 'serverless') return [];
    return cache.kind === 'cluster' ? [{ id: cache.id, cache }] : nodeIds(cache).map((id) => ({ id, cache }));
  });
  return {
    DescribeCacheClusters: {
      authorize: check(deps, 'DescribeCacheClusters', 'cluster', 'CacheClusterId'),
      run(input) {
        const alone = flag(input, 'ShowCacheClustersNotInReplicationGroups') === true;
        const withNodes = flag(input, 'ShowCacheNodeInfo') === true;
        return described(
          input,
          clusters.filter(({ cache }) => !alone || cache.kind === 'cluster'),
          {
            parameter: 'CacheClusterId',
            name: ({ id }) => id,
            missing: (id) => new AwsError('CacheClusterNotFound', `CacheCluster not found: ${id}`, 404),
            list: 'CacheClusters',
            item: 'CacheCluster',
            shape: (cluster) => clusterMembers(deps, cluster, withNodes),
          },
        );
      },
    },
  };
}

function clusterMembers(
  { seed, arn }: ElastiCacheDeps,
  { id, cache }: CacheCluster,
  withNodes: boolean,
): Fields {
  const isGroup = cache.kind === 'replication-group';
  const zone = seed.subnets.find((subnet) => subnet.id === cache.subnetIds[0])?.zone;
  return {
    CacheClusterId: id,
    ConfigurationEndpoint: cache.engine === 'memcached' ? address(cache.host, cache.port) : undefined,
    CacheNodeType: NODE_TYPE,
    Engine: cache.engine,
    EngineVersion: cache.engineVersion,
    CacheClusterStatus: 'available',
    NumCacheNodes: 1,
    PreferredAvailabilityZone: zone,
    CacheClusterCreateTime: CREATED_AT,
    CacheSubnetGroupName: `${cache.id}-subnets`,
    CacheNodes: withNodes
      ? new XmlList('CacheNode', [
          {
            CacheNodeId: '0001',
            CacheNodeStatus: 'available',
            CacheNodeCreateTime: CREATED_AT,
            Endpoint: address(isGroup ? nodeHost(cache, id) : cache.host, cache.port),
            ParameterGroupStatus: 'in-sync',
            CustomerAvailabilityZone: zone,
          },
        ])
      : undefined,
    SecurityGroups: cache.securityGroupIds.map((group) => ({ SecurityGroupId: group, Status: 'active' })),
    ReplicationGroupId: isGroup ? cache.id : undefined,
    AuthTokenEnabled: cache.authToken !== undefined,
    TransitEncryptionEnabled: cache.tls,
    AtRestEncryptionEnabled: true,
    ARN: arn(`cluster:${id}`),
    NetworkType: 'ipv4',
    IpDiscovery: 'ipv4',
  };
}

function serverlessOperations(deps: ElastiCacheDeps, caches: readonly SeedCache[]): Operations {
  const serverless = caches.filter(({ kind }) => kind === 'serverless');
  return {
    DescribeServerlessCaches: {
      authorize: check(deps, 'DescribeServerlessCaches', 'serverlesscache', 'ServerlessCacheName'),
      run(input) {
        const name = optionalText(input, 'ServerlessCacheName');
        const found = serverless.filter(({ id }) => name === undefined || id === name.toLowerCase());
        if (name !== undefined && found.length === 0)
          throw new AwsError('ServerlessCacheNotFoundFault', `ServerlessCache ${name} not found.`, 404);
        const size = count(input, 'MaxResults') ?? 50;
        if (size < 1 || size > 50)
          throw new AwsError(
            'InvalidParameterValue',
            `Invalid value ${size} for MaxResults. Must be between 1 and 50`,
          );
        const page = paginate(found, optionalText(input, 'NextToken'), size, 'InvalidParameterValue');
        return {
          ServerlessCaches: page.items.map((cache) => ({
            ServerlessCacheName: cache.id,
            CreateTime: CREATED_AT,
            Status: 'available',
            Engine: cache.engine,
            MajorEngineVersion: cache.engineVersion.split('.')[0],
            FullEngineVersion: cache.engineVersion,
            SecurityGroupIds: new XmlList('SecurityGroupId', cache.securityGroupIds),
            Endpoint: address(cache.host, cache.port),
            ReaderEndpoint: address(cache.readerHost ?? cache.host, cache.port + 1),
            ARN: deps.arn(`serverlesscache:${cache.id}`),
            SubnetIds: new XmlList('SubnetId', cache.subnetIds),
            NetworkType: 'ipv4',
          })),
          NextToken: page.next,
        };
      },
    },
  };
}

function subnetGroupOperations(deps: ElastiCacheDeps, caches: readonly SeedCache[]): Operations {
  const groups = caches.filter(({ kind }) => kind !== 'serverless');
  const nameOf = ({ id }: SeedCache): string => `${id}-subnets`;
  return {
    DescribeCacheSubnetGroups: {
      authorize: check(deps, 'DescribeCacheSubnetGroups', 'subnetgroup', 'CacheSubnetGroupName'),
      run: (input) =>
        described(input, groups, {
          parameter: 'CacheSubnetGroupName',
          name: nameOf,
          missing: (name) =>
            new AwsError('CacheSubnetGroupNotFoundFault', `Cache Subnet Group ${name} does not exist.`, 400),
          list: 'CacheSubnetGroups',
          item: 'CacheSubnetGroup',
          shape: (cache) => ({
            CacheSubnetGroupName: nameOf(cache),
            CacheSubnetGroupDescription: nameOf(cache),
            VpcId: cache.vpcId,
            Subnets: new XmlList(
              'Subnet',
              cache.subnetIds.map((id) => ({
                SubnetIdentifier: id,
                SubnetAvailabilityZone: {
                  Name: deps.seed.subnets.find((subnet) => subnet.id === id)?.zone,
                },
              })),
            ),
            ARN: deps.arn(`subnetgroup:${nameOf(cache)}`),
          }),
        }),
    },
  };
}
