import { isIP } from 'node:net';
import { usage } from '../../core/errors.ts';
import { hostPort } from '../../core/host-port.ts';

/** One `-L`: the local address and port, and the remote host and port. */
export interface ForwardSpec {
  readonly bind: string;
  /** The user gave no address: the listener binds 127.0.0.1, and ::1 if the machine has it. */
  readonly isDefaultBind?: true;
  /** 0 = any free port. */
  readonly localPort: number;
  /** Undefined = the task (or bastion) itself. */
  readonly remoteHost: string | undefined;
  /** 0 when a session document decides the port, or the database does. */
  readonly remotePort: number;
  /** Identifier of a database in AWS, in place of host and port. */
  readonly database?: string;
  /** The local port is the one that belongs to the database. */
  readonly isDatabasePort?: true;
  /** A reader endpoint of the database, where there is one. */
  readonly isReadOnly?: true;
}

/**
 * Parses `[bind:]local:host:remote`, `local:remote`, `[bind:]local:database` and `database`; also `bind:local:remote` where bind is `*`, `0.0.0.0`,
 * `::` or a loopback address: port `remote` of the task itself.
 * Throws `bad-forward` (usage) naming the part that is wrong, with the order that was probably meant.
 */
export function parseForward(text: string): ForwardSpec {
  const parts = splitOutsideBrackets(text);
  const refuse = (reason: string): Error =>
    badForward('forward', text, reason, parts === undefined ? undefined : inReadableOrder(parts));
  const ofDatabase = parts === undefined ? undefined : databaseForward(parts, refuse);
  if (ofDatabase !== undefined) return ofDatabase;
  if (parts === undefined || parts.length < 2 || parts.length > 4)
    throw refuse('it has the wrong number of parts');
  const remotePort = parsePort(refuse, parts.at(-1) ?? '', 1);
  const [first = '', second = ''] = parts;
  if (parts.length === 2) {
    return {
      bind: '127.0.0.1',
      isDefaultBind: true,
      localPort: parsePort(refuse, first, 0),
      remoteHost: undefined,
      remotePort,
    };
  }
  if (parts.length === 3 && isListenAddress(first) && isPort(second, 0))
    return { ...parseBind(refuse, first), localPort: Number(second), remoteHost: undefined, remotePort };
  const [remoteHost = '', local = '', bind] = parts.slice(0, -1).toReversed();
  return {
    ...parseBind(refuse, bind),
    localPort: parsePort(refuse, local, 0),
    remoteHost: parseHost(refuse, remoteHost),
    remotePort,
  };
}

/** Identifiers of RDS, ElastiCache and MemoryDB: unlike most host names they have no dots. */
const DATABASE_ID = /^[a-z][a-z0-9-]{0,62}$/i;

/** `database`, `local:database` or `bind:local:database`; undefined where the parts are something else. */
function databaseForward(parts: readonly string[], refuse: Refuse): ForwardSpec | undefined {
  const database = parts.at(-1) ?? '';
  const [first = '', second] = parts;
  if (!DATABASE_ID.test(database) || parts.length > 3 || database === 'localhost') return undefined;
  const target = { remoteHost: undefined, remotePort: 0, database };
  if (second === undefined)
    return { bind: '127.0.0.1', isDefaultBind: true, localPort: 0, isDatabasePort: true, ...target };
  const local = parts.at(-2) ?? '';
  if (!isPort(local, 0) || (parts.length === 3 && isPort(first, 0))) return undefined;
  return {
    ...parseBind(refuse, parts.length === 3 ? first : undefined),
    localPort: Number(local),
    ...target,
  };
}

/**
 * Parses `[bind:]local`, for a session document that contains the destination, and for `-D`. Throws `bad-forward`
 * (usage).
 */
export function parseListener(text: string, form: 'listener' | 'proxy' = 'listener'): ForwardSpec {
  const parts = splitOutsideBrackets(text);
  const refuse = (reason: string): Error => badForward(form, text, reason);
  if (parts === undefined || parts.length > 2)
    throw refuse(form === 'proxy' ? '-D takes [BIND:]LOCAL' : 'with a session document it is [BIND:]LOCAL');
  const [local = '', bind] = parts.toReversed();
  return {
    ...parseBind(refuse, bind),
    localPort: parsePort(refuse, local, 0),
    remoteHost: undefined,
    remotePort: 0,
  };
}

