import type { AwsAccount } from '../../aws/account.ts';
import type { Database, DatabaseEndpoint } from '../../connect/ports.ts';
import { type ToolError, usage } from '../../core/errors.ts';
import type { DatabaseFacts } from '../../provision/ports/diagnosis.ts';
import { discoverDatabases, matching } from '../database/discovery.ts';

/**
 * What `ls databases` lists and RDS does not describe under that name: custom and reader endpoints, host names, RDS
 * proxies, and the databases of other services.
 */

export interface ListedDatabase {
  /** Undefined if nothing that is listed has the name. */
  readonly found: { readonly database: Database; readonly endpoint: DatabaseEndpoint } | undefined;
  /** The RDS instance or cluster to which the name belongs; undefined for databases of other kinds. */
  readonly facts: DatabaseFacts | undefined;
  readonly listed: readonly Database[];
}

/**
 * `name` is an id, or the id or the host name of an endpoint. A kind that may not be listed counts as empty: who may
 * describe one database may not be allowed to list all.
 */
export async function listedDatabase(
  name: string,
  account: Pick<AwsAccount, 'databases' | 'diagnosis'>,
): Promise<ListedDatabase> {
  const { databases: listed } = await discoverDatabases(account).catch(() => ({ databases: [] }));
  const found = matching(name, listed, false);
  const isOfRds = found?.database.service === 'rds' || found?.database.service === 'documentdb';
  const facts = isOfRds ? await (await account.diagnosis()).database(found.database.id) : undefined;
  return { found, facts, listed };
}

/** The error for a database of a kind whose state `doctor` does not read; `from` is the beginning of the path. */
export function databaseNotJudged(
  name: string,
  { database, endpoint }: NonNullable<ListedDatabase['found']>,
  from: string | undefined,
): ToolError {
  const kind = KINDS[database.service];
  const { host, port } = endpoint;
  return usage('database-not-judged', `${name} is ${kind}, and doctor judges instances and clusters of RDS`, {
    details: { database: name, kind, host, port, from },
  });
}

const KINDS: Readonly<Record<Database['service'], string>> = {
  rds: 'a database of RDS',
  'rds-proxy': 'an RDS proxy',
  documentdb: 'a cluster of DocumentDB',
  elasticache: 'a cache of ElastiCache',
  memorydb: 'a cluster of MemoryDB',
  redshift: 'a cluster of Redshift',
  'redshift-serverless': 'a workgroup of Redshift Serverless',
  opensearch: 'a domain of OpenSearch',
};
