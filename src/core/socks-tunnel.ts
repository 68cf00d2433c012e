import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { SocksClient } from 'socks';

import { type ToolError, transport } from './errors.ts';
import { hostPort } from './host-port.ts';
import { type Proxy, proxyUnreachable } from './proxy.ts';

const DEFAULT_PORT = 1080;

/** What the errors of the library say of the proxy's answers (`socks`, constants of SocksClient). */
const LOGIN_REFUSED = /authentication failed|no accepted authentication type/i;
const REJECTED = /Socks5 proxy rejected connection - (\w+)/;

/**
 * A connection to `host`:`port` through a SOCKS5 proxy, which has `timeoutMs` for its answer. `socks5://` means that
 * this machine looks up the name, `socks5h://` and `socks://` that the proxy does, as for curl. Throws `proxy-refused`
 * or `proxy-unreachable`; the library's own errors hold the password and are not passed on.
 */
export async function openSocksTunnel(
  proxy: Proxy,
  host: string,
  port: number,
  timeoutMs: number,
): Promise<Socket> {
  const { url, login } = proxy;
  try {
    const isLookedUpHere = url.protocol === 'socks5:' && isIP(host) === 0;
    const destination = isLookedUpHere ? (await lookup(host)).address : host;
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      destination: { host: destination, port },
      timeout: timeoutMs,
      proxy: {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? DEFAULT_PORT : Number(url.port),
        type: 5,
        ...(login === undefined ? {} : { userId: login.user, password: login.password }),
      },
    });
    return socket;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw refusalOf(proxy, message, hostPort(host, port)) ?? proxyUnreachable(proxy, new Error(message));
  }
}

function refusalOf({ url, login }: Proxy, message: string, authority: string): ToolError | undefined {
  if (LOGIN_REFUSED.test(message)) {
    const which = login === undefined ? 'a user and a password' : 'another user or password';
    return transport('proxy-refused', `the proxy ${url.host} wants ${which}`, {
      details: { needsLogin: true, scheme: 'socks5', proxy: url.host, host: authority },
    });
  }
  const reply = REJECTED.exec(message)?.[1];
  if (reply === undefined) return undefined;
  return transport('proxy-refused', `the proxy ${url.host} answered ${reply} for ${authority}`, {
    details: { needsLogin: false, scheme: 'socks5', proxy: url.host, host: authority },
  });
}

/** TLS over a connection that is open; the errors of the handshake are those of the returned socket. */
export const overTls = (socket: Socket, options: ConnectionOptions, host: string): Socket =>
  connectTls({
    ...options,
    socket,
    ...(options.servername === undefined && isIP(host) === 0 ? { servername: host } : {}),
  });
