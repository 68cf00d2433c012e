import { Forward } from '../../connect/forward/forward.ts';
import { type ForwardSpec, hostPort, isLoopback } from '../../connect/forward/forward-spec.ts';
import { LocalListener } from '../../connect/forward/local-listener.ts';
import { PortSession } from '../../connect/forward/port-session.ts';
import { StdioConnection } from '../../connect/forward/stdio-connection.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import { failed, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import { channelDeps } from '../session/session-setup.ts';
import {
  type ForwardNeeds,
  keepBastion,
  openRoute,
  type Remote,
  remoteOf,
  type RouteRequest,
  routeKind,
} from './route.ts';
import { keepYoungGenerationSmall } from './young-generation.ts';

/** Listeners for all specs until the run is aborted (0) or a route is lost for good (throws). */
export async function runForwards(
  specs: readonly ForwardSpec[],
  request: RouteRequest,
  deps: ForwardNeeds,
): Promise<number> {
  for (const spec of specs) warnIfOpen(spec, deps);
  if (deps.settings.transport === 'plugin') {
    const { runPluginForwards } = await import('./plugin-forwards.ts');
    return runPluginForwards(specs, request, deps);
  }
  keepYoungGenerationSmall();
  const listeners: LocalListener[] = [];
  deps.scope.add(async () => {
    await Promise.all(listeners.map((listener) => listener.close()));
  });
  // Bound before any AWS call: a taken port is the cheapest error there is.
  for (const spec of specs) listeners.push(await LocalListener.bind(spec.bind, spec.localPort));
  const via = routeKind(request, specs, deps);
  const channel = await channelDeps(deps);
  const keeper = via === 'bastion' ? await keepBastion(request, deps) : undefined;
  const forwards = specs.flatMap((spec, index) => {
    const listener = listeners[index];
    if (listener === undefined) return [];
    const remote = { host: spec.remoteHost, port: spec.remotePort };
    return new Forward({
      listener,
      remote: remoteOf(spec, request),
      openRoute: () => openRoute(keeper ?? via, remote, request, deps),
      deps: channel,
    });
  });
  const aborted = whenAborted(deps.signal);
  deps.scope.add(async () => {
    aborted.dispose();
    const closing = forwards.map((forward) => forward.close());
    await Promise.allSettled(closing);
    await Promise.all(closing);
  });
  await Promise.race([Promise.all(forwards.map((forward) => forward.start())), aborted.promise]);
  await Promise.race([
    Promise.all(forwards.map((forward) => forward.run())),
    aborted.promise.catch(() => undefined),
  ]);
  return 0;
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
  const route = await openRoute(via, remote, request, deps);
  const session = new PortSession(route.session, route.target, channel);
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
  await Promise.race([
    closed,
    session.ended().then((end) => {
      if (end.output !== '') throw failed('session-failed', `the session ended: ${end.output.trim()}`);
    }),
    aborted.promise,
  ]);
  connection.destroy();
  return 0;
}

function warnIfOpen(spec: ForwardSpec, { report }: Pick<ForwardNeeds, 'report'>): void {
  if (isLoopback(spec.bind)) return;
  report({
    type: 'note',
    level: 'warning',
    code: 'open-listener',
    message: `${hostPort(spec.bind, spec.localPort)} can be reached by others on this network, without a password`,
    details: { bind: spec.bind },
  });
}
