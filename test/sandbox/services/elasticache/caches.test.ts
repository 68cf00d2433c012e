import {
  DescribeCacheClustersCommand,
  DescribeCacheSubnetGroupsCommand,
  DescribeReplicationGroupsCommand,
  DescribeServerlessCachesCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import {
  DescribeClustersCommand,
  DescribeSubnetGroupsCommand,
  MemoryDBClient,
} from '@aws-sdk/client-memorydb';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CacheServer } from '../../../../src/sandbox/world/cache-server.ts';
import { defaultSeed } from '../../../../src/sandbox/world/seed.ts';
import { errorName } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';

const seed = defaultSeed();
const [sessions] = seed.caches ?? [];
const sandbox = testSandbox({
  seed: {
    ...seed,
    caches: [
      ...(seed.caches ?? []),
      {
        ...sessions!,
        id: 'carts',
        clusterMode: true,
        host: 'clustercfg.carts.a1b2c3.euw1.cache.amazonaws.com',
        privateIp: '10.0.201.60',
      },
      {
        ...sessions!,
        id: 'quick',
        kind: 'serverless',
        host: 'quick-a1b2c3.serverless.euw1.cache.amazonaws.com',
        privateIp: '10.0.201.61',
      },
      {
        ...sessions!,
        id: 'old',
        kind: 'cluster',
        engine: 'memcached',
        port: 11_211,
        host: 'old.a1b2c3.cfg.euw1.cache.amazonaws.com',
        privateIp: '10.0.201.62',
      },
    ],
  },
});
const cache = (): ElastiCacheClient => new ElastiCacheClient(clientConfig(sandbox().env));
const memory = (): MemoryDBClient => new MemoryDBClient(clientConfig(sandbox().env));

test('ElastiCache has replication groups, their nodes, separate clusters, serverless caches and subnet groups', async () => {
  const { ReplicationGroups } = await cache().send(new DescribeReplicationGroupsCommand({}));
  expect(ReplicationGroups).toMatchObject([
    {
      ReplicationGroupId: 'sessions-cache',
      MemberClusters: ['sessions-cache-001', 'sessions-cache-002'],
      NodeGroups: [{ PrimaryEndpoint: { Address: sessions!.host, Port: 6379 } }],
      ClusterEnabled: false,
    },
    { ReplicationGroupId: 'carts', ConfigurationEndpoint: { Port: 6379 }, ClusterEnabled: true },
  ]);
  const { CacheClusters } = await cache().send(new DescribeCacheClustersCommand({ ShowCacheNodeInfo: true }));
  expect(CacheClusters?.map(({ CacheClusterId }) => CacheClusterId)).toEqual([
    'sessions-cache-001',
    'sessions-cache-002',
    'carts-001',
    'carts-002',
    'old',
  ]);
  expect(CacheClusters?.[0]).toMatchObject({
    ReplicationGroupId: 'sessions-cache',
    SecurityGroups: [{ SecurityGroupId: sessions!.securityGroupIds[0] }],
    CacheNodes: [
      { Endpoint: { Address: 'sessions-cache-001.sessions-cache.a1b2c3.euw1.cache.amazonaws.com' } },
    ],
  });
  const alone = await cache().send(
    new DescribeCacheClustersCommand({ ShowCacheClustersNotInReplicationGroups: true }),
  );
  expect(alone.CacheClusters).toMatchObject([{ CacheClusterId: 'old', Engine: 'memcached' }]);
  const { ServerlessCaches } = await cache().send(new DescribeServerlessCachesCommand({}));
  expect(ServerlessCaches).toMatchObject([{ ServerlessCacheName: 'quick', SubnetIds: sessions!.subnetIds }]);
  const { CacheSubnetGroups } = await cache().send(
    new DescribeCacheSubnetGroupsCommand({ CacheSubnetGroupName: 'old-subnets' }),
  );
  expect(CacheSubnetGroups?.[0]?.Subnets?.map(({ SubnetIdentifier }) => SubnetIdentifier)).toEqual(
    sessions!.subnetIds,
  );
  expect(
    await errorName(cache().send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: 'none' }))),
  ).toBe('ReplicationGroupNotFoundFault');
  expect(await errorName(cache().send(new DescribeCacheClustersCommand({ CacheClusterId: 'none' })))).toBe(
    'CacheClusterNotFoundFault',
  );
});

test('MemoryDB has clusters, their shards and subnet groups', async () => {
  const { Clusters } = await memory().send(new DescribeClustersCommand({ ShowShardDetails: true }));
  expect(Clusters).toMatchObject([
    { Name: 'flags', ClusterEndpoint: { Port: 6379 }, Shards: [{ Nodes: [{ Name: 'flags-0001-001' }] }] },
  ]);
  const { SubnetGroups } = await memory().send(
    new DescribeSubnetGroupsCommand({ SubnetGroupName: 'flags-subnets' }),
  );
  expect(SubnetGroups?.[0]?.VpcId).toBe(sessions!.vpcId);
  expect(await errorName(memory().send(new DescribeClustersCommand({ ClusterName: 'none' })))).toBe(
    'ClusterNotFoundFault',
  );
});

test('IAM checks the named resource, or all resources of its type', async () => {
  const env = sandbox().createPrincipal({
    userName: 'reader',
    policies: [
      {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: ['elasticache:DescribeReplicationGroups', 'memorydb:DescribeClusters'],
            Resource: [
              'arn:aws:elasticache:eu-west-1:111122223333:replicationgroup:sessions-cache',
              'arn:aws:memorydb:eu-west-1:111122223333:cluster/*',
            ],
          },
        ],
      },
    ],
  });
  const limited = new ElastiCacheClient(clientConfig(env));
  const groups = (ReplicationGroupId?: string) =>
    errorName(limited.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId })));
  expect(await groups('sessions-cache')).toBe('resolved');
  expect(await groups()).toBe('AccessDenied');
  expect(await errorName(new MemoryDBClient(clientConfig(env)).send(new DescribeClustersCommand({})))).toBe(
    'resolved',
  );
});

let server: CacheServer;
let now = 0;
beforeAll(() => {
  server = new CacheServer({ version: '8.1', authToken: 'token', now: () => now });
});
afterAll(() => server.close());

test('the server of a cache speaks the Redis protocol, also when requests arrive in parts', async () => {
  const port = await server.port();
  const say = (commands: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.on('data', (bytes) => (answer += bytes.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
      for (const command of commands) socket.write(command);
      socket.write('QUIT\r\n');
    });
  expect(await say(['PING\r\n'])).toBe('-NOAUTH Authentication required.\r\n+OK\r\n');
  expect(await say(['AUTH wrong\r\n'])).toMatch(/^-WRONGPASS/);
  const login = 'AUTH token\r\n';
  expect(await say([login, '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nb\r\n', 'cd\r\n'])).toBe(
    '+OK\r\n+OK\r\n+OK\r\n',
  );
  expect(await say([login, 'GET a\r\nSET e 1 EX 10\r\nTTL e\r\nKEYS *\r\n'])).toBe(
    '+OK\r\n$5\r\nb\r\ncd\r\n+OK\r\n:10\r\n*2\r\n$1\r\na\r\n$1\r\ne\r\n+OK\r\n',
  );
  now = 10_000;
  expect(await say([login, 'GET e\r\nNOPE\r\n'])).toMatch(/^\+OK\r\n\$-1\r\n-ERR unknown command 'NOPE'/);
  expect(await say(['*9999\r\n'])).toMatch(/^-ERR Protocol error/);
});
