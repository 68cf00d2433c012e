import { request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions, type RequestOptions } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

import { transport, usage } from './errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

const CONNECT_DEADLINE_MS = 15_000;

/**
 * The proxy that the environment names for a URL (HTTPS_PROXY for https and wss, HTTP_PROXY for http and ws,
 * ALL_PROXY for both; lower case too), unless NO_PROXY covers its host. Loopback never goes through a proxy.
 * Throws usage `proxy-invalid` for what is no http or https address.
 */
export function proxyFor(url: URL, env: Env): URL | undefined {
  const pick = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  const named = [secure ? 'HTTPS_PROXY' : 'HTTP_PROXY', 'ALL_PROXY'].find((name) => pick(name) !== undefined);
  if (named === undefined || bypassed(url, pick('NO_PROXY') ?? '')) return undefined;
  return parseProxy(named, pick(named) ?? '');
}

/** The value is not shown: it may hold a password. */
function parseProxy(name: string, value: string): URL {
  const text = value.includes('://') ? value : `http://${value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy !== undefined && /^https?:$/.test(proxy.protocol)) return proxy;
  throw usage('proxy-invalid', `${name} is not the address of an http or https proxy`, {
    hints: [`export ${name}=http://HOST:PORT`, 'or add the host to NO_PROXY'],
    details: { variable: name, scheme: proxy?.protocol },
  });
}

function bypassed(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  const port = url.port === '' ? (/^(https|wss):$/.test(url.protocol) ? '443' : '80') : url.port;
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [name = '', onlyPort] = entry.toLowerCase().split(/:(?=\d+$)/);
      if (onlyPort !== undefined && onlyPort !== port) return false;
      const suffix = name.replace(/^\*?\./, '');
      return host === suffix || host.endsWith(`.${suffix}`);
    });
}

/** Opens a TCP tunnel with CONNECT. Throws `proxy-refused` (with the status) or `proxy-unreachable`; never shows the proxy's password. */
export function openTunnel(proxy: URL, host: string, port: number): Promise<Duplex> {
  const authority = hostPort(host, port);
  const authorization =
    proxy.username === ''
      ? {}
      : {
          'Proxy-Authorization': `Basic ${Buffer.from(
            `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`,
          ).toString('base64')}`,
        };
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
      method: 'CONNECT',
      path: authority,
      headers: { Host: authority, ...authorization },
      ...(proxy.protocol === 'https:' ? { createConnection: () => tlsToProxy(proxy) } : {}),
    });
    request.setTimeout(CONNECT_DEADLINE_MS, () =>
      request.destroy(new Error(`no answer within ${CONNECT_DEADLINE_MS / 1000} s`)),
    );
    request.once('connect', (response, socket, head) => {
      socket.setTimeout(0);
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(
          transport(
            'proxy-refused',
            `the proxy ${proxy.host} answered ${response.statusCode} for ${authority}`,
            {
              hints: ['check HTTPS_PROXY, or add the host to NO_PROXY'],
            },
          ),
        );
        return;
      }
      if (head.byteLength > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('error', (error) =>
      reject(
        transport('proxy-unreachable', `the proxy ${proxy.host} cannot be used: ${error.message}`, {
          hints: ['check HTTPS_PROXY, or add the host to NO_PROXY'],
          cause: error,
        }),
      ),
    );
    request.end();
  });
}

const tlsToProxy = (proxy: URL): Socket =>
  connectTls({
    host: proxy.hostname,
    port: proxy.port === '' ? 443 : Number(proxy.port),
    servername: proxy.hostname,
  });

/** An https.Agent that asks `proxyFor` at each connection, so that NO_PROXY counts host by host; also serves wss upgrades. */
export class ProxyAgent extends HttpsAgent {
  readonly #env: Env;

  constructor(env: Env, options: AgentOptions = {}) {
    super(options);
    this.#env = env;
  }

  override createConnection(
    target: RequestOptions,
    done: (error: Error | null, socket: Duplex) => void = () => undefined,
  ): Duplex | null | undefined {
    const host = target.host ?? 'localhost';
    const port = Number(target.port ?? 443);
    let proxy: URL | undefined;
    try {
      proxy = proxyFor(new URL(`https://${hostPort(host, port)}`), this.#env);
    } catch (error) {
      // Thrown here it would miss the request's 'error' event, where everyone looks for it.
      setImmediate(() => done(...unconnected(error)));
      return undefined;
    }
    if (proxy === undefined) return super.createConnection(target, done);
    void tlsThrough(proxy, host, port, target.servername ?? host, done);
    return undefined;
  }
}

async function tlsThrough(
  proxy: URL,
  host: string,
  port: number,
  servername: string,
  done: (error: Error | null, socket: Duplex) => void,
): Promise<void> {
  try {
    const socket = await openTunnel(proxy, host, port);
    done(null, connectTls({ socket, servername, ALPNProtocols: ['http/1.1'] }));
  } catch (error) {
    done(...unconnected(error));
  }
}

/** Node's signature wants a socket beside the error; this one is never connected. */
const unconnected = (error: unknown): [Error, Duplex] => [
  error instanceof Error ? error : new Error(String(error)),
  new Socket(),
];

const hostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
