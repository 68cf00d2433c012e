import type { Seed, SeedDatabase } from '../seed-shapes.ts';

/**
 * Host names of an Aurora cluster, derived from its writer endpoint `ID.cluster-HASH.REGION.rds.amazonaws.com`, and
 * the address for each of them. A database that is not a cluster has its own host name only.
 */

export const isAurora = ({ engine }: SeedDatabase): boolean => engine.startsWith('aurora');

/** Identifier of the only instance, or of the writer of a cluster. */
export const instanceId = (database: SeedDatabase): string =>
  isAurora(database) ? `${database.id}-writer` : database.id;

const CLUSTER_HOST = /^[^.]+\.cluster-/;

/** Endpoint of one instance of a cluster. */
export const instanceHost = (database: SeedDatabase, instance: string): string =>
  isAurora(database) ? database.host.replace(CLUSTER_HOST, `${instance}.`) : database.host;

/** The reader endpoint; it leads to the writer if there are no readers. */
export const readerHost = ({ id, host }: SeedDatabase): string =>
  host.replace(CLUSTER_HOST, `${id}.cluster-ro-`);

export const customHost = ({ host }: SeedDatabase, endpoint: string): string =>
  host.replace(CLUSTER_HOST, `${endpoint}.cluster-custom-`);

/** Every address of a database, with the host names that resolve to it. */
export function addressesOf(
  database: SeedDatabase,
): readonly { readonly privateIp: string; readonly names: readonly string[] }[] {
  const { readers = [], customEndpoints = [], privateIp, host } = database;
  if (!isAurora(database)) return [{ privateIp, names: [host] }];
  const custom = (instance: string): readonly string[] =>
    customEndpoints
      .filter(({ members }) => members.includes(instance))
      .map((endpoint) => customHost(database, endpoint.id));
  const writer = instanceId(database);
  return [
    {
      privateIp,
      names: [
        host,
        instanceHost(database, writer),
        ...(readers.length === 0 ? [readerHost(database)] : []),
        ...custom(writer),
      ],
    },
    ...readers.map((reader) => ({
      privateIp: reader.privateIp,
      names: [instanceHost(database, reader.id), readerHost(database), ...custom(reader.id)],
    })),
  ];
}

/** Every host name under which the database answers, those of its proxies included. */
export function hostsOf(database: SeedDatabase, { proxies = [] }: Pick<Seed, 'proxies'>): readonly string[] {
  const own = addressesOf(database).flatMap(({ names }) => names);
  const ofProxies = proxies
    .filter(({ databaseId }) => databaseId === database.id)
    .flatMap((proxy) => [proxy.host, ...(proxy.endpoints ?? []).map(({ host }) => host)]);
  return [...new Set([...own, ...ofProxies])];
}
