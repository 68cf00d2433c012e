import type { Family } from '../../connect/database/engines.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { LoginRequest } from './login.ts';

export const PRINT_FORMATS = ['uri', 'env', 'json', 'dbeaver', 'jetbrains', 'vscode'] as const;
export type PrintFormat = (typeof PRINT_FORMATS)[number];

export interface DatabaseRequest extends LoginRequest {
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
  /** 0 = any free port; undefined = the one derived from account, region and id. */
  readonly port: number | undefined;
  readonly readOnly: boolean;
  /** File of authorities to verify the certificate with. */
  readonly ca: string | undefined;
  /** False = no TLS. */
  readonly tls: boolean;
  /** Empty = the usual client of the engine. */
  readonly command: readonly string[];
  /** Start no client, and print the connection for another program. */
  readonly print: PrintFormat | undefined;
}
