import { Agent as HttpAgent, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { Agent, type AgentConnectOpts } from 'agent-base';
import { HttpsProxyAgent } from 'https-proxy-agent';

import { type Clock, withDeadline } from './clock.ts';
import { describeDuration } from './duration.ts';
import { type ToolError, transport } from './errors.ts';
import { hostPort } from './host-port.ts';
import { proxyFor, type Proxy } from './proxy.ts';
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
 * upgrades alike: everything goes through a CONNECT tunnel. Requests fail with `proxy-refused` (details.status),
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
    const opening = openTunnel(
      proxy,
      authority,
      request,
      { ...options, ...verified(secureContext) },
      abort.signal,
    );
    return withDeadline(clock, CONNECT_DEADLINE_MS, opening, () => {
      abort.abort();
      return unreachable(proxy, new Error(`no answer within ${describeDuration(CONNECT_DEADLINE_MS)}`));
    });
  }
}

/** Set explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 would change the default. */
const verified = (secureContext: SecureContext | undefined): object => ({
  rejectUnauthorized: true,
  ...(secureContext === undefined ? {} : { secureContext }),
});

async function openTunnel(
  { url, authorization }: Proxy,
  authority: string,
  request: ClientRequest,
  options: AgentConnectOpts,
  signal: AbortSignal,
): Promise<Duplex> {
  const agent = new HttpsProxyAgent(url, {
    headers: authorization === undefined ? {} : { 'Proxy-Authorization': authorization },
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
    throw tlsFailure(error, url.host) ?? unreachable({ url, authorization }, error);
  });
  if (status === 200) return socket;
  socket.destroy();
  throw transport('proxy-refused', `the proxy ${url.host} answered ${status} for ${authority}`, {
    details: { status, proxy: url.host, host: authority },
  });
}

function unreachable({ url }: Proxy, error: unknown): ToolError {
  const message = error instanceof Error ? error.message : String(error);
  return transport('proxy-unreachable', `the proxy ${url.host} cannot be used: ${message}`, {
    details: { proxy: url.host },
    cause: error,
  });
}
