import { type Family, familyAt, familyOf } from '../../connect/database/engines.ts';
import { derivedPort, identityOf, sharesPort } from '../../connect/database/local-port.ts';
import { parseTarget } from '../../connect/forward/forward-spec.ts';
import type { Database, DatabaseEndpoint } from '../../connect/ports.ts';
import { failed, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import type { SettledRequest } from './database-request.ts';
import { findDatabase, namesOf } from './discovery.ts';

/** Which endpoint of which database is meant, and which local port belongs to it. */

/** The destination, from AWS or from `--host`. */
export interface Destination {
  readonly name: string;
  readonly engine: string;
  readonly family: Family;
  readonly database: Database;
  readonly endpoint: DatabaseEndpoint;
  readonly isListed: boolean;
  readonly others: readonly Database[];
}

/**
 * The database that the request names: by id or ARN, or as HOST:PORT without a call to AWS. Throws `database-needed`,
 * `database-not-found`, `bad-arguments`, `bad-forward`.
 */
export async function destinationOf(
  request: Pick<SettledRequest, 'id' | 'host' | 'engine' | 'readOnly'>,
  deps: Needs<'account'>,
): Promise<Destination> {
  if (request.host !== undefined) return hostDestination(request.host, request.engine);
  if (request.id === undefined) throw usage('database-needed', 'which database?', { details: {} });
  const account = await deps.account();
  const { database, endpoint, listed } = await findDatabase(request.id, account, request);
  return {
    name: endpoint.id ?? database.id,
    engine: database.engine,
    family: familyOf(database.engine),
    database,
    endpoint,
    isListed: true,
    others: listed,
  };
}

function hostDestination(text: string, engine: Family | undefined): Destination {
  const { host, port } = parseTarget(text);
  if (host === undefined)
    throw usage('bad-arguments', `${text} names no host`, {
      details: { instead: [['--host', `HOST:${port}`]] },
    });
  const family = engine ?? familyAt(port);
  const endpoint = { role: 'instance', id: undefined, host, port } as const;
  return {
    name: `${host}:${port}`,
    engine: family,
    family,
    endpoint,
    isListed: false,
    others: [],
    database: {
      id: `${host}:${port}`,
      arn: `${host}:${port}`,
      service: 'rds',
      kind: 'instance',
      engine: family,
      status: 'unknown',
      endpoints: [endpoint],
      databaseName: undefined,
      masterUsername: undefined,
      vpcId: undefined,
      securityGroups: [],
      iamAuthentication: true,
      publiclyAccessible: false,
      ipv6: false,
      tls: 'offered',
      resourceId: undefined,
      secretArn: undefined,
      isSharded: false,
    },
  };
}

/** Throws `local-port-shared` if a saved connection could reach another database tomorrow. */
export function portOf({
  database,
  endpoint,
  name,
  others,
}: Pick<Destination, 'database' | 'endpoint' | 'name' | 'others'>): number {
  const port = derivedPort(identityOf(database, endpoint));
  const other = sharesPort(database, endpoint, others);
  if (other === undefined) return port;
  const otherName = other.endpoint.id ?? namesOf(other.database)[0] ?? '';
  throw failed(
    'local-port-shared',
    `the same local port ${port} is derived for ${name} and for ${otherName}, so that a saved connection could reach the wrong one`,
    { details: { database: name, other: otherName, port } },
  );
}
