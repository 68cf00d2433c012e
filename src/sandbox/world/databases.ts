import { mkdtemp, rm } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { systemClock, type Clock } from '../../core/clock.ts';
import type { Seed, SeedDatabase } from '../seed-shapes.ts';
import { temporaryPrefix } from '../machines/machine-root.ts';
import { hostsOf } from './database-endpoints.ts';
import type { CertificateAuthority } from './certificates.ts';
import { startDatabaseEngine } from './database-engine.ts';
import { DatabaseServer } from './database-server.ts';

export interface DatabasesOptions {
  readonly clock?: Clock;
  readonly statementTimeoutMs?: number;
  readonly idleInTransactionMs?: number;
  readonly maxConnections?: number;
  /** Issues the certificates of the servers; absent = they have no TLS. */
  readonly authority?: CertificateAuthority;
  /** Whether the database accepts an IAM token as this user's password. */
  verifyToken?(database: SeedDatabase, token: string, username: string): boolean;
}

export interface Databases {
  /** Loopback port of the database. Its server listens from this call on; its engine starts at the first login. */
  port(id: string): Promise<number>;
  /** Starts the engine before the first login, because the first start of PostgreSQL takes seconds. */
  warmUp(id: string): Promise<void>;
  close(): Promise<void>;
}

/** Real PostgreSQL engines for the databases of the seed. This call starts none of them. */
export function createDatabases(
  seed: Pick<Seed, 'databases' | 'proxies'>,
  options: DatabasesOptions = {},
): Databases {
  const directories = new Set<string>();
  const servers = new Map(
    seed.databases.map((database) => [
      database.id,
      new DatabaseServer({
        database,
        clock: options.clock ?? systemClock,
        statementTimeoutMs: options.statementTimeoutMs ?? 60_000,
        idleInTransactionMs: options.idleInTransactionMs ?? 30_000,
        maxConnections: options.maxConnections ?? 100,
        secureContext: secureContextOf(database, seed, options),
        ...(options.verifyToken === undefined
          ? {}
          : {
              verifyToken: (token, username) => options.verifyToken?.(database, token, username) === true,
            }),
        startEngine: async (signal) => {
          const directory = await mkdtemp(temporaryPrefix('database'));
          directories.add(directory);
          return startDatabaseEngine(
            {
              directory,
              databaseName: database.databaseName,
              username: database.masterUsername,
              sql: database.sql,
            },
            signal,
          );
        },
      }),
    ]),
  );
  const serverOf = (id: string): DatabaseServer => {
    const server = servers.get(id);
    if (server === undefined) throw new Error(`no database ${id} in the seed`);
    return server;
  };
  return {
    port: (id) => serverOf(id).port(),
    warmUp: (id) => serverOf(id).warmUp(),
    async close() {
      await Promise.all([...servers.values()].map((server) => server.close()));
      for (const directory of directories) await rm(directory, { recursive: true, force: true });
    },
  };
}

/** One certificate for every host name of the database and of the proxies in front of it. */
function secureContextOf(
  database: SeedDatabase,
  seed: Pick<Seed, 'proxies'>,
  { authority, clock = systemClock }: DatabasesOptions,
): SecureContext | undefined {
  if (authority === undefined) return undefined;
  const { certificate, key } = authority.issue({ names: hostsOf(database, seed), now: clock.now() });
  return createSecureContext({ cert: certificate, key });
}
