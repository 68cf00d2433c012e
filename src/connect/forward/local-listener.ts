import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';

import { failed, type ToolError, usage } from '../../core/errors.ts';
import { hostPort } from './forward-spec.ts';

/** Connections that came before the way was open wait here, unread. */
const MAX_QUEUED = 128;

/** A bound local port. It stays bound whatever happens to the session behind it. */
export class LocalListener {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  #accept: ((socket: Socket) => void) | undefined;
  #queued: Socket[] = [];

  private constructor(server: Server, host: string, port: number) {
    this.#server = server;
    this.host = host;
    this.port = port;
    server.on('connection', (socket) => this.#connection(socket));
    // A failed accept (no file descriptors left) costs that connection, not the listener.
    server.on('error', () => undefined);
  }

  /** Throws `local-port-taken` naming who has it, `local-port-forbidden`, `bind-address-invalid`. Port 0 takes any free one. */
  static async bind(host: string, port: number): Promise<LocalListener> {
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
    const address = server.address();
    return new LocalListener(
      server,
      host,
      typeof address === 'object' && address !== null ? address.port : port,
    );
  }

  /** From now on connections go to `accept`, those that waited first; all of them paused. */
  open(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#queued.splice(0)) accept(socket);
  }

  /** Connections wait again until the next `open`. */
  hold(): void {
    this.#accept = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#queued.splice(0)) socket.resetAndDestroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #connection(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#accept !== undefined) {
      this.#accept(socket);
      return;
    }
    if (this.#queued.length >= MAX_QUEUED) {
      socket.resetAndDestroy();
      return;
    }
    this.#queued.push(socket);
    socket.once('close', () => {
      this.#queued = this.#queued.filter((other) => other !== socket);
    });
  }
}

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

/** `name (pid N)` of the process that listens on a TCP port; only where /proc says so, and only for our own user's processes. */
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
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
      return `${name} (pid ${pid})`;
    }
  }
  return undefined;
}
