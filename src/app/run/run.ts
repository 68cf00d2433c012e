import { watchCredentials } from '../forward/credentials-watch.ts';
import type { ConfiguredConnection } from '../../config/settings.ts';
import { type FarPort, whenPortAnswers } from '../../connect/forward/far-port.ts';
import { type ForwardSpec, parseForward } from '../../connect/forward/forward-spec.ts';
import { hostPort } from '../../core/host-port.ts';
import type { LocalListener } from '../../connect/forward/local-listener.ts';
import { CleanupScope } from '../../core/cleanup.ts';
import { usage } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { Needs } from '../collaborators.ts';
import {
  clientVariables,
  runOnTerminal,
  type TerminalNeeds,
  withArguments,
} from '../database/client-command.ts';
import type { DatabaseRequest } from '../database/database-request.ts';
import { type DatabaseNeeds, openDatabase, type OpenDatabase } from '../database/open-database.ts';
import { withHosts } from '../forward/forward-request.ts';
import { bindListeners } from '../forward/listeners.ts';
import { openForward, type OpenForward, withoutForwardResults } from '../forward/open-forward.ts';
import { carrierOf, keepBastion, type Remote, routeKind, type RouteRequest } from '../forward/route.ts';
import { asTransportStatus } from '../session/session-setup.ts';
import type { EphemeralNeeds, EphemeralRequest } from './ephemeral-bastion.ts';

/** One command with forwards that are opened before it and closed after it. */

export interface RunRequest extends Omit<DatabaseRequest, 'host' | 'engine' | 'print'> {
  /** As typed for `-L`. */
  readonly forwards: readonly string[];
  /** Of the kinds `forward` and `db`; at most one of them is a database, and only where `id` is undefined. */
  readonly connections: readonly ConfiguredConnection[];
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  /** A bastion is created for the command and deleted after it; undefined = what carries the forwards is there already. */
  readonly ephemeral?: EphemeralRequest | undefined;
}

type RunNeeds = DatabaseNeeds & TerminalNeeds & EphemeralNeeds & Needs<'prompter', 'input' | 'output'>;

/** The variable that holds the local port of the `-L` at `index`, which counts from 0. */
const portVariable = (index: number): string => `FARGATE_CONNECT_PORT_${index + 1}`;

/**
 * Opens the database and the forwards, waits until their ports answer, and resolves with the exit status of the command.
 * An error before the command starts that is no mistake of the command line, no unknown name and no missing permission
 * has the status 255; a program that cannot be started has 126 or 127.
 */
export async function runWithForwards(request: RunRequest, deps: RunNeeds): Promise<number> {
  const { ephemeral } = request;
  if (ephemeral === undefined) return runWithCarrier(request, deps);
  const { openEphemeral } = await import('./ephemeral-bastion.ts');
  const { forwardsOf } = await import('../connections/named-connections.ts');
  const route = { ...request, document: undefined, requireLogged: false };
  const specs = [
    ...request.forwards.map(parseForward),
    ...request.connections.flatMap((connection) => forwardsOf(connection, route).specs),
  ];
  const databases = request.id === undefined ? [] : [request.id];
  const bastion = await openEphemeral(ephemeral, specs, databases, deps).catch((error: unknown) => {
    throw asTransportStatus(error, ['transport', 'failed']);
  });
  // The forwards are closed before the bastion is deleted, or they would report its end and wait for another one.
  const scope = new CleanupScope();
  const close = async (): Promise<void> => {
    try {
      await scope.close();
    } finally {
      await bastion.close();
    }
  };
  deps.scope.add(close);
  try {
    return await runWithCarrier({ ...request, via: 'bastion', name: bastion.name }, { ...deps, scope });
  } finally {
    await close();
  }
}

async function runWithCarrier(request: RunRequest, deps: RunNeeds): Promise<number> {
  const { command, environment } = await prepared(request, deps).catch((error: unknown) => {
    throw asTransportStatus(error, ['transport', 'failed']);
  });
  return runOnTerminal(command, { ...deps.env, ...environment }, deps);
}

