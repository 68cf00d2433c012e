import type { Forward } from '../../connect/forward/forward.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import type { HostPattern } from '../../connect/forward/host-patterns.ts';
import type { LocalListener } from '../../connect/forward/local-listener.ts';
import { PortSession } from '../../connect/forward/port-session.ts';
import { StartPace } from '../../connect/forward/start-pace.ts';
import { StdioConnection } from '../../connect/forward/stdio-connection.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { whenStopped } from '../../connect/session/container-end.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import { failed, ToolError, usage } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { Needs } from '../collaborators.ts';
import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import { channelDeps } from '../session/session-setup.ts';
import { watchCredentials } from './credentials-watch.ts';
import { bindListeners, warnIfOpen } from './listeners.ts';
import { type IsLogin, proxiesOn, proxyLogin } from './proxies.ts';
import {
  carrierOf,
  type ForwardNeeds,
  keepBastion,
  openRoute,
  type Remote,
  remoteOf,
  type RouteRequest,
  routeKind,
} from './route.ts';
import { reportOf, spreadForward } from './spread.ts';
import { keepYoungGenerationSmall } from './young-generation.ts';

/** Listeners that one task or bastion carries. */
export interface ForwardGroup {
  /** Name of the connection of the config file that they belong to; undefined = they were typed. */
  readonly connection?: string;
  /** `-L` */
  readonly specs: readonly ForwardSpec[];
  /** `-D` */
  readonly proxies: readonly ForwardSpec[];
  /** The hosts to which the proxies lead; empty = every host. */
  readonly allowed: readonly HostPattern[];
  readonly route: RouteRequest;
}

/**
 * Listens for all groups until the run is aborted; resolves with 0 then. The forwards are independent: one that fails
 * does not stop the others. Throws the error of the only forward, or `no-forward-left` when the last of several has
 * failed; `environment-value` (usage) for the login of proxies.
 */
export async function runForwards(
  groups: readonly ForwardGroup[],
  deps: ForwardNeeds,
  { reportTraffic = false }: { readonly reportTraffic?: boolean } = {},
): Promise<number> {
  const all = groups.flatMap(({ specs, proxies }) => [...specs, ...proxies]);
  if (deps.settings.transport === 'plugin') {
    for (const spec of all) warnIfOpen(spec, deps);
    return runWithPlugin(groups, deps);
  }
  keepYoungGenerationSmall();
  const proxies = new Set(groups.flatMap((group) => group.proxies));
  const isLogin = proxies.size === 0 ? undefined : proxyLogin(deps.env);
  // The listeners are bound before any AWS call, so that a port in use is reported at once.
  const listeners = await bindListeners(all, deps, isLogin === undefined ? undefined : proxies);
  if (reportTraffic) deps.scope.add(watchTraffic(listeners, deps));
  const channel = await channelDeps(deps);
  watchCredentials(deps);
  const forwards: RunningForward[] = [];
  const pace = new StartPace(deps.clock);
  let bound = 0;
  for (const group of groups) {
    const count = group.specs.length + group.proxies.length;
    const own = listeners.slice(bound, bound + count);
    bound += count;
    forwards.push(...(await forwardsOn(own, group, all.length === 1, isLogin, { channel, pace }, deps)));
  }
  const aborted = whenAborted(deps.signal);
  deps.scope.add(async () => {
    aborted.dispose();
    const closing = forwards.map(({ forward }) => forward.close());
    await Promise.allSettled(closing);
    await Promise.all(closing);
  });
  let ready = 0;
  let failures = 0;
  const live = async ({ forward, name }: RunningForward): Promise<void> => {
    try {
      await forward.start();
      ready++;
      await forward.run();
    } catch (error) {
      if (deps.signal.aborted) return;
      if (forwards.length === 1) throw error;
      reportFailure(name, error, deps);
      failures++;
      // The listener is closed so that its port refuses connections instead of accepting connections that lead nowhere.
      await forward.close().catch(() => undefined);
      if (failures === forwards.length)
        throw failed('no-forward-left', `all ${forwards.length} forwards have failed`);
    }
  };
  // An interruption is an error only until the first forward was ready.
  const interruption = aborted.promise.catch((error: unknown) => {
    if (ready === 0) throw error;
  });
  await Promise.race([Promise.all(forwards.map(live)), interruption]);
  return 0;
}

const TRAFFIC_MS = 1_000;

/** Reports the bytes of each listener once a second while they change. */
function watchTraffic(
  listeners: readonly LocalListener[],
  { clock, report }: Pick<ForwardNeeds, 'clock' | 'report'>,
): () => void {
  const last = new Map<LocalListener, number>();
  let cancel: () => void = () => undefined;
  const look = (): void => {
    for (const listener of listeners) {
      const { sent, received } = listener.traffic;
      if ((last.get(listener) ?? 0) === sent + received) continue;
      last.set(listener, sent + received);
      report({ type: 'forward-traffic', localPort: listener.port, sent, received });
    }
    cancel = clock.timer(TRAFFIC_MS, look);
  };
  look();
  return () => cancel();
}