/** Parses `HOST:PORT` or `PORT` of `--stdio`. Throws `bad-forward`. */
export function parseTarget(text: string): { readonly host: string | undefined; readonly port: number } {
  const parts = splitOutsideBrackets(text);
  const refuse = (reason: string): Error =>
    badForward('target', text, reason, parts === undefined ? undefined : asTarget(parts));
  if (parts === undefined || parts.length > 2) throw refuse('HOST:PORT is expected');
  const [first = '', second] = parts;
  if (second === undefined && !/^\d+$/.test(first) && isHost(first))
    throw refuse('its port is missing, HOST:PORT is expected');
  const port = parsePort(refuse, second ?? first, 1);
  return { host: second === undefined ? undefined : parseHost(refuse, first), port };
}

/** True for addresses that only this machine can reach. */
export const isLoopback = (bind: string): boolean =>
  bind === 'localhost' || bind === '::1' || bind.startsWith('127.');

/** Splits at colons; undefined if brackets do not match. Brackets are removed. */
function splitOutsideBrackets(text: string): readonly string[] | undefined {
  const parts = text.match(/\[[^[\]]*\]|[^:[\]]+|:/g);
  if (parts === null || parts.join('') !== text) return undefined;
  const fields: string[] = [];
  let expectsField = true;
  for (const part of parts) {
    if ((part !== ':') !== expectsField) return undefined;
    if (part !== ':') fields.push(part.startsWith('[') ? part.slice(1, -1) : part);
    expectsField = !expectsField;
  }
  return expectsField ? undefined : fields;
}

/** Makes the error for a part that cannot be read, out of the reason. */
type Refuse = (reason: string) => Error;

const isPort = (text: string, lowest: number): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= lowest && Number(text) <= 65_535;

const isHost = (text: string): boolean => /^[\w.:%-]+$/.test(text);

/** An address that, before two ports, can only be where we listen: as the host behind a task it means the task itself. */
const isListenAddress = (text: string): boolean =>
  ['*', '0.0.0.0', '::', 'localhost', '::1'].includes(text) || /^127(\.\d{1,3}){3}$/.test(text);

function parsePort(refuse: Refuse, port: string, lowest: number): number {
  if (!isPort(port, lowest)) throw refuse(`${port} is no port from ${lowest} to 65535`);
  return Number(port);
}

function parseBind(refuse: Refuse, bind: string | undefined): Pick<ForwardSpec, 'bind' | 'isDefaultBind'> {
  if (bind === undefined) return { bind: '127.0.0.1', isDefaultBind: true };
  return { bind: bind === '*' ? '0.0.0.0' : parseHost(refuse, bind) };
}

function parseHost(refuse: Refuse, host: string): string {
  if (!isHost(host)) throw refuse(`${host === '' ? 'the host' : host} is no host name or address`);
  return host;
}

const written = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The parts of a `-L` in an order that can be read; undefined where there is none. */
function inReadableOrder(parts: readonly string[]): string | undefined {
  const ports = parts.filter((part) => isPort(part, 0));
  const [local = '', remote = local] = ports;
  if (ports.length > 2 || !isPort(remote, 1)) return undefined;
  const [host, bind, ...more] = parts.filter((part) => !isPort(part, 0)).toReversed();
  if (more.length > 0) return undefined;
  if (host === undefined) return [local, remote].join(':');
  if (bind === undefined && isListenAddress(host)) return [written(host), local, remote].join(':');
  // Digits alone are a port out of range.
  if (!isHost(host) || /^\d+$/.test(host)) return undefined;
  if (bind === undefined) return [local, written(host), remote].join(':');
  if (!isListenAddress(bind) && isIP(bind) === 0) return undefined;
  return [written(bind), local, written(host), remote].join(':');
}

/** Host and port out of `PORT:HOST` or of what `-L` takes; undefined where they are not told apart. */
function asTarget(parts: readonly string[]): string | undefined {
  const hosts = parts.filter((part) => !/^\d+$/.test(part) && isHost(part));
  const port = parts.findLast((part) => isPort(part, 1));
  const [host] = hosts;
  return host === undefined || hosts.length > 1 || port === undefined
    ? undefined
    : hostPort(host, Number(port));
}

const badForward = (
  form: 'forward' | 'listener' | 'proxy' | 'target',
  text: string,
  reason: string,
  suggestion?: string,
): Error =>
  usage('bad-forward', text === '' ? 'a port is missing' : `cannot read ${text}: ${reason}`, {
    details: { value: text, form, ...(suggestion === undefined ? {} : { suggestions: [suggestion] }) },
  });
