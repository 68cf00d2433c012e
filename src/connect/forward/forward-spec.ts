import { usage } from '../../core/errors.ts';

/** One `-L`: the local address and port, and the remote host and port. */
export interface ForwardSpec {
  readonly bind: string;
  /** The user gave no address: the listener binds 127.0.0.1, and ::1 if the machine has it. */
  readonly isDefaultBind?: true;
  /** 0 = any free port. */
  readonly localPort: number;
  /** Undefined = the task (or bastion) itself. */
  readonly remoteHost: string | undefined;
  /** 0 when a session document decides the port. */
  readonly remotePort: number;
}

/** Parses `[bind:]local:host:remote` and `local:remote`. Throws `bad-forward` (usage) naming the part that is wrong. */
export function parseForward(text: string): ForwardSpec {
  const parts = splitOutsideBrackets(text);
  if (parts === undefined || parts.length < 2 || parts.length > 4)
    throw badForward(text, 'it has the wrong number of parts');
  const remotePort = parsePort(text, parts.at(-1) ?? '', 1);
  if (parts.length === 2) {
    return {
      bind: '127.0.0.1',
      isDefaultBind: true,
      localPort: parsePort(text, parts[0] ?? '', 0),
      remoteHost: undefined,
      remotePort,
    };
  }
  const [remoteHost = '', local = '', bind] = parts.slice(0, -1).toReversed();
  return {
    ...parseBind(text, bind),
    localPort: parsePort(text, local, 0),
    remoteHost: parseHost(text, remoteHost),
    remotePort,
  };
}

/** Parses `[bind:]local`, for a session document that contains the destination. Throws `bad-forward` (usage). */
export function parseListener(text: string): ForwardSpec {
  const parts = splitOutsideBrackets(text);
  if (parts === undefined || parts.length > 2) {
    throw usage('bad-forward', `cannot read ${text}: with --document it is [BIND:]LOCAL`, {
      details: { value: text, document: true },
    });
  }
  const [local = '', bind] = parts.toReversed();
  return {
    ...parseBind(text, bind),
    localPort: parsePort(text, local, 0),
    remoteHost: undefined,
    remotePort: 0,
  };
}

/** Parses `HOST:PORT` or `PORT` of `--stdio`. Throws `bad-forward`. */
export function parseTarget(text: string): { readonly host: string | undefined; readonly port: number } {
  const parts = splitOutsideBrackets(text);
  if (parts === undefined || parts.length > 2) throw badForward(text, 'it is not HOST:PORT');
  const port = parsePort(text, parts.at(-1) ?? '', 1);
  return { host: parts.length === 1 ? undefined : parseHost(text, parts[0] ?? ''), port };
}

/** True for addresses that only this machine can reach. */
export const isLoopback = (bind: string): boolean =>
  bind === 'localhost' || bind === '::1' || bind.startsWith('127.');

/** Host and port in one text; IPv6 addresses in brackets. */
export const hostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

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

function parsePort(text: string, port: string, lowest: number): number {
  const value = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  if (!(value >= lowest && value <= 65_535))
    throw badForward(text, `${port} is no port from ${lowest} to 65535`);
  return value;
}

function parseBind(text: string, bind: string | undefined): Pick<ForwardSpec, 'bind' | 'isDefaultBind'> {
  if (bind === undefined) return { bind: '127.0.0.1', isDefaultBind: true };
  return { bind: bind === '*' ? '0.0.0.0' : parseHost(text, bind) };
}

function parseHost(text: string, host: string): string {
  if (!/^[\w.:%-]+$/.test(host))
    throw badForward(text, `${host === '' ? 'the host' : host} is no host name or address`);
  return host;
}

const badForward = (text: string, reason: string): Error =>
  usage('bad-forward', text === '' ? 'a port is missing' : `cannot read ${text}: ${reason}`, {
    details: { value: text, document: false },
  });
