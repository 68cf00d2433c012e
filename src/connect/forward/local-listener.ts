import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';

import { failed, ToolError, usage } from '../../core/errors.ts';
import { ConnectionQueue } from './connection-queue.ts';
import { hostPort } from '../../core/host-port.ts';

const IPV4_LOOPBACK = '127.0.0.1';
const IPV6_LOOPBACK = '::1';
/** How often another free port is tried, when the port that 127.0.0.1 gave is taken on ::1. */
const MAX_ATTEMPTS = 10;

/** Bytes from local programs, and bytes for them. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

const plus = ({ sent, received }: Traffic, socket: Socket): Traffic => ({
  sent: sent + socket.bytesRead,
  received: received + socket.bytesWritten,
});

/** A bound local port. It stays bound whatever happens to the session that serves it. */
export class LocalListener {
  readonly host: string;
  readonly port: number;
  readonly #servers: readonly Server[];
  readonly #queue = new ConnectionQueue();
  readonly #sockets = new Set<Socket>();
  /** Bytes of the connections that are closed. */
  #closed: Traffic = { sent: 0, received: 0 };

  private constructor(servers: readonly Server[], host: string, port: number) {
    this.#servers = servers;
    this.host = host;
    this.port = port;
    for (const server of servers) {
      server.on('connection', (socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => {
          this.#sockets.delete(socket);
          this.#closed = plus(this.#closed, socket);
        });
        this.#queue.push(socket);
      });
      // A failed accept (no file descriptors left) loses that connection, but the listener stays.
      server.on('error', () => undefined);
    }
  }

  /**
   * Throws `local-port-taken`, which names the process that has the port, `local-port-forbidden`,
   * `bind-address-invalid`. Port 0 binds any free port.
   */
  static async bind(host: string, port: number): Promise<LocalListener> {
    const server = await listen(host, port);
    return new LocalListener([server], host, portOf(server) ?? port);
  }

  /**
   * Binds 127.0.0.1 and, if this machine has it, ::1, because `localhost` means the one for some programs and the other
   * for others. Throws what `bind` throws.
   */
  static async bindLoopback(port: number): Promise<LocalListener> {
    for (let attempt = 1; ; attempt++) {
      const four = await listen(IPV4_LOOPBACK, port);
      const chosen = portOf(four) ?? port;
      try {
        const six = await listen(IPV6_LOOPBACK, chosen);
        return new LocalListener([four, six], IPV4_LOOPBACK, chosen);
      } catch (error) {
        const isTaken = error instanceof ToolError && error.code === 'local-port-taken';
        if (!isTaken) return new LocalListener([four], IPV4_LOOPBACK, chosen);
        await closed(four);
        // When we chose the port ourselves, another one will do.
        if (port !== 0 || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** Passes connections to `accept` from now on, first those that waited; all of them are paused. */
  open(accept: (socket: Socket) => void): void {
    this.#queue.open(accept);
  }

  /** Lets connections wait again until the next `open`. */
  hold(): void {
    this.#queue.hold();
  }

  /** Of all connections since the listener was bound. */
  get traffic(): Traffic {
    return [...this.#sockets].reduce(plus, this.#closed);
  }

  async close(): Promise<void> {
    for (const socket of this.#queue.takeWaiting()) socket.resetAndDestroy();
    await Promise.all(this.#servers.map(closed));
  }
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch(async (error: unknown) => {
    throw await bindError(host, port, error);
  });
  return server;
}

function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : undefined;
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

async function bindError(host: string, port: number, error: unknown): Promise<ToolError> {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const where = hostPort(host, port);
  const details = { host, port };
  if (code === 'EADDRINUSE') {
    const holder = await portHolder(port).catch(() => undefined);
    return failed(
      'local-port-taken',
      `local port ${where} is taken${holder === undefined ? '' : ` by ${holder}`}`,
      {
        details: { ...details, holder },
        cause: error,
      },
    );
  }
  if (code === 'EACCES') {
    return failed('local-port-forbidden', `not allowed to listen on ${where}`, {
      details,
      cause: error,
    });
  }
  return usage(
    'bind-address-invalid',
    `cannot listen on ${where}: ${error instanceof Error ? error.message : String(error)}`,
    {
      details,
      cause: error,
    },
  );
}

const PROGRAM = 'fargate-connect';

/** True for another process that runs the same script as this one: a forward in the background, or another terminal's. */
async function isSameProgram(pid: string): Promise<boolean> {
  if (Number(pid) === process.pid) return false;
  const [own, other] = await Promise.all([scriptOf('self'), scriptOf(pid)]);
  return own !== undefined && own === other;
}

/** The script of a Node.js process, through symbolic links; undefined for other programs. */
async function scriptOf(pid: string): Promise<string | undefined> {
  const [, ...words] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  const script = words.find((word) => !word.startsWith('-'));
  return script === undefined ? undefined : realpath(script).catch(() => undefined);
}

/**
 * `name (pid N)` of the process that listens on a TCP port; only on systems with /proc, and only for processes of our
 * own user.
 */
async function portHolder(port: number): Promise<string | undefined> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const rows = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const row of rows) {
      const fields = row.trim().split(/\s+/);
      const isListening = fields[3] === '0A';
      if (isListening && Number.parseInt(fields[1]?.split(':')[1] ?? '', 16) === port)
        inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!inodes.has(link)) continue;
      const name = (await isSameProgram(pid))
        ? PROGRAM
        : (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
      return `${name} (pid ${pid})`;
    }
  }
  return undefined;
}
