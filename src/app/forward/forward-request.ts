import type { ConfiguredConnection } from '../../config/settings.ts';
import {
  type ForwardSpec,
  parseForward,
  parseListener,
  parseTarget,
} from '../../connect/forward/forward-spec.ts';
import { type HostPattern, parseHostPattern } from '../../connect/forward/host-patterns.ts';
import { usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import type { ForwardGroup } from './forwards.ts';
import type { ForwardNeeds, RouteRequest } from './route.ts';

export interface ForwardRequest extends RouteRequest {
  /** As typed: `[bind:]local:host:remote` or `local:remote`; with a document `[bind:]local`. */
  readonly forwards: readonly string[];
  /** Proxies, as typed: `[bind:]local`. */
  readonly proxies: readonly string[];
  /** The hosts to which proxies lead, as typed; empty = what the connections say, else every host. */
  readonly allowed: readonly string[];
  /** `HOST:PORT` or `PORT`, as typed; the forward then uses stdin and stdout instead of listeners. */
  readonly stdio: string | undefined;
  /** Of the kinds `forward` and `db`. Each has its own route. */
  readonly connections: readonly ConfiguredConnection[];
  /** True = bytes are reported once a second. */
  readonly reportTraffic: boolean;
}

/**
 * Parses what was typed before any call to AWS. Resolves with 0 when the person stopped the forward after it was ready;
 * throws `interrupted` if it was stopped before that, and the usage errors of the parsers.
 */
export async function forward(
  request: ForwardRequest,
  deps: ForwardNeeds & Needs<'terminal', 'databases'>,
): Promise<number> {
  if (request.stdio !== undefined) {
    const target = parseTarget(request.stdio);
    const { forwardStdio } = await import('./forwards.ts');
    return forwardStdio(target, request, deps);
  }
  const typed = {
    specs: request.forwards.map((text) =>
      request.document === undefined ? parseForward(text) : parseListener(text),
    ),
    proxies: request.proxies.map((text) => parseListener(text, 'proxy')),
    allowed: request.allowed.map(parseHostPattern),
    route: request,
  };
  const groups: readonly ForwardGroup[] = [
    ...(typed.specs.length + typed.proxies.length === 0 ? [] : [typed]),
    ...(await groupsOf(request.connections, typed.allowed, request)),
  ];
  const { runForwards } = await import('./forwards.ts');
  return runForwards(await withHosts(groups, deps), deps, request);
}

/** What a proxy auto-configuration file is made of. */
export interface Pac {
  /** Content of the file. */
  readonly pac: string;
  /** Where the proxy serves the same file while it runs. */
  readonly url: string;
}

/**
 * The file for browsers of the one proxy of the request; needs no call to AWS. Throws the usage errors of the parsers,
 * and `pac-proxy` unless there is one proxy with a port.
 */
export async function pacOf(
  request: Pick<ForwardRequest, 'proxies' | 'allowed' | 'connections'> & Omit<RouteRequest, 'wanted'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Pac> {
  const allowed = request.allowed.map(parseHostPattern);
  const named = await groupsOf(request.connections, allowed, { ...request, wanted: NOTHING_WANTED });
  const proxies = [
    ...request.proxies.map((text) => ({ spec: parseListener(text, 'proxy'), allowed })),
    ...named.flatMap((group) => group.proxies.map((spec) => ({ spec, allowed: group.allowed }))),
  ];
  const [proxy, other] = proxies;
  if (proxy === undefined) throw usage('pac-proxy', 'nothing is a proxy here');
  if (other !== undefined)
    throw usage('pac-proxy', `the file is for one proxy, and these are ${proxies.length}`);
  const { bind: host, localPort: port } = proxy.spec;
  if (port === 0) throw usage('pac-proxy', 'port 0 is any free one, which the file would have to name');
  const { pacFile, pacUrl } = await import('../../connect/forward/proxy-pac.ts');
  const { proxyLogin } = await import('./proxies.ts');
  const hasLogin = proxyLogin(env) !== undefined;
  return { pac: pacFile({ host, port, allowed: proxy.allowed, hasLogin }), url: pacUrl({ host, port }) };
}

const NOTHING_WANTED = { cluster: undefined, service: undefined, task: undefined, container: undefined };

async function groupsOf(
  connections: readonly ConfiguredConnection[],
  allowed: readonly HostPattern[],
  request: RouteRequest,
): Promise<readonly ForwardGroup[]> {
  if (connections.length === 0) return [];
  const { forwardsOf } = await import('../connections/named-connections.ts');
  return connections.map((connection) => {
    const group = forwardsOf(connection, request);
    return allowed.length === 0 ? group : { ...group, allowed };
  });
}

/** Looks up the specs that name a database; the others cost no call. Throws what `findDatabase` throws. */
export async function withHosts<G extends { readonly specs: readonly ForwardSpec[] }>(
  groups: readonly G[],
  deps: Needs<'account', 'databases'>,
): Promise<readonly G[]> {
  if (groups.every(({ specs }) => specs.every(({ database }) => database === undefined))) return groups;
  const { hostsOfDatabases } = await import('../database/forward-specs.ts');
  const account = await deps.account();
  return Promise.all(
    groups.map(async (group) => ({
      ...group,
      specs: await hostsOfDatabases(group.specs, account, deps.settings.databases),
    })),
  );
}
