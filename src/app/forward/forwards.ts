import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { Forward, type ForwardRoute } from '../../connect/forward/forward.ts';
import { type ForwardSpec, hostPort, isLoopback } from '../../connect/forward/forward-spec.ts';
import { LocalListener } from '../../connect/forward/local-listener.ts';
import type { PipedPlugin } from '../../connect/plugin/plugin-transport.ts';
import { PortSession } from '../../connect/forward/port-session.ts';
import { resolveContainer, whenConnected } from '../../connect/target/resolve.ts';
import type { SessionStart } from '../../connect/ports.ts';
import { documentRequest, forwardRequest } from '../../connect/session/session-documents.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import { StdioConnection } from '../../connect/forward/stdio-connection.ts';
import { failed, usage } from '../../core/errors.ts';
import type { ForwardRemote } from '../../core/events.ts';
import type { BastionKeeper, BastionRoute } from '../bastion/bastion-keeper.ts';
import type { CommandContext } from '../../cli/context.ts';
import { channelDeps, pluginCall, resolveOptions, wantedOf } from '../session/session-setup.ts';
import { keepYoungGenerationSmall } from '../../cli/young-generation.ts';

/** What carries a forward, and how it was chosen. */
export interface RouteOptions {
  readonly via: 'auto' | 'task' | 'bastion';
  readonly service: string | undefined;
  /** Bastion name. */
  readonly name: string | undefined;
  /** False = a bastion that EC2 takes back is not replaced. */
  readonly replace: boolean;
  /** Session document that says where it leads; without it AWS's own, which take host and port. */
  readonly document: string | undefined;
}

interface Remote {
  readonly host: string | undefined;
  readonly port: number;
}

