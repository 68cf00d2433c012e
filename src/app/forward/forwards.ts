import { lookup } from 'node:dns/promises';

import { Forward } from '../../connect/forward/forward.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import { refuseLinkLocal } from '../../connect/forward/link-local.ts';
import type { LocalListener } from '../../connect/forward/local-listener.ts';
import { PortSession } from '../../connect/forward/port-session.ts';
import { StdioConnection } from '../../connect/forward/stdio-connection.ts';
import { whenStopped } from '../../connect/session/container-end.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import { failed, ToolError, usage } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { Needs } from '../collaborators.ts';
import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import { channelDeps } from '../session/session-setup.ts';
import { bindListeners, warnIfOpen } from './listeners.ts';
import {
  type Carrier,
  carrierOf,
  findCarrier,
  type ForwardNeeds,
  keepBastion,
  openRoute,
  type Remote,
  remoteOf,
  type RouteRequest,
  routeKind,
} from './route.ts';
import { keepYoungGenerationSmall } from './young-generation.ts';

/**
 * Listens for all specs until the run is aborted; resolves with 0 then. The forwards are independent: one that fails
 * does not stop the others. Throws the error of the only forward, or `no-forward-left` when the last of several has
 * failed.
 * @param proxySpecs local sides of `-D`
 */
export async function runForwards(
  specs: readonly ForwardSpec[],
  request: RouteRequest,
  deps: ForwardNeeds,
  proxySpecs: readonly ForwardSpec[] = [],
): Promise<number> {
  if (deps.settings.transport === 'plugin') {
    for (const spec of [...specs, ...proxySpecs]) warnIfOpen(spec, deps);
    if (proxySpecs.length > 0) throw usage('plugin-unsupported', '-D needs the native transport');
    const { runPluginForwards } = await import('./plugin-forwards.ts');
    return runPluginForwards(specs, request, deps);
  }
  keepYoungGenerationSmall();
  // The listeners are bound before any AWS call, so that a port in use is reported at once.
  const listeners = await bindListeners([...specs, ...proxySpecs], deps);
  const via = routeKind(request, specs, deps);
  const channel = await channelDeps(deps);
  const carrier = via === 'bastion' ? await keepBastion(request, deps) : await carrierOf(via, deps);
  const isOnly = specs.length + proxySpecs.length === 1;
  const ofSpecs = specs.flatMap((spec, index) => {
    const listener = listeners[index];
    if (listener === undefined) return [];
    const remote = { host: spec.remoteHost, port: spec.remotePort };
    const name = `-L ${listener.port}:${spec.remoteHost ?? 'localhost'}:${spec.remotePort}`;
    const forward = new Forward({
      listener,
      remote: remoteOf(spec, request),
      openRoute: () => openRoute(carrier, remote, request, deps),
      deps: isOnly ? channel : { ...channel, report: reportOf(name, channel.report) },
    });
    return [{ forward, name }];
  });
  const proxies =
    proxySpecs.length === 0
      ? []
      : await proxiesOn(listeners.slice(specs.length), carrier, channel, request, deps);
  const forwards: readonly RunningForward[] = [...ofSpecs, ...proxies];
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

/** A `-L` or `-D`, and what messages call it. */
interface RunningForward {
  readonly name: string;
  readonly forward: Pick<Forward, 'start' | 'run' | 'close'>;
}

async function proxiesOn(
  listeners: readonly LocalListener[],
  carrier: Carrier,
  channel: ChannelDeps,
  request: RouteRequest,
  deps: ForwardNeeds,
): Promise<readonly RunningForward[]> {
  const { ProxyForward } = await import('../../connect/forward/proxy-forward.ts');
  // Every session would repeat which task or bastion carries it.
  const quiet = { ...deps, report: withoutRepeatedNotes(deps.report) };
  const check = async (host: string): Promise<void> => {
    if (request.allowLinkLocal !== true) await refuseLinkLocal(host, { clock: deps.clock, lookUp });
  };
  return listeners.map((listener) => {
    const name = `-D ${listener.port}`;
    const forward = new ProxyForward({
      listener,
      name,
      deps: channel,
      findCarrier: () => findCarrier(carrier, request, quiet),
      check,
      openRoute: (host, port) => openRoute(carrier, { host, port }, request, quiet),
      reportFor: (destination) => reportOf(destination, channel.report),
    });
    return { forward, name };
  });
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

/** Names the `-L` in what its session reports. */
const reportOf =
  (forward: string, report: Report): Report =>
  (event) => {
    if (event.type === 'session-state') report({ ...event, forward });
    else if (event.type === 'note')
      report({
        ...event,
        message: `${forward}: ${event.message}`,
        details: { ...event.details, forward },
      });
    else report(event);
  };

function reportFailure(name: string, error: unknown, { report }: Pick<ForwardNeeds, 'report'>): void {
  report({
    type: 'note',
    level: 'warning',
    code: error instanceof ToolError ? error.code : 'forward-failed',
    message: `${name} has failed: ${error instanceof Error ? error.message : String(error)}`,
    details: { forward: name },
  });
}

/** One connection on stdin and stdout. Resolves with 0 when the remote side has finished. */
export async function forwardStdio(
  remote: Remote,
  request: RouteRequest,
  deps: ForwardNeeds & Needs<'terminal'>,
): Promise<number> {
  if (deps.settings.transport === 'plugin') {
    throw usage('plugin-unsupported', '--stdio needs the native transport');
  }
  const { terminal, signal } = deps;
  const via = routeKind(request, [{ remoteHost: remote.host }], deps);
  const channel = await channelDeps(deps);
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
