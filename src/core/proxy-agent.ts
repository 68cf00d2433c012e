import { Agent as HttpAgent, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { Agent, type AgentConnectOpts } from 'agent-base';
import { HttpsProxyAgent } from 'https-proxy-agent';

import { type Clock, withDeadline } from './clock.ts';
import { describeDuration } from './duration.ts';
import { transport } from './errors.ts';
import { hostPort } from './host-port.ts';
import { isSocks, proxyFor, type Proxy, proxyUnreachable } from './proxy.ts';
import { tlsFailure } from './tls-failures.ts';

const CONNECT_DEADLINE_MS = 15_000;

/** The variables that name the proxies are read again for each connection. */
export interface ProxyAgentOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly maxSockets: number;
  /** Undefined = the certificates that Node trusts. Used for the TLS connection to the proxy too. */
  readonly secureContext: SecureContext | undefined;
}

/**
 * Calls `proxyFor` for each new connection, so that NO_PROXY applies host by host. Serves https, http and WebSocket
 * upgrades alike: everything goes through a tunnel (CONNECT, or SOCKS5 for a socks5 address). Requests fail with `proxy-refused` (details.status),
 * `proxy-unreachable`, or usage `proxy-invalid`; no message shows the proxy's password.
 */
export class ProxyAgent extends Agent {
  readonly #options: ProxyAgentOptions;
  readonly #https: HttpsAgent;
  readonly #http: HttpAgent;

  constructor(options: ProxyAgentOptions) {
    const pool = { keepAlive: true, maxSockets: options.maxSockets };
    super(pool);
    this.#options = options;
    this.#https = new HttpsAgent({ ...pool, ...verified(options.secureContext) });
    this.#http = new HttpAgent(pool);
  }

  override async connect(request: ClientRequest, options: AgentConnectOpts): Promise<Duplex | HttpAgent> {
    const { env, clock, secureContext } = this.#options;
    const host = options.host ?? 'localhost';
    const authority = hostPort(host, options.port);
    const scheme = options.secureEndpoint ? 'https' : 'http';
    const proxy = proxyFor(new URL(`${scheme}://${authority}`), env);
    if (proxy === undefined) return options.secureEndpoint ? this.#https : this.#http;
    const abort = new AbortController();
    const settings = { ...options, ...verified(secureContext) };
    const opening = isSocks(proxy)
      ? throughSocks(proxy, settings, abort.signal)
      : openTunnel(proxy, authority, request, settings, abort.signal);
    return withDeadline(clock, CONNECT_DEADLINE_MS, opening, () => {
      abort.abort();
      return proxyUnreachable(proxy, new Error(`no answer within ${describeDuration(CONNECT_DEADLINE_MS)}`));
    });
  }
}

/** Set explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 would change the default. */
const verified = (secureContext: SecureContext | undefined): object => ({
  rejectUnauthorized: true,
  ...(secureContext === undefined ? {} : { secureContext }),
});

async function throughSocks(proxy: Proxy, options: AgentConnectOpts, signal: AbortSignal): Promise<Duplex> {
  const { openSocksTunnel, overTls } = await import('./socks-tunnel.ts');
  const { host = 'localhost', port, secureEndpoint, ...rest } = options;
  const socket = await openSocksTunnel(proxy, host, port, CONNECT_DEADLINE_MS);
  // The proxy answered after the deadline, when the caller has gone.
  if (signal.aborted) socket.destroy();
  return secureEndpoint ? overTls(socket, { ...rest, path: undefined }, host) : socket;
}

async function openTunnel(
  proxy: Proxy,
  authority: string,
  request: ClientRequest,
  options: AgentConnectOpts,
  signal: AbortSignal,
): Promise<Duplex> {
  const { url, login } = proxy;
  const agent = new HttpsProxyAgent(url, {
    headers: login === undefined ? {} : { 'Proxy-Authorization': basic(login) },
    // The signal reaches the socket, so that a connection that is not answered in time is closed.
    signal,
    ...('secureContext' in options ? { secureContext: options.secureContext } : {}),
    rejectUnauthorized: true,
  });
  // The library would pass the proxy's refusal on as if it were the server's answer.
  let status = 0;
  agent.once('proxyConnect', (answer: { readonly statusCode: number }) => {
    status = answer.statusCode;
  });
  const socket = await agent.connect(request, options).catch((error: unknown) => {
    throw tlsFailure(error, url.host) ?? proxyUnreachable(proxy, error);
  });
  if (status === 200) return socket;
  socket.destroy();
  throw transport('proxy-refused', `the proxy ${url.host} answered ${status} for ${authority}`, {
    details: { status, needsLogin: status === 407, scheme: 'http', proxy: url.host, host: authority },
  });
}

/** RFC 7617. */
const basic = ({ user, password }: NonNullable<Proxy['login']>): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
