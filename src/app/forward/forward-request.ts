import {
  type ForwardSpec,
  parseForward,
  parseListener,
  parseTarget,
} from '../../connect/forward/forward-spec.ts';
import type { Needs } from '../collaborators.ts';
import type { ForwardNeeds, RouteRequest } from './route.ts';

export interface ForwardRequest extends RouteRequest {
  /** As typed: `[bind:]local:host:remote` or `local:remote`; with a document `[bind:]local`. */
  readonly forwards: readonly string[];
  /** Proxies, as typed: `[bind:]local`. */
  readonly proxies: readonly string[];
  /** `HOST:PORT` or `PORT`, as typed; the forward then uses stdin and stdout instead of listeners. */
  readonly stdio: string | undefined;
}

/**
 * Parses what was typed before any call to AWS. Resolves with 0 when the person stopped the forward after it was ready;
 * throws `interrupted` if it was stopped before that, and the usage errors of the parsers.
 */
export async function forward(
  request: ForwardRequest,
  deps: ForwardNeeds & Needs<'terminal', 'databases'>,
): Promise<number> {
  const target = request.stdio === undefined ? undefined : parseTarget(request.stdio);
  const specs = request.forwards.map((text) =>
    request.document === undefined ? parseForward(text) : parseListener(text),
  );
  const proxies = request.proxies.map((text) => parseListener(text, 'proxy'));
  const { forwardStdio, runForwards } = await import('./forwards.ts');
  return target === undefined
    ? runForwards(await withHosts(specs, deps), request, deps, proxies)
    : forwardStdio(target, request, deps);
}

/** Looks up the specs that name a database; the others cost no call. Throws what `findDatabase` throws. */
export async function withHosts(
  specs: readonly ForwardSpec[],
  deps: Needs<'account', 'databases'>,
): Promise<readonly ForwardSpec[]> {
  if (specs.every(({ database }) => database === undefined)) return specs;
  const { hostsOfDatabases } = await import('../database/forward-specs.ts');
  return hostsOfDatabases(specs, await deps.account(), deps.settings.databases);
}
