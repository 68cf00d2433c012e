import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A SOCKS5 proxy on loopback (RFC 1928, RFC 1929) that leads every destination to one port of this machine. */
export interface SocksServer {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** `host:port` of every request, as the client wrote it. */
  readonly requests: readonly string[];
  close(): void;
}

export interface SocksServerOptions {
  /** Port of this machine behind the proxy. */
  readonly port: number;
  /** The login that clients have to send; undefined = none is asked for. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Reply code instead of a connection. */
  readonly refusal?: number;
  /** True = the greeting is never answered. */
  readonly isSilent?: boolean;
}

export async function startSocksServer(options: SocksServerOptions): Promise<SocksServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    if (options.isSilent !== true) void serve(socket, options, requests).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function serve(socket: Socket, options: SocksServerOptions, requests: string[]): Promise<void> {
  const { login } = options;
  const [, count = 0] = await read(socket, 2);
  const methods = await read(socket, count);
  const method = login === undefined ? 0x00 : 0x02;
  if (!methods.includes(method)) {
    socket.end(Buffer.of(5, 0xff));
    return;
  }
  socket.write(Buffer.of(5, method));
  if (login !== undefined) {
    const [, userLength = 0] = await read(socket, 2);
    const user = (await read(socket, userLength)).toString();
    const [passwordLength = 0] = await read(socket, 1);
    const password = passwordLength === 0 ? '' : (await read(socket, passwordLength)).toString();
    const isRight = user === login.user && password === login.password;
    socket.write(Buffer.of(1, isRight ? 0 : 1));
    if (!isRight) {
      socket.end();
      return;
    }
  }
  const [, , , type] = await read(socket, 4);
  const length = type === 1 ? 4 : type === 4 ? 16 : ((await read(socket, 1))[0] ?? 0);
  const host = await read(socket, length);
  const port = (await read(socket, 2)).readUInt16BE(0);
  requests.push(`${type === 3 ? host.toString() : type === 1 ? [...host].join('.') : 'IPv6'}:${port}`);
  const reply = (code: number): Buffer => Buffer.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0);
  if (options.refusal !== undefined) {
    socket.end(reply(options.refusal));
    return;
  }
  const onward = connect(options.port, '127.0.0.1', () => {
    socket.write(reply(0));
    socket.pipe(onward).pipe(socket);
  });
  onward.on('error', () => socket.destroy());
  socket.on('close', () => onward.destroy());
}

/** The next `length` bytes; rejects when the client closes before. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes;
    if (socket.readableEnded) throw new Error('the client has closed');
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        socket.off('readable', settle);
        socket.off('end', closed);
        socket.off('close', closed);
        if (error instanceof Error) reject(error);
        else resolve();
      };
      const closed = (): void => settle(new Error('the client has closed'));
      socket.once('readable', settle);
      socket.once('end', closed);
      socket.once('close', closed);
    });
  }
}