interface Prepared {
  readonly command: readonly [string, ...string[]];
  /** Variables to set; undefined = the variable is removed. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

async function prepared(given: RunRequest, deps: RunNeeds): Promise<Prepared> {
  if (deps.settings.transport === 'plugin')
    throw usage('plugin-unsupported', 'run needs the native transport');
  const typed = given.forwards.map(parseForward);
  const typedRoute = { ...given, document: undefined, requireLogged: false };
  const { databaseRequestOf, forwardsOf } = await import('../connections/named-connections.ts');
  const groups: readonly RunGroup[] = await withHosts(
    [
      { specs: typed, route: typedRoute, isTyped: true },
      ...given.connections
        .filter(({ kind }) => kind === 'forward')
        .map((connection) => ({ ...forwardsOf(connection, typedRoute), isTyped: false })),
    ],
    deps,
  );
  const wanted = { ...given, host: undefined, engine: undefined, print: undefined };
  const ofDatabase = given.connections.find(({ kind }) => kind === 'db');
  const request = ofDatabase === undefined ? wanted : databaseRequestOf(wanted, ofDatabase);
  const listeners = await bindListeners(
    groups.flatMap(({ specs }) => specs),
    deps,
  );
  const database = await openedDatabase(request, typed, deps);
  watchCredentials(deps);
  const refusals = new Refusals(withoutForwardResults(deps.report));
  let count = 0;
  const openings = groups.map(async ({ specs, route, isTyped }) => {
    const first = count;
    count += specs.length;
    if (specs.length === 0) return;
    const shared = isTyped ? database?.forwardTo : undefined;
    const forwardTo = shared ?? (await opener(route, specs, deps));
    await Promise.all(
      specs.map(async ({ remoteHost, remotePort }, offset) => {
        const index = first + offset;
        const listener = listeners[index];
        if (listener === undefined) return;
        const remote = { host: remoteHost, port: remotePort };
        const forward = await forwardTo(listener, remote, refusals.report);
        reportEnd(`the forward to ${hostPort(remoteHost ?? 'localhost', remotePort)}`, forward, deps);
        await answering(listener, remote, forward, deps);
        deps.report({
          type: 'note',
          level: 'info',
          code: 'forward-open',
          message: `${portVariable(index)}: ${hostPort(listener.host, listener.port)} → ${hostPort(remoteHost ?? 'localhost', remotePort)}`,
        });
      }),
    );
  });
  await Promise.all(openings);
  refusals.passOn();
  const ports = Object.fromEntries(
    listeners.map((listener, index) => [portVariable(index), String(listener.port)]),
  );
  const [program, ...args] = given.command;
  if (database === undefined) return { command: given.command, environment: ports };
  return {
    command: withArguments(program, args, database.setup),
    environment: { ...(await clientVariables(database, program, deps)), ...ports },
  };
}

/** Forwards that one task or bastion carries. */
interface RunGroup {
  readonly specs: readonly ForwardSpec[];
  readonly route: RouteRequest;
  /** They have no route of their own: where there is a database, they go the way of its forward. */
  readonly isTyped: boolean;
}

async function openedDatabase(
  request: DatabaseRequest,
  specs: readonly ForwardSpec[],
  deps: RunNeeds,
): Promise<OpenDatabase | undefined> {
  if (request.id === undefined && request.host === undefined) return undefined;
  // The port of a task itself is reached through that task only.
  const onlyTask = request.via === 'auto' && specs.some(({ remoteHost }) => remoteHost === undefined);
  const opened = await openDatabase({ ...request, via: onlyTask ? 'task' : request.via }, deps);
  const { connection, setup } = opened;
  reportEnd(`the forward to ${opened.name}`, opened, deps);
  // Where the certificate is verified, the database has answered already.
  if (connection.tls !== 'verify' || connection.family === 'sqlserver')
    await answering(connection.local, connection.remote, opened, deps);
  deps.report({
    type: 'note',
    level: 'info',
    code: 'database-ready',
    message: `${opened.name} (${opened.engine}) on ${hostPort(connection.local.host, connection.local.port)}`,
  });
  for (const message of setup.limits)
    deps.report({ type: 'note', level: 'info', code: 'client-limit', message });
  return opened;
}

/** For forwards without a database: through the task or bastion that `forward` would choose. */
async function opener(
  route: RouteRequest,
  specs: readonly ForwardSpec[],
  deps: RunNeeds,
): Promise<OpenDatabase['forwardTo']> {
  const via = routeKind(route, specs, deps);
  const carrier = via === 'bastion' ? await keepBastion(route, deps) : await carrierOf(via, deps);
  return (listener, remote, report) => openForward(listener, remote, carrier, route, deps, report);
}

/** Waits until the remote port answers, or the forward is lost. */
async function answering(
  local: Pick<LocalListener, 'host' | 'port'>,
  remote: Remote,
  forward: OpenForward,
  deps: RunNeeds,
): Promise<void> {
  const port: FarPort = {
    local: { host: local.host, port: local.port },
    remote: { host: remote.host ?? 'localhost', port: remote.port },
  };
  // When another forward fails, the run ends, and with it this wait.
  const ending = new AbortController();
  deps.scope.add(() => ending.abort(new Error('the run has ended')));
  const signal = AbortSignal.any([deps.signal, ending.signal]);
  await Promise.race([whenPortAnswers(port, deps.clock, signal), forward.lost]);
}

/** The command's connections are closed when its forward ends for good, and the reason is told. */
function reportEnd(what: string, { lost }: OpenForward, { report, signal }: RunNeeds): void {
  lost.catch((error: unknown) => {
    if (signal.aborted) return;
    report({
      type: 'note',
      level: 'warning',
      code: 'forward-ended',
      message: `${what} has ended: ${error instanceof Error ? error.message : String(error)}`,
    });
  });
}

/** Holds back the warning of each refused connection while refusals are expected, because the port is waited for. */
class Refusals {
  readonly #report: Report;
  #isExpected = true;

  constructor(report: Report) {
    this.#report = report;
  }

  readonly report: Report = (event) => {
    if (this.#isExpected && event.type === 'note' && event.code === 'remote-refused') return;
    this.#report(event);
  };

  passOn(): void {
    this.#isExpected = false;
  }
}