/** Listeners for all specs until the run is aborted (0) or a way is lost for good (throws). */
export async function runForwards(
  specs: readonly ForwardSpec[],
  options: RouteOptions,
  context: CommandContext,
): Promise<number> {
  for (const spec of specs) warnIfOpen(spec, context);
  if (context.settings.transport === 'plugin') return runPluginForwards(specs, options, context);
  keepYoungGenerationSmall();
  const listeners: LocalListener[] = [];
  context.scope.add(async () => {
    await Promise.all(listeners.map((listener) => listener.close()));
  });
  // Bound before any AWS call: a taken port is the cheapest error there is.
  for (const spec of specs) listeners.push(await LocalListener.bind(spec.bind, spec.localPort));
  const via = routeKind(options, specs, context);
  const deps = await channelDeps(context);
  const keeper = via === 'bastion' ? await keeperOf(options, context) : undefined;
  const forwards = specs.flatMap((spec, index) => {
    const listener = listeners[index];
    if (listener === undefined) return [];
    const remote = { host: spec.remoteHost, port: spec.remotePort };
    return new Forward({
      listener,
      remote: remoteOf(spec, options),
      openRoute: () => openRoute(keeper ?? via, remote, options, context),
      deps,
    });
  });
  const aborted = whenAborted(context.signal);
  context.scope.add(async () => {
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

const remoteOf = (spec: ForwardSpec, { document }: RouteOptions): ForwardRemote =>
  document === undefined ? { host: spec.remoteHost ?? 'localhost', port: spec.remotePort } : { document };

/** One connection on stdin and stdout. Resolves with 0 when the remote side has finished. */
export async function forwardStdio(
  remote: Remote,
  options: RouteOptions,
  context: CommandContext,
): Promise<number> {
  if (context.settings.transport === 'plugin') {
    throw usage('plugin-unsupported', '--stdio needs the native transport', {
      hints: ['leave --transport plugin away'],
    });
  }
  const { terminal, signal } = context;
  const via = routeKind(options, [{ remoteHost: remote.host }], context);
  const deps: ChannelDeps = await channelDeps(context);
  const route = await openRoute(via, remote, options, context);
  const session = new PortSession(route.session, route.target, deps);
  const aborted = whenAborted(signal);
  context.scope.add(async () => {
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

/** `auto`: a task if one was meant, because it sees what the service sees; else the bastion. Said once, so that nobody has to guess. */
function routeKind(
  options: RouteOptions,
  specs: readonly Pick<ForwardSpec, 'remoteHost'>[],
  context: CommandContext,
): 'task' | 'bastion' {
  const { settings, report } = context;
  if (options.via !== 'auto') return options.via;
  const taskNamed = (options.service ?? settings.service ?? settings.task) !== undefined;
  const toTaskItself = options.document === undefined && specs.some((spec) => spec.remoteHost === undefined);
  const via = taskNamed || toTaskItself ? 'task' : 'bastion';
  if (options.document !== undefined && via === 'bastion') return via;
  report({
    type: 'note',
    level: 'info',
    code: 'route-chosen',
    message:
      via === 'bastion'
        ? 'through the bastion, because no service or task is named (--via task for the other way)'
        : taskNamed
          ? 'through the task, which sees what the service sees (--via bastion for the other way)'
          : 'through a task, because the port is the task’s own',
    details: { via },
  });
  return via;
}

async function openRoute(
  way: 'task' | 'bastion' | BastionKeeper,
  remote: Remote,
  options: RouteOptions,
  context: CommandContext,
  localPort = 0,
): Promise<ForwardRoute> {
  const ssm = await (await context.account()).ssm();
  const { document } = options;
  const start = (target: string): Promise<SessionStart> =>
    ssm.startSession(
      document === undefined
        ? forwardRequest(target, remote, localPort)
        : documentRequest(target, document, localPort),
    );
  if (way !== 'task') {
    const { checkPort, onceOnline } = await import('../bastion/bastion-target.ts');
    const route = way === 'bastion' ? watchedBastion(options.name, context) : way.route();
    const { bastion, watch, ...signals } = await route;
    if (document === undefined) checkPort(bastion, remote);
    const target = bastion.instanceId;
    const [session] = await Promise.all([
      onceOnline(bastion, context, () => start(target)),
      // A bastion on its last two minutes is better known before anything goes through it.
      watch.look(),
    ]);
    return { via: 'bastion', target, session, ...signals };
  }
  const resolving = await resolveOptions(context, 'network');
  const wanted: Wanted = wantedOf(context, options.service);
  const resolved = await resolveContainer(wanted, resolving);
  const { target } = resolved;
  const session = await whenConnected(resolved, resolving, () => start(target));
  return { via: 'task', target, session };
}

/** For what cannot move to another instance: its end is said, no more. */
async function watchedBastion(
  name: string | undefined,
  context: CommandContext,
): Promise<Pick<BastionRoute, 'bastion' | 'watch'> & Partial<BastionRoute>> {
  const [{ findBastion }, { watchForNotice }] = await Promise.all([
    import('../bastion/bastion-target.ts'),
    import('../bastion/bastion-notice.ts'),
  ]);
  const bastion = await findBastion(context, name);
  const watch = await watchForNotice(bastion, context);
  context.scope.add(() => watch.close());
  return { bastion, watch };
}

async function keeperOf(options: RouteOptions, context: CommandContext): Promise<BastionKeeper> {
  const { BastionKeeper } = await import('../bastion/bastion-keeper.ts');
  const keeper = new BastionKeeper({ name: options.name, replace: options.replace }, context);
  context.scope.add(() => keeper.close());
  return keeper;
}

function warnIfOpen(spec: ForwardSpec, context: CommandContext): void {
  if (isLoopback(spec.bind)) return;
  context.report({
    type: 'note',
    level: 'warning',
    code: 'open-listener',
    message: `${hostPort(spec.bind, spec.localPort)} can be reached by others on this network, without a password`,
    details: { bind: spec.bind },
  });
}

/** The plugin does its own listening, on 127.0.0.1 only; its port is chosen and found free before AWS is asked. */
async function runPluginForwards(
  specs: readonly ForwardSpec[],
  options: RouteOptions,
  context: CommandContext,
): Promise<number> {
  const { findPlugin, pluginFailed, startPluginForward } =
    await import('../../connect/plugin/plugin-transport.ts');
  const open = specs.find((spec) => !isLoopback(spec.bind));
  if (open !== undefined) {
    throw usage('plugin-unsupported', `the plugin listens on 127.0.0.1 only, not on ${open.bind}`, {
      hints: ['leave --transport plugin away'],
    });
  }
  const plugin = await findPlugin(context.env);
  const ports = await freePorts(specs);
  const via = routeKind(options, specs, context);
  const aborted = whenAborted(context.signal);
  context.scope.add(() => aborted.dispose());
  const ssm = await (await context.account()).ssm();
  const start = async (spec: ForwardSpec, port: number): Promise<PipedPlugin> => {
    const remote = { host: spec.remoteHost, port: spec.remotePort };
    const route = await openRoute(via, remote, options, context, port);
    context.scope.add(() => ssm.terminateSession(route.session.sessionId));
    const call = await pluginCall(context, route.session, route.target);
    const child = await startPluginForward(plugin, call, context.clock);
    context.scope.add(() => child.stop());
    context.report({
      type: 'forward-ready',
      local: { host: '127.0.0.1', port },
      remote: remoteOf(spec, options),
      via: route.via,
      target: route.target,
    });
    return child;
  };
  const children = await Promise.race([
    Promise.all(specs.map((spec, index) => start(spec, ports[index] ?? 0))),
    aborted.promise,
  ]);
  const lost = children.map(async (child) => {
    await child.ended;
    if (!context.signal.aborted) throw pluginFailed(undefined, undefined, 'the forward is over');
  });
  await Promise.race([...lost, aborted.promise.catch(() => undefined)]);
  return 0;
}

/** All bound at the same time, so that no port is handed out twice. */
async function freePorts(specs: readonly ForwardSpec[]): Promise<readonly number[]> {
  const listeners: LocalListener[] = [];
  try {
    for (const spec of specs) listeners.push(await LocalListener.bind('127.0.0.1', spec.localPort));
    return listeners.map((listener) => listener.port);
  } finally {
    await Promise.all(listeners.map((listener) => listener.close()));
  }
}
