import type { Principal } from '../contracts.ts';
import type { SeedDatabase } from '../seed-shapes.ts';
import { type AccessKey, verifySignature } from '../sigv4.ts';

/** RDS's IAM tokens: a presigned `GET HOST:PORT/?Action=connect&DBUser=USER` for service `rds-db`, without its scheme. */

/** A token opens connections for a quarter of an hour. */
const MAX_LIFETIME_SECONDS = 900;

export interface TokenQuestion {
  readonly token: string;
  readonly database: Pick<SeedDatabase, 'host' | 'port'>;
  readonly username: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly lookup: (accessKeyId: string) => AccessKey | undefined;
}

/** Who signed the token, if it is one for this host, port and user, and valid now. Whether the signer may connect is IAM's matter. */
export function tokenSigner(question: TokenQuestion): Principal | undefined {
  const { token, database, username, region, now, lookup } = question;
  const slash = token.indexOf('/');
  const [host, url] = [token.slice(0, slash), token.slice(slash)];
  if (slash < 0 || host !== `${database.host}:${database.port}` || !url.startsWith('/?')) return undefined;
  const query = new URLSearchParams(url.slice(2));
  if (query.get('Action') !== 'connect' || query.get('DBUser') !== username) return undefined;
  const verified = verifySignature(
    { method: 'GET', url, headers: { host }, body: new Uint8Array(0) },
    lookup,
    now,
  );
  if (!verified.ok) return undefined;
  const { service, region: signedRegion, expires, signedHeaders } = verified.signature;
  const isForUs = service === 'rds-db' && signedRegion === region && signedHeaders.includes('host');
  const isShort = expires !== undefined && expires > 0 && expires <= MAX_LIFETIME_SECONDS;
  return isForUs && isShort ? verified.principal : undefined;
}
