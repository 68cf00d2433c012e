import { type ForwardSpec, isLoopback } from '../../connect/forward/forward-spec.ts';
import { LocalListener } from '../../connect/forward/local-listener.ts';
import {
  findPlugin,
  pluginFailed,
  type PipedPlugin,
  startPluginForward,
} from '../../connect/plugin/plugin-transport.ts';
import type { ForwardRoute } from '../../connect/forward/forward.ts';
import { whenStopped } from '../../connect/session/container-end.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import { usage } from '../../core/errors.ts';
import { pluginCall } from '../session/session-setup.ts';
import { carrierOf, type ForwardNeeds, openRoute, remoteOf, type RouteRequest, routeKind } from './route.ts';

/**
 * Forwards through session-manager-plugin, which listens on 127.0.0.1 only. A free local port is chosen before any AWS
 * call.
 */
export async function runPluginForwards(
  specs: readonly ForwardSpec[],
  request: RouteRequest,
  deps: ForwardNeeds,
): Promise<number> {
  const open = specs.find((spec) => !isLoopback(spec.bind));
  if (open !== undefined) {
    throw usage('plugin-unsupported', `the plugin listens on 127.0.0.1 only, not on ${open.bind}`);
  }
  const plugin = await findPlugin(deps.env);
  const ports = await freePorts(specs);
  const via = routeKind(request, specs, deps);
  const carrier = await carrierOf(via, deps);
  const aborted = whenAborted(deps.signal);
  deps.scope.add(() => aborted.dispose());
  const ssm = await (await deps.account()).ssm();
  const start = async (
    spec: ForwardSpec,
    port: number,
  ): Promise<{ readonly child: PipedPlugin; readonly route: ForwardRoute }> => {
    const remote = { host: spec.remoteHost, port: spec.remotePort };
    const route = await openRoute(carrier, remote, request, deps, port);
    deps.scope.add(() => ssm.terminateSession(route.session.sessionId));
    const call = await pluginCall(deps, route.session, route.target);
    const child = await startPluginForward(plugin, call, deps.clock);
    deps.scope.add(() => child.stop());
    deps.report({
      type: 'forward-ready',
      local: { host: '127.0.0.1', port },
      remote: remoteOf(spec, request),
      via: route.via,
      target: route.target,
    });
    return { child, route };
  };
  const forwards = await Promise.race([
    Promise.all(specs.map((spec, index) => start(spec, ports[index] ?? 0))),
    aborted.promise,
  ]);
  const lost = forwards.map(async ({ child, route }) => {
    await Promise.race([child.ended, whenStopped(route.lost)]);
    await route.look?.();
    route.lost?.throwIfAborted();
    if (!deps.signal.aborted) throw pluginFailed(undefined, undefined, 'the forward is over');
  });
  await Promise.race([...lost, aborted.promise.catch(() => undefined)]);
  return 0;
}

/** All ports are bound at the same time, so that no port is chosen twice. */
async function freePorts(specs: readonly ForwardSpec[]): Promise<readonly number[]> {
  const listeners: LocalListener[] = [];
  try {
    for (const spec of specs) listeners.push(await LocalListener.bind('127.0.0.1', spec.localPort));
    return listeners.map((listener) => listener.port);
  } finally {
    await Promise.all(listeners.map((listener) => listener.close()));
  }
}
