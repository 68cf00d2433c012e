import type { Database } from '../ports.ts';

/** What `db` needs from AWS: the databases, and what logs in to them. */

/** The services that have databases. Every method reads all pages. */
export interface DatabasesPort {
  /**
   * RDS instances, Aurora and Multi-AZ clusters, DocumentDB; not Neptune. Ordered by id. `onPage` is called after each
   * page of AWS's answers with all databases known by then.
   */
  databases(onPage?: (soFar: readonly Database[]) => void): Promise<readonly Database[]>;
  proxies(): Promise<readonly Database[]>;
  /** ElastiCache: replication groups, Memcached clusters, serverless caches. */
  elastiCaches(): Promise<readonly Database[]>;
  memoryDbClusters(): Promise<readonly Database[]>;
  redshiftClusters(): Promise<readonly Database[]>;
  /** Redshift Serverless. */
  redshiftWorkgroups(): Promise<readonly Database[]>;
  /** OpenSearch and Elasticsearch domains in a VPC. */
  searchDomains(): Promise<readonly Database[]>;
}

export interface DatabaseTokensPort {
  /**
   * An IAM token for one user at one host and port, which opens connections for 15 minutes. It is a secret. Signed
   * without a call to AWS.
   */
  token(request: { readonly host: string; readonly port: number; readonly user: string }): Promise<string>;
}

export interface SecretsPort {
  /** The current value by name or ARN, as text. It is a secret. Throws `secret-not-found`, `secret-binary`. */
  text(id: string): Promise<string>;
}
