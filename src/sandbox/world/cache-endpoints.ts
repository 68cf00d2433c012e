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

/** Every host name of the cache. All its nodes are one server. */
export const namesOf = (cache: SeedCache): readonly string[] => [
  cache.host,
  ...(cache.readerHost === undefined ? [] : [cache.readerHost]),
  ...(cache.kind === 'replication-group' ? nodeIds(cache).map((node) => nodeHost(cache, node)) : []),
];
