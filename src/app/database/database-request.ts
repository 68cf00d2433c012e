import type { Family } from '../../connect/database/engines.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { LoginRequest } from './login.ts';

export const PRINT_FORMATS = ['uri', 'env', 'json', 'dbeaver', 'jetbrains', 'vscode'] as const;
export type PrintFormat = (typeof PRINT_FORMATS)[number];

export interface DatabaseRequest extends Omit<LoginRequest, 'iam' | 'secret'> {
  /** False = not even if a config file demands it; undefined = as the config files say. */
  readonly iam: boolean | undefined;
  /** Name or ARN; true = the one that AWS keeps for the database. False and undefined are as for `iam`. */
  readonly secret: string | boolean | undefined;
  /** Identifier or ARN of a database, proxy, cache or endpoint; undefined = the person is asked. */
  readonly id: string | undefined;
  /** `HOST:PORT` that AWS does not list, as typed. */
  readonly host: string | undefined;
  /** Protocol of that host; undefined = the usual one of its port. */
  readonly engine: Family | undefined;
  readonly via: 'auto' | 'task' | 'bastion';
  readonly wanted: Wanted;
  /** Name of the bastion. */
  readonly name: string | undefined;
  readonly replace: boolean;
  /** Sessions that share the connections of the forward; undefined = as many as make them faster. */
  readonly sessions?: number | undefined;
  /** 0 = any free port; undefined = the one derived from account, region and id. */
  readonly port: number | undefined;
  /** Undefined = as the config files say. */
  readonly readOnly: boolean | undefined;
  /** File of authorities to verify the certificate with. */
  readonly ca: string | undefined;
  /** False = no TLS. */
  readonly tls: boolean;
  /** Empty = the usual client of the engine. */
  readonly command: readonly string[];
  /** Start no client, and print the connection for another program. */
  readonly print: PrintFormat | undefined;
}

/** The request together with the settings of the config files for this database. */
export type SettledRequest = Omit<DatabaseRequest, keyof LoginRequest | 'readOnly'> &
  LoginRequest & { readonly readOnly: boolean };
