import { request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

import { transport } from './errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

const CONNECT_DEADLINE_MS = 15_000;

/**
 * The proxy that the environment names for a URL (HTTPS_PROXY for https and wss, HTTP_PROXY for http and ws,
 * ALL_PROXY for both; lower case too), unless NO_PROXY covers its host. Loopback never goes through a proxy.
 */
export function proxyFor(url: URL, env: Env): URL | undefined {
  const pick = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  const proxy = pick(secure ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? pick('ALL_PROXY');
  if (proxy === undefined || bypassed(url, pick('NO_PROXY') ?? '')) return undefined;
  return new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
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
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
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

/** What https.Agent hands to createConnection; only these members matter here. */
interface ConnectionTarget {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
  readonly servername?: string | undefined;
}

/** An https.Agent whose connections go through `proxy`; also serves wss upgrades. */
export class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;

  constructor(proxy: URL, options: AgentOptions = {}) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(
    target: ConnectionTarget,
    done?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    void this.#open(target, done ?? (() => undefined));
  }

  async #open(target: ConnectionTarget, done: (error: Error | null, socket: Duplex) => void): Promise<void> {
    const host = target.host ?? 'localhost';
    try {
      const socket = await openTunnel(this.#proxy, host, Number(target.port ?? 443));
      done(null, connectTls({ socket, servername: target.servername ?? host, ALPNProtocols: ['http/1.1'] }));
    } catch (error) {
      // Node's signature wants a socket beside the error; this one is never connected.
      done(error instanceof Error ? error : new Error(String(error)), new Socket());
    }
  }
}
