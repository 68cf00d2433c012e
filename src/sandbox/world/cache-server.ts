import { createServer, type Server, type Socket } from 'node:net';
import { listenOnLoopback } from './loopback.ts';
import { timingSafeEqual } from 'node:crypto';

/**
 * A small Redis that answers when a session forwards to a cache of the seed: text values, expiry, and the commands
 * that clients send when they connect. An unknown command gets Redis's own error.
 */
export class CacheServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #values = new Map<string, { readonly text: string; readonly expiresAt: number }>();
  readonly #options: CacheServerOptions;
  #listening: Promise<number> | undefined;

  constructor(options: CacheServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** The port of 127.0.0.1 on which it listens; opened at the first call. */
  port(): Promise<number> {
    this.#listening ??= listenOnLoopback(this.#server);
    return this.#listening;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#listening !== undefined) await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const session: CacheSession = { isAuthenticated: this.#options.authToken === undefined };
    let unread: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      unread = Buffer.concat([unread, bytes]);
      for (;;) {
        const command = nextCommand(unread);
        if (command === undefined) break;
        if (command === 'malformed' || unread.byteLength > MAX_COMMAND_BYTES) {
          socket.end(failure('Protocol error'));
          return;
        }
        unread = unread.subarray(command.bytes);
        const [name = '', ...args] = command.words;
        if (name.toUpperCase() === 'QUIT') {
          socket.end('+OK\r\n');
          return;
        }
        if (command.words.length > 0) socket.write(this.#answer(session, name.toUpperCase(), args));
      }
    });
  }

  #answer(session: CacheSession, name: string, args: readonly string[]): string {
    if (name === 'AUTH') return this.#authenticate(session, args.at(-1) ?? '');
    if (!session.isAuthenticated) return '-NOAUTH Authentication required.\r\n';
    const [key = '', value = ''] = args;
    switch (name) {
      case 'PING':
        return args.length === 0 ? '+PONG\r\n' : bulk(key);
      case 'ECHO':
        return bulk(key);
      case 'SELECT':
      case 'CLIENT':
        return '+OK\r\n';
      case 'COMMAND':
        return '*0\r\n';
      case 'INFO':
        return bulk(
          `# Server\r\nredis_version:${this.#options.version}\r\nredis_mode:standalone\r\n# Keyspace\r\ndb0:keys=${this.#keys().length},expires=0\r\n`,
        );
      case 'SET':
        this.#values.set(key, { text: value, expiresAt: this.#expiry(args) });
        return '+OK\r\n';
      case 'GET':
        return bulk(this.#get(key));
      case 'DEL': {
        const deleted = args.filter((name) => this.#get(name) !== undefined);
        for (const name of deleted) this.#values.delete(name);
        return `:${deleted.length}\r\n`;
      }
      case 'EXISTS':
        return `:${args.filter((name) => this.#get(name) !== undefined).length}\r\n`;
      case 'DBSIZE':
        return `:${this.#keys().length}\r\n`;
      case 'TTL': {
        const found = this.#get(key) === undefined ? undefined : this.#values.get(key);
        if (found === undefined) return ':-2\r\n';
        return Number.isFinite(found.expiresAt)
          ? `:${Math.ceil((found.expiresAt - this.#options.now()) / 1000)}\r\n`
          : ':-1\r\n';
      }
      case 'KEYS': {
        const pattern = new RegExp(
          `^${key
            .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
            .replaceAll('*', '.*')
            .replaceAll('?', '.')}$`,
        );
        const found = this.#keys().filter((name) => pattern.test(name));
        return `*${found.length}\r\n${found.map(bulk).join('')}`;
      }
      default:
        return failure(`unknown command '${name.slice(0, 40)}', with args beginning with: `);
    }
  }

  #authenticate(session: CacheSession, token: string): string {
    const { authToken } = this.#options;
    if (authToken === undefined)
      return failure('AUTH <password> called without any password configured for the default user.');
    const [given, wanted] = [Buffer.from(token), Buffer.from(authToken)];
    session.isAuthenticated = given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
    return session.isAuthenticated
      ? '+OK\r\n'
      : '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
  }

  #expiry(args: readonly string[]): number {
    const at = args.findIndex((word) => /^(?:EX|PX)$/i.test(word));
    if (at === -1) return Number.POSITIVE_INFINITY;
    const amount = Number(args[at + 1] ?? '');
    return this.#options.now() + (args[at]?.toUpperCase() === 'EX' ? amount * 1000 : amount);
  }

  #get(key: string): string | undefined {
    const found = this.#values.get(key);
    if (found !== undefined && found.expiresAt <= this.#options.now()) this.#values.delete(key);
    return this.#values.get(key)?.text;
  }

  #keys(): readonly string[] {
    return [...this.#values.keys()].filter((key) => this.#get(key) !== undefined).sort();
  }
}

export interface CacheServerOptions {
  readonly version: string;
  /** Undefined = clients need no token. */
  readonly authToken: string | undefined;
  readonly now: () => number;
}

interface CacheSession {
  isAuthenticated: boolean;
}

const MAX_COMMAND_BYTES = 1024 * 1024;
const MAX_WORDS = 1024;

const bulk = (text: string | undefined): string =>
  text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const failure = (message: string): string => `-ERR ${message}\r\n`;

interface Command {
  readonly words: readonly string[];
  readonly bytes: number;
}

/** The first command in the bytes, as an array of bulk strings or as a line; undefined while it is incomplete. */
function nextCommand(bytes: Buffer): Command | 'malformed' | undefined {
  const line = lineAt(bytes, 0);
  if (line === undefined) return undefined;
  if (!line.text.startsWith('*'))
    return { words: line.text.split(/\s+/).filter((word) => word !== ''), bytes: line.next };
  const length = Number(line.text.slice(1));
  if (!Number.isInteger(length) || length < 0 || length > MAX_WORDS) return 'malformed';
  const words: string[] = [];
  let at = line.next;
  for (let i = 0; i < length; i++) {
    const header = lineAt(bytes, at);
    if (header === undefined) return undefined;
    const size = /^\$\d{1,7}$/.test(header.text) ? Number(header.text.slice(1)) : undefined;
    if (size === undefined || size > MAX_COMMAND_BYTES) return 'malformed';
    const end = header.next + size;
    if (bytes.byteLength < end + 2) return undefined;
    words.push(bytes.toString('utf8', header.next, end));
    at = end + 2;
  }
  return { words, bytes: at };
}

function lineAt(bytes: Buffer, from: number): { readonly text: string; readonly next: number } | undefined {
  const end = bytes.indexOf('\r\n', from);
  if (end !== -1) return { text: bytes.toString('utf8', from, end), next: end + 2 };
  const feed = bytes.indexOf('\n', from);
  return feed === -1 || from !== 0 ? undefined : { text: bytes.toString('utf8', from, feed), next: feed + 1 };
}
