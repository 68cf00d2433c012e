import type { ConfiguredConnection } from '../../config/settings.ts';
import {
  type ForwardSpec,
  parseForward,
  parseListener,
  parseTarget,
} from '../../connect/forward/forward-spec.ts';
import type { Needs } from '../collaborators.ts';
import type { ForwardGroup } from './forwards.ts';
import type { ForwardNeeds, RouteRequest } from './route.ts';

export interface ForwardRequest extends RouteRequest {
  /** As typed: `[bind:]local:host:remote` or `local:remote`; with a document `[bind:]local`. */
  readonly forwards: readonly string[];
  /** Proxies, as typed: `[bind:]local`. */
  readonly proxies: readonly string[];
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
    route: request,
  };
  const groups: readonly ForwardGroup[] = [
    ...(typed.specs.length + typed.proxies.length === 0 ? [] : [typed]),
    ...(await groupsOf(request.connections, request)),
  ];
  const { runForwards } = await import('./forwards.ts');
  return runForwards(await withHosts(groups, deps), deps, request);
}

async function groupsOf(
  connections: readonly ConfiguredConnection[],
  request: RouteRequest,
): Promise<readonly ForwardGroup[]> {
  if (connections.length === 0) return [];
  const { forwardsOf } = await import('../connections/named-connections.ts');
  return connections.map((connection) => forwardsOf(connection, request));
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
