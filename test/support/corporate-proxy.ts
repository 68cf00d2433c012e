import {
  createServer as createHttpServer,
  type IncomingMessage,
  request,
  type RequestListener,
  ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CERTIFICATE, KEY } from './tls-identity.ts';

/**
 * The host names of AWS, with TLS, reachable only through a CONNECT proxy on loopback; a sandbox answers behind them.
 */
export interface CorporateProxy {
  readonly url: string;
  /** The port of the AWS hosts, for clients that may connect without the proxy and resolve the names to loopback. */
  readonly awsPort: number;
  /** `host:port` of every CONNECT, in order. */
  readonly tunnels: string[];
  /** The Proxy-Authorization of every CONNECT; undefined without one. */
  readonly authorizations: (string | undefined)[];
  close(): void;
}

const MESSAGE_GATEWAY = 'ssmmessages.eu-west-1.amazonaws.com';

export interface CorporateProxyOptions {
  /** The certificate of the AWS hosts; one of the company's authority by default. */
  readonly certificate?: string;
  /** The proxy itself uses TLS: its address is https://localhost:… */
  readonly tls?: boolean;
  /** Servers that answer instead of the sandbox, to upgrades too, by host name. */
  readonly services?: Readonly<Record<string, RequestListener>>;
}

export async function startCorporateProxy(
  sandboxEndpoint: string,
  options: CorporateProxyOptions = {},
): Promise<CorporateProxy> {
  const sandbox = new URL(sandboxEndpoint);
  const identity = { cert: options.certificate ?? CERTIFICATE, key: KEY };
  const serviceOf = (incoming: IncomingMessage): RequestListener | undefined =>
    options.services?.[(incoming.headers.host ?? '').replace(/:\d+$/, '')];
  const aws = createTlsServer(identity, (incoming, outgoing) => {
    const service = serviceOf(incoming);
    if (service !== undefined) {
      service(incoming, outgoing);
      return;
    }
    const onward = request(
      {
        host: sandbox.hostname,
        port: sandbox.port,
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => {
          // AWS returns addresses of its own message gateway, and the sandbox its own; the port must be the one that
          // the client knows.
          const text = Buffer.concat(parts).toString();
          const [, port] = (incoming.headers.host ?? '').split(/(?=:\d+$)/);
          const gateway = `wss://${MESSAGE_GATEWAY}${port ?? ''}`;
          const body = Buffer.from(text.replaceAll(`ws://${sandbox.host}`, gateway));
          outgoing.writeHead(answer.statusCode ?? 500, {
            ...answer.headers,
            'content-length': body.byteLength,
          });
          outgoing.end(body);
        });
      },
    );
    incoming.pipe(onward);
  });
  aws.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const service = serviceOf(incoming);
    if (service !== undefined) {
      const outgoing = new ServerResponse(incoming);
      outgoing.assignSocket(socket);
      outgoing.on('finish', () => socket.end());
      service(incoming, outgoing);
      return;
    }
    const onward = connect(Number(sandbox.port), sandbox.hostname, () => {
      const headers = incoming.rawHeaders.flatMap((name, i, all) =>
        i % 2 === 0 ? [`${name}: ${all[i + 1] ?? ''}`] : [],
      );
      onward.write([`GET ${incoming.url ?? '/'} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  const awsPort = await listening(aws);

  const tunnels: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const refuse: RequestListener = (_incoming, outgoing) => outgoing.writeHead(405).end();
  const proxy =
    options.tls === true
      ? createTlsServer({ cert: CERTIFICATE, key: KEY }, refuse)
      : createHttpServer(refuse);
  proxy.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    tunnels.push(incoming.url ?? '');
    authorizations.push(incoming.headers['proxy-authorization']);
    const onward = connect(awsPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  const port = await listening(proxy);
  return {
    url: options.tls === true ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    awsPort,
    tunnels,
    authorizations,
    close() {
      proxy.close();
      aws.close();
    },
  };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
