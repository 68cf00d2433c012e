import type { SeedCache } from '../seed-shapes.ts';

/**
 * Node `001` is the primary, the others are replicas. A cluster without replication has one node, named like the
 * cluster.
 */
export const nodeIds = ({ id, kind, replicas = 0 }: SeedCache): readonly string[] =>
  kind === 'replication-group'
    ? Array.from({ length: replicas + 1 }, (_, index) => `${id}-${String(index + 1).padStart(3, '0')}`)
    : [id];

/**
 * The node's host name, e.g. `orders-001.orders.HASH.euw1.cache.amazonaws.com` for the primary endpoint
 * `master.orders.HASH.euw1.cache.amazonaws.com`.
 */
export const nodeHost = ({ host }: SeedCache, node: string): string =>
  `${node}.${host.replace(/^(?:master|clustercfg)\./, '')}`;

/** Name and host name of each node of a MemoryDB cluster, which has one shard. */
export const memoryDbNodes = ({
  id,
  host,
  replicas = 0,
}: SeedCache): readonly { readonly name: string; readonly host: string }[] =>
  Array.from({ length: replicas + 1 }, (_, index) => {
    const name = `${id}-0001-${String(index + 1).padStart(3, '0')}`;
    return { name, host: host.replace(/^clustercfg\.[^.]+/, name) };
  });

/** Every host name of the cache. All its nodes are one server. */
export const namesOf = (cache: SeedCache): readonly string[] => [
  cache.host,
  ...(cache.readerHost === undefined ? [] : [cache.readerHost]),
  ...(cache.service === 'memorydb' ? memoryDbNodes(cache).map(({ host }) => host) : []),
  ...(cache.kind === 'replication-group' ? nodeIds(cache).map((node) => nodeHost(cache, node)) : []),
];
