import type { Database } from '../ports.ts';

/** The kinds of wire protocol, each with its usual client programs and port. */
export const FAMILIES = {
  postgres: { clients: ['psql'], port: 5432 },
  mysql: { clients: ['mysql', 'mariadb'], port: 3306 },
  redis: { clients: ['valkey-cli', 'redis-cli'], port: 6379 },
  memcached: { clients: [], port: 11_211 },
  mongodb: { clients: ['mongosh'], port: 27_017 },
  sqlserver: { clients: ['sqlcmd'], port: 1433 },
  // curl does nothing without a URL, so that it is not started by itself.
  opensearch: { clients: [], port: 9200 },
  other: { clients: [], port: 0 },
} as const satisfies Readonly<Record<string, { readonly clients: readonly string[]; readonly port: number }>>;

export type Family = keyof typeof FAMILIES;

const FAMILY_NAMES = Object.keys(FAMILIES) as readonly Family[];

/** `aurora-postgresql` → postgres, `docdb` → mongodb, `sqlserver-ex` → sqlserver. */
export function familyOf(engine: string): Family {
  if (/postgres|redshift/.test(engine)) return 'postgres';
  if (/mysql|mariadb|^aurora$/.test(engine)) return 'mysql';
  if (/redis|valkey/.test(engine)) return 'redis';
  if (engine === 'memcached') return 'memcached';
  if (/docdb|mongo/.test(engine)) return 'mongodb';
  if (/opensearch|elasticsearch/.test(engine)) return 'opensearch';
  return engine.startsWith('sqlserver') ? 'sqlserver' : 'other';
}

/** Redshift speaks the protocol of PostgreSQL on its own port, and Redis often has a second port for TLS. */
const OTHER_PORTS: Readonly<Record<number, Family>> = { 5439: 'postgres', 6380: 'redis' };

/** The family that usually listens on that port, for a host whose engine is not known. */
export const familyAt = (port: number): Family =>
  OTHER_PORTS[port] ??
  FAMILY_NAMES.find((name) => FAMILIES[name].port === port && name !== 'other') ??
  'other';

/** RDS and DocumentDB have authorities of their own; the other services present certificates of Amazon's public ones. */
export const certificatesOf = ({ service }: Pick<Database, 'service'>): 'rds' | 'amazon' =>
  service === 'rds' || service === 'documentdb' ? 'rds' : 'amazon';
