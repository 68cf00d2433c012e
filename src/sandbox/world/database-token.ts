import type { Principal } from '../contracts.ts';
import { type AccessKey, verifySignature } from '../sigv4.ts';

/**
 * IAM tokens of RDS: a presigned `GET HOST:PORT/?Action=connect&DBUser=USER` for service `rds-db`, without the URL
 * scheme.
 */

/** A token is valid for 15 minutes. */
const MAX_LIFETIME_SECONDS = 900;

export interface TokenQuestion {
  readonly token: string;
  /** Host names of the database and of proxies in front of it; a token names the one to which the client connects. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly username: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly lookup: (accessKeyId: string) => AccessKey | undefined;
}

/**
 * Returns who signed the token, if it is valid for this host, port and user at this time. It does not check whether
 * IAM allows the signer to connect.
 */
export function tokenSigner(question: TokenQuestion): Principal | undefined {
  const { token, hosts, port, username, region, now, lookup } = question;
  const slash = token.indexOf('/');
  const [host, url] = [token.slice(0, slash), token.slice(slash)];
  const isForDatabase = hosts.some((name) => host === `${name}:${port}`);
  if (slash < 0 || !isForDatabase || !url.startsWith('/?')) return undefined;
  const query = new URLSearchParams(url.slice(2));
  if (query.get('Action') !== 'connect' || query.get('DBUser') !== username) return undefined;
  const verified = verifySignature(
    { method: 'GET', url, headers: { host }, body: new Uint8Array(0) },
    lookup,
    now,
  );
  if (!verified.ok) return undefined;
  const { service, region: signedRegion, expires, signedHeaders } = verified.signature;
  const isForThisDatabase = service === 'rds-db' && signedRegion === region && signedHeaders.includes('host');
  const isShort = expires !== undefined && expires > 0 && expires <= MAX_LIFETIME_SECONDS;
  return isForThisDatabase && isShort ? verified.principal : undefined;
}
