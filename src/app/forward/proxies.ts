import { createHash, timingSafeEqual } from 'node:crypto';
import { lookup } from 'node:dns/promises';

import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import { type HostPattern, isAllowed } from '../../connect/forward/host-patterns.ts';
import { refuseLinkLocal } from '../../connect/forward/link-local.ts';
import type { LocalListener } from '../../connect/forward/local-listener.ts';
import type { ProxyForward } from '../../connect/forward/proxy-forward.ts';
import { pacFile } from '../../connect/forward/proxy-pac.ts';
import { failed, usage } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { type Carrier, findCarrier, type ForwardNeeds, openRoute, type RouteRequest } from './route.ts';

/** The proxies of a run (`-D`). */

/** The login that programs must send to a proxy; the variable keeps the password out of the command line. */
export const PROXY_LOGIN_VARIABLE = 'FARGATE_CONNECT_PROXY_LOGIN';

/** The limit of RFC 1929. */
const MAX_LOGIN_BYTES = 255;

/** Returns true for the user and the password of the proxies. */
export type IsLogin = (user: string, password: string) => boolean;

/** Undefined = programs need no login. Throws `environment-value` (usage), which does not show the value. */
export function proxyLogin(env: Readonly<Record<string, string | undefined>>): IsLogin | undefined {
  const value = env[PROXY_LOGIN_VARIABLE];
  if (value === undefined || value === '') return undefined;
  const colon = value.indexOf(':');
  const parts = colon < 0 ? [] : [value.slice(0, colon), value.slice(colon + 1)];
  if (parts.length < 2 || parts.some((part) => part === '' || Buffer.byteLength(part) > MAX_LOGIN_BYTES))
    throw usage('environment-value', `${PROXY_LOGIN_VARIABLE} is no user and password`, {
      details: {
        variable: PROXY_LOGIN_VARIABLE,
        takes: `USER:PASSWORD, each with 1 to ${MAX_LOGIN_BYTES} bytes`,
      },
    });
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(value);
  return (user, password) => timingSafeEqual(digest(`${user}:${password}`), expected);
}

export interface ProxyOptions {
  /** Before the names of the proxies in messages. */
  readonly prefix: string;
  /** Empty = every host and port. */
  readonly allowed: readonly HostPattern[];
  readonly isLogin: IsLogin | undefined;
  /** Adds the name of a destination to what its session reports. */
  readonly reportFor: (destination: string, report: Report) => Report;
}

/** A proxy for each listener, and what messages call it. */
export async function proxiesOn(
  listeners: readonly LocalListener[],
  { prefix, allowed, isLogin, reportFor }: ProxyOptions,
  carrier: Carrier,
  channel: ChannelDeps,
  request: RouteRequest,
  deps: ForwardNeeds,
): Promise<readonly { readonly name: string; readonly forward: ProxyForward }[]> {
  const { ProxyForward } = await import('../../connect/forward/proxy-forward.ts');
  // Every session would repeat which task or bastion carries it.
  const quiet = { ...deps, report: withoutRepeatedNotes(deps.report) };
  return listeners.map((listener) => {
    const name = `${prefix}-D ${listener.port}`;
    const { host, port } = listener;
    const forward = new ProxyForward({
      listener,
      name,
      allowed: allowed.map(({ text }) => text),
      deps: channel,
      requests: {
        isLogin,
        pacFile: () => pacFile({ host, port, allowed, hasLogin: isLogin !== undefined }),
      },
      findCarrier: () => findCarrier(carrier, request, quiet),
      checkAllowed: (remoteHost, remotePort) => refuseOthers(allowed, remoteHost, remotePort),
      check: async (remoteHost) => {
        if (request.allowLinkLocal !== true) await refuseLinkLocal(remoteHost, { clock: deps.clock, lookUp });
      },
      openRoute: (remoteHost, remotePort) =>
        openRoute(carrier, { host: remoteHost, port: remotePort }, request, quiet),
      sessions: request.sessions,
      reportFor: (destination) => reportFor(destination, channel.report),
    });
    return { forward, name };
  });
}

/** Throws `host-not-allowed` for a destination that no pattern allows. */
function refuseOthers(allowed: readonly HostPattern[], host: string, port: number): void {
  if (allowed.length === 0 || isAllowed(allowed, host, port)) return;
  throw failed('host-not-allowed', 'only allowed hosts are reached', { details: { host, port } });
}

const lookUp = async (name: string): Promise<readonly string[]> =>
  (await lookup(name, { all: true })).map(({ address }) => address);

function withoutRepeatedNotes(report: Report): Report {
  const seen = new Set<string>();
  return (event) => {
    if (event.type === 'note' && event.level === 'info') {
      if (seen.has(event.message)) return;
      seen.add(event.message);
    }
    report(event);
  };
}