async function runWithPlugin(groups: readonly ForwardGroup[], deps: ForwardNeeds): Promise<number> {
  const [group, ...others] = groups;
  if (group === undefined) return 0;
  if ((group.route.sessions ?? 1) > 1)
    throw usage('plugin-unsupported', 'several sessions for one forward need the native transport');
  if (groups.some(({ proxies }) => proxies.length > 0))
    throw usage('plugin-unsupported', '-D needs the native transport');
  if (others.length > 0)
    throw usage('plugin-unsupported', 'several connections in one command need the native transport');
  const { runPluginForwards } = await import('./plugin-forwards.ts');
  return runPluginForwards(group.specs, group.route, deps);
}

/** @param isOnly nothing else runs, so that messages need no name */
async function forwardsOn(
  listeners: readonly LocalListener[],
  { connection, specs, proxies, allowed, route: asked }: ForwardGroup,
  isOnly: boolean,
  isLogin: IsLogin | undefined,
  { channel, pace }: { readonly channel: ChannelDeps; readonly pace: StartPace },
  deps: ForwardNeeds,
): Promise<readonly RunningForward[]> {
  const route = { ...asked, wholeName: wholeNameOnce(asked.wanted, deps) };
  const via = routeKind(route, specs, deps);
  const carrier = via === 'bastion' ? await keepBastion(route, deps) : await carrierOf(via, deps);
  const prefix = connection === undefined ? '' : `${connection} `;
  const ofSpecs = specs.flatMap((spec, index) => {
    const listener = listeners[index];
    if (listener === undefined) return [];
    const remote = { host: spec.remoteHost, port: spec.remotePort };
    const name = `${prefix}-L ${listener.port}:${spec.remoteHost ?? 'localhost'}:${spec.remotePort}`;
    const report = withConnection(connection, channel.report);
    const forward = spreadForward(
      {
        listener,
        remote: remoteOf(spec, route),
        destination: remote,
        carrier,
        request: route,
        channel: { ...channel, report: isOnly ? report : reportOf(name, report) },
        reportFor: (session) =>
          reportOf(isOnly ? `session ${session}` : `${name}, session ${session}`, report),
        pace,
      },
      deps,
    );
    return [{ forward, name }];
  });
  if (proxies.length === 0) return ofSpecs;
  const ofProxies = await proxiesOn(
    listeners.slice(specs.length),
    { prefix, allowed, isLogin, reportFor: reportOf },
    carrier,
    { ...channel, report: withConnection(connection, channel.report) },
    route,
    deps,
  );
  return [...ofSpecs, ...ofProxies];
}

/** Adds the name of the connection to its ready events. */
const withConnection =
  (connection: string | undefined, report: Report): Report =>
  (event) =>
    report(event.type === 'forward-ready' && connection !== undefined ? { ...event, connection } : event);

/** All forwards of a run lead to the service that the person has picked, and go on leading there. */
function wholeNameOnce(wanted: Wanted, deps: ForwardNeeds): (error: unknown) => Promise<Wanted> {
  let picked: Promise<Wanted> | undefined;
  return async (error) => {
    const { mayBePartialName, wholeName } = await import('../listing/whole-name.ts');
    if (!mayBePartialName(error, wanted, deps)) throw error;
    picked ??= wholeName(error, wanted, 'service', deps);
    return picked;
  };
}

/** A `-L` or `-D`, and what messages call it. */
interface RunningForward {
  readonly name: string;
  readonly forward: Pick<Forward, 'start' | 'run' | 'close'>;
}

function reportFailure(name: string, error: unknown, { report }: Pick<ForwardNeeds, 'report'>): void {
  report({
    type: 'note',
    level: 'warning',
    code: error instanceof ToolError ? error.code : 'forward-failed',
    message: `${name} has failed: ${error instanceof Error ? error.message : String(error)}`,
    details: { forward: name, hasFailed: true },
  });
}

/** One connection on stdin and stdout. Resolves with 0 when the remote side has finished. */
export async function forwardStdio(
  remote: Remote,
  request: RouteRequest,
  deps: ForwardNeeds & Needs<'terminal'>,
): Promise<number> {
  if (deps.settings.transport === 'plugin') {
    throw usage('plugin-unsupported', 'a forward on standard input and output needs the native transport');
  }
  const { terminal, signal } = deps;
  const via = routeKind(request, [{ remoteHost: remote.host }], deps);
  const channel = await channelDeps(deps);
  watchCredentials(deps);
  const carrier = await carrierOf(via, deps);
  const route = await openRoute(carrier, remote, request, deps);
  const session = new PortSession(route.session, route.target, channel, {
    silent: () => void route.look?.(),
  });
  const aborted = whenAborted(signal);
  deps.scope.add(async () => {
    aborted.dispose();
    await session.close();
  });
  await Promise.race([session.start(), aborted.promise]);
  const connection = new StdioConnection(terminal.stdin, terminal.stdout);
  const closed = new Promise<void>((resolve) => {
    connection.once('close', () => resolve());
    // The remote side has finished and everything it sent was handed to stdout.
    connection.once('finish', () => resolve());
  });
  session.accept(connection);
  const ended = async (): Promise<void> => {
    const end = await session.ended();
    await route.look?.();
    route.lost?.throwIfAborted();
    if (end.output !== '') throw failed('session-failed', `the session ended: ${end.output.trim()}`);
  };
  await Promise.race([closed, ended(), whenStopped(route.lost), aborted.promise]);
  connection.destroy();
  return 0;
}
