import { type Command, InvalidArgumentError, Option } from 'commander';

import type { DatabaseRequest } from '../app/database/database-request.ts';

/** Flags of the commands that open forwards: `forward`, `db` and `run`. */

export interface RouteFlags {
  readonly via: 'auto' | 'task' | 'bastion';
  readonly name?: string;
  readonly replace: boolean;
  readonly sessions?: number;
}

export const addRouteFlags = (command: Command): Command =>
  command
    .addOption(
      new Option('--via <way>', 'what carries the connections')
        .choices(['auto', 'task', 'bastion'])
        .default('auto'),
    )
    .option('--name <bastion>', 'which bastion, when there are several')
    .option('--no-replace', 'launch no replacement for a spot bastion that EC2 interrupts')
    .option(
      '--sessions <number>',
      'sessions that share the connections (default: up to 4 through a bastion, 2 through a task, when that is faster)',
      sessionCount,
    );

/** Each session is a StartSession call and a process beside the bastion's or task's own. */
const MAX_SESSIONS = 16;

function sessionCount(text: string): number {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_SESSIONS)
    throw new InvalidArgumentError(`Sessions are a number from 1 to ${MAX_SESSIONS}.`);
  return count;
}

/** Collects the values of a flag that can be given several times. */
export const repeated = (value: string, all: readonly string[] | undefined): readonly string[] => [
  ...(all ?? []),
  value,
];

export const addForwardFlag = (command: Command): Command =>
  command.option(
    '-L <spec>',
    '[bind:]local:host:remote, or local:remote for a port of the task, local:id or id for a database; repeatable',
    repeated,
  );

export interface ProxyFlags {
  readonly D?: readonly string[];
  readonly allow?: readonly string[];
}

export const addProxyFlags = (command: Command): Command =>
  command
    .option(
      '-D <spec>',
      '[bind:]local: a SOCKS5 and HTTP CONNECT proxy to every host that the task or bastion reaches; repeatable',
      repeated,
    )
    .option(
      '--allow <host[:port]>',
      "-D leads to these hosts only: a name, '*.internal', an address or 10.0.0.0/16; repeatable",
      repeated,
    );

export interface LoginFlags {
  readonly as?: string;
  readonly database?: string;
  /** False = not even if a config file demands it; the same for the next two. */
  readonly iam?: boolean;
  readonly secret?: string | boolean;
  readonly readOnly?: boolean;
}

export const addLoginFlags = (command: Command): Command =>
  command
    .option('--as <user>', 'database user (default: that of the secret, or the master user)')
    .option('--database <name>', 'name of the database on the server')
    .option('--iam', 'log in with an IAM token')
    .option('--secret [id]', 'log in with a secret: that of RDS, or the one with this name or ARN')
    .option('--read-only', 'a reader endpoint where there is one, and read-only transactions')
    .option('--no-iam', 'not with a token, although a config file says so')
    .option('--no-secret', 'not with a secret, although a config file says so')
    .option('--no-read-only', 'not read-only, although a config file says so');

export interface ServerFlags {
  readonly port?: number;
  readonly ca?: string;
  readonly tls: boolean;
}

export const addServerFlags = (command: Command): Command =>
  command
    .option('--port <number>', 'local port, 0 for any free one (default: always the same one)', localPort)
    .option('--ca <file>', 'PEM file of the authorities that sign the certificate')
    .option('--no-tls', 'connect without TLS');

function localPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

export type DatabaseFlags = RouteFlags & LoginFlags & ServerFlags;

/** The part of the request that these flags decide. */
export const databaseOptionsOf = (
  flags: DatabaseFlags,
): Omit<DatabaseRequest, 'id' | 'host' | 'engine' | 'wanted' | 'command' | 'print'> => ({
  user: flags.as,
  databaseName: flags.database,
  iam: flags.iam,
  secret: flags.secret,
  readOnly: flags.readOnly,
  via: flags.via,
  name: flags.name,
  replace: flags.replace,
  sessions: flags.sessions,
  port: flags.port,
  ca: flags.ca,
  tls: flags.tls,
});

/** Why these flags contradict each other; undefined = they do not. */
export const databaseContradiction = ({
  iam,
  secret,
  via,
  name,
  tls,
  ca,
}: Pick<DatabaseRequest, 'iam' | 'secret' | 'via' | 'name' | 'tls' | 'ca'>): string | undefined =>
  iam === true && secret !== undefined && secret !== false
    ? '--iam and --secret are two logins'
    : !tls && ca !== undefined
      ? '--no-tls verifies nothing, and --ca is for that'
      : routeContradiction({ via, name });

export const routeContradiction = ({
  via,
  name,
}: Pick<DatabaseRequest, 'via' | 'name'>): string | undefined =>
  via === 'task' && name !== undefined
    ? `--via task uses no bastion, and --name ${name} names one`
    : undefined;
