import { createHash } from 'node:crypto';
import type { Database, DatabaseEndpoint } from '../ports.ts';

/**
 * The local port of a database: always the same one for the same endpoint, so that a connection that was saved in
 * another program works again. The range lies below the ports that Linux (32768), macOS and Windows (49152) give to
 * outgoing connections, and above those that servers usually listen on.
 */
export const DERIVED_PORTS = { first: 15_000, last: 32_000 } as const;

/** `identity` names one endpoint in one account and region. */
export function derivedPort(identity: string): number {
  const { first, last } = DERIVED_PORTS;
  const digest = createHash('sha256').update(identity).digest();
  return first + (digest.readUInt32BE(0) % (last - first + 1));
}

/**
 * The ARN contains account, region and id; a reader or custom endpoint, an instance or a node is another destination
 * than the database itself.
 */
export const identityOf = ({ arn, endpoints }: Database, endpoint: DatabaseEndpoint): string =>
  endpoint === endpoints[0] ? arn : `${arn}#${endpoint.id ?? endpoint.role}`;

/**
 * Another endpoint of these databases from which the same port is derived; undefined = none. With a hundred endpoints
 * this happens once in three to four accounts and regions.
 */
export function sharesPort(
  database: Database,
  endpoint: DatabaseEndpoint,
  all: readonly Database[],
): { readonly database: Database; readonly endpoint: DatabaseEndpoint } | undefined {
  const own = identityOf(database, endpoint);
  const port = derivedPort(own);
  for (const other of all)
    for (const each of other.endpoints) {
      const identity = identityOf(other, each);
      if (identity !== own && derivedPort(identity) === port) return { database: other, endpoint: each };
    }
  return undefined;
}
