import type { AwsAccount } from '../../aws/account.ts';
import type { Database, DatabaseEndpoint } from '../../connect/ports.ts';
import type { DatabasesPort } from '../../connect/ports/databases.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import { placeInUse, refuseForeignDatabaseArn } from '../arn-scope.ts';

/** Finds databases, proxies, caches and search domains in the account and region, whichever service they belong to. */

/** One kind of list that AWS answers with calls of its own. */
type Kind = keyof DatabasesPort;

/** The kinds in the order in which an id is looked up; kinds in one group are asked at the same time. */
const LOOKED_UP: readonly (readonly Kind[])[] = [
  ['databases'],
  ['proxies'],
  ['elastiCaches', 'memoryDbClusters'],
  ['redshiftClusters', 'redshiftWorkgroups', 'searchDomains'],
];

/** What a kind is called in a sentence. */
export const TITLES: Readonly<Record<Kind, string>> = {
  databases: 'databases of RDS and DocumentDB',
  proxies: 'RDS proxies',
  elastiCaches: 'caches of ElastiCache',
  memoryDbClusters: 'clusters of MemoryDB',
  redshiftClusters: 'clusters of Redshift',
  redshiftWorkgroups: 'workgroups of Redshift Serverless',
  searchDomains: 'domains of OpenSearch',
};

export interface Discovery {
  readonly databases: readonly Database[];
  /** The kinds that could not be listed, and why. */
  readonly gaps: readonly { readonly kind: Kind; readonly error: ToolError }[];
}

/**
 * Everything of all kinds. A kind that IAM denies, or whose service does not answer, is a gap and hides no other kind.
 * Throws the first error when no kind could be listed.
 */
export async function discoverDatabases(
  account: Pick<AwsAccount, 'databases'>,
  kinds: readonly Kind[] = LOOKED_UP.flat(),
): Promise<Discovery> {
  const port = await account.databases();
  const answers = await Promise.all(
    kinds.map(async (kind) => {
      let known: readonly Database[] = [];
      try {
        const found = await port[kind]((soFar: readonly Database[]) => {
          known = soFar;
        });
        return { kind, found, error: undefined };
      } catch (error) {
        if (!isGap(error)) throw error;
        return { kind, found: known, error };
      }
    }),
  );
  const failures = answers.flatMap(({ kind, error }) => (error === undefined ? [] : [{ kind, error }]));
  const [first] = failures;
  const databases = answers.flatMap(({ found }) => found);
  if (first !== undefined && failures.length === kinds.length && databases.length === 0) throw first.error;
  return { databases, gaps: failures.filter(({ error }) => !isAbsentService(error)) };
}

/** A region that lacks a service has no host name for it. */
const isAbsentService = ({ code, details }: ToolError): boolean =>
  code === 'aws-unreachable' && details['systemError'] === 'ENOTFOUND';

/** Errors after which the other kinds are still worth listing. */
const GAPS: ReadonlySet<string> = new Set(['access-denied', 'aws-unreachable', 'aws-error', 'aws-throttled']);

/** Whether AWS has refused this part of a list, or did not answer. */
export const isGap = (error: unknown): error is ToolError =>
  error instanceof ToolError && GAPS.has(error.code);

/** A database, and the endpoint of it that was meant. */
export interface FoundDatabase {
  readonly database: Database;
  readonly endpoint: DatabaseEndpoint;
  /** The other databases that were listed on the way. */
  readonly listed: readonly Database[];
}

/**
 * The database, proxy or cache with this identifier or ARN, or the one that has an endpoint with this identifier (an
 * instance of a cluster, a custom endpoint, an endpoint of a proxy) or this host name. Asks for one kind after another and stops at the
 * first match. Throws `database-not-found`, `database-without-endpoint`; `arn-elsewhere` or `arn-kind` before the first
 * list; if nothing matches and a kind could not be listed, the error of that kind.
 */
export async function findDatabase(
  id: string,
  account: Pick<AwsAccount, 'databases' | 'identity' | 'region'>,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<FoundDatabase> {
  await refuseForeignDatabaseArn(id, placeInUse(account));
  const listed: Database[] = [];
  let denied: ToolError | undefined;
  for (const kinds of LOOKED_UP) {
    const answer = await discoverDatabases(account, kinds).catch((error: unknown): Discovery => {
      if (!isGap(error)) throw error;
      return { databases: [], gaps: kinds.map((kind) => ({ kind, error })) };
    });
    denied ??= answer.gaps[0]?.error;
    listed.push(...answer.databases);
    const match = matching(id, answer.databases, readOnly);
    if (match !== undefined) return { ...match, listed };
  }
  if (denied !== undefined) throw denied;
  const names = listed.flatMap(namesOf);
  throw noMatch('database-not-found', `no database ${id} in ${account.region}`, {
    details: {
      databases: [id],
      candidates: listed.map((database) => ({ id: database.id, engine: database.engine })),
      near: candidatesFor(id, names).near,
    },
  });
}

/** Everything that `findDatabase` takes for this database, except its ARN. */
export const namesOf = (database: Database): readonly string[] => [
  database.id,
  ...database.endpoints.flatMap((endpoint) => endpoint.id ?? []),
];

/** The one of these databases that has this id or ARN, or an endpoint with this id or host name. */
export function matching(
  id: string,
  databases: readonly Database[],
  readOnly: boolean,
): Pick<FoundDatabase, 'database' | 'endpoint'> | undefined {
  const wanted = id.toLowerCase();
  const database = databases.find((each) => each.id.toLowerCase() === wanted || each.arn === id);
  if (database !== undefined) return { database, endpoint: endpointOf(database, readOnly) };
  for (const each of databases) {
    const endpoint = each.endpoints.find(
      (candidate) => candidate.id?.toLowerCase() === wanted || candidate.host === wanted,
    );
    if (endpoint !== undefined) return { database: each, endpoint };
  }
  return undefined;
}

/** The first endpoint, or for reading the reader endpoint where there is one. Throws `database-without-endpoint`. */
export function endpointOf(database: Database, readOnly: boolean): DatabaseEndpoint {
  const reader = readOnly ? database.endpoints.find(({ role }) => role === 'reader') : undefined;
  const endpoint = reader ?? database.endpoints[0];
  if (endpoint === undefined) {
    throw noMatch(
      'database-without-endpoint',
      `database ${database.id} has no address yet, its status is ${database.status}`,
      { details: { database: database.id, status: database.status } },
    );
  }
  return endpoint;
}
