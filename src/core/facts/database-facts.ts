/** Errors of databases: finding them, signing in, the client. */
export interface DatabaseErrorFacts {
  'ca-file-unusable': { readonly path: string };
  'client-missing': { readonly program: string };
  'database-elsewhere': { readonly database: string; readonly vpc?: string | undefined };
  'database-ipv4-only': {
    readonly database: string;
    readonly kind: 'cluster' | 'instance';
    readonly subnets: readonly string[];
    /** A subnet with IPv4 that the bastion could use instead. */
    readonly otherSubnet?: string | undefined;
  };
  'database-needed': {
    /** Ids in the order in which they are offered. */
    readonly candidates?: readonly string[] | undefined;
  };
  'database-not-found': {
    readonly databases: readonly string[];
    readonly candidates: readonly { readonly id: string; readonly engine: string }[];
    /** The most similar identifiers. */
    readonly near?: readonly string[] | undefined;
  };
  'database-not-judged': {
    readonly database: string;
    /** With its article: `an RDS proxy`. */
    readonly kind: string;
    readonly host: string;
    readonly port: number;
    /** Where the path begins that was asked for. */
    readonly from?: string | undefined;
  };
  'database-silent': { readonly host: string; readonly port: number };
  'database-unreachable': {
    /** Undefined = a host that AWS does not list. */
    readonly database: string | undefined;
    /** The rules of security groups that are missing, one sentence each. */
    readonly missing: readonly string[];
  };
  'database-without-endpoint': { readonly database: string; readonly status: string };
  'database-without-tls': { readonly host: string; readonly port: number };
  'iam-login-off': { readonly database: string; readonly service: string };
  'local-port-shared': { readonly database: string; readonly other: string; readonly port: number };
  'port-refused': { readonly host: string; readonly port: number };
  'secret-needed': { readonly database: string };
  'secret-not-found': { readonly secret: string };
  'secret-unusable': { readonly secret: string };
  'user-needed': { readonly database: string };
}
