import type { DatabasesPort } from '../connect/ports/databases.ts';
import type { ClientConfig } from './client-config.ts';

/** Loads the SDK client of a service when databases of that service are first asked for. */
export function createDatabasesPort(config: ClientConfig): DatabasesPort {
  let rds: Promise<Pick<DatabasesPort, 'databases' | 'proxies'>> | undefined;
  const loaded = (): Promise<Pick<DatabasesPort, 'databases' | 'proxies'>> =>
    (rds ??= import('./rds.ts').then(({ createRdsDatabases }) => createRdsDatabases(config)));
  return {
    databases: async () => (await loaded()).databases(),
    proxies: async () => (await loaded()).proxies(),
    elastiCaches: async () => (await import('./elasticache.ts')).elastiCaches(config),
    memoryDbClusters: async () => (await import('./memorydb.ts')).memoryDbClusters(config),
    redshiftClusters: async () => (await import('./redshift.ts')).redshiftClusters(config),
    redshiftWorkgroups: async () => (await import('./redshift.ts')).redshiftWorkgroups(config),
    searchDomains: async () => (await import('./opensearch.ts')).searchDomains(config),
  };
}
