import { type FarPort, whenPortAnswers } from '../../connect/forward/far-port.ts';
import { type ForwardSpec, parseForward } from '../../connect/forward/forward-spec.ts';
import { hostPort } from '../../core/host-port.ts';
import type { LocalListener } from '../../connect/forward/local-listener.ts';
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
import { carrierOf, keepBastion, type Remote, routeKind } from '../forward/route.ts';
import { asTransportStatus } from '../session/session-setup.ts';

/** One command with forwards that are opened before it and closed after it. */

export interface RunRequest extends Omit<DatabaseRequest, 'host' | 'engine' | 'print'> {
  /** As typed for `-L`. */
  readonly forwards: readonly string[];
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
}

type RunNeeds = DatabaseNeeds & TerminalNeeds & Needs<'prompter', 'input' | 'output'>;

/** The variable that holds the local port of the `-L` at `index`, which counts from 0. */
export const portVariable = (index: number): string => `FARGATE_CONNECT_PORT_${index + 1}`;

/**
 * Opens the database and the forwards, waits until their ports answer, and resolves with the exit status of the command.
 * An error before the command starts that is no mistake of the command line, no unknown name and no missing permission
 * has the status 255; a program that cannot be started has 126 or 127.
 */
export async function runWithForwards(request: RunRequest, deps: RunNeeds): Promise<number> {
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

async function prepared(request: RunRequest, deps: RunNeeds): Promise<Prepared> {
  if (deps.settings.transport === 'plugin')
    throw usage('plugin-unsupported', 'run needs the native transport');
  const specs = await withHosts(request.forwards.map(parseForward), deps);
  const listeners = await bindListeners(specs, deps);
  const database = await openedDatabase(request, specs, deps);
  const forwardTo = database?.forwardTo ?? (await opener(request, specs, deps));
  const refusals = new Refusals(withoutForwardResults(deps.report));
  await Promise.all(
    specs.map(async ({ remoteHost, remotePort }, index) => {
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
  refusals.passOn();
  const ports = Object.fromEntries(
    listeners.map((listener, index) => [portVariable(index), String(listener.port)]),
  );
  const [program, ...args] = request.command;
  if (database === undefined) return { command: request.command, environment: ports };
  return {
    command: withArguments(program, args, database.setup),
    environment: { ...(await clientVariables(database, program, deps)), ...ports },
  };
}

async function openedDatabase(
  request: RunRequest,
  specs: readonly ForwardSpec[],
  deps: RunNeeds,
): Promise<OpenDatabase | undefined> {
  if (request.id === undefined) return undefined;
  // The port of a task itself is reached through that task only.
  const onlyTask = request.via === 'auto' && specs.some(({ remoteHost }) => remoteHost === undefined);
  const via = onlyTask ? 'task' : request.via;
  const opened = await openDatabase(
    { ...request, via, host: undefined, engine: undefined, print: undefined },
    deps,
  );
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
  given: RunRequest,
  specs: readonly ForwardSpec[],
  deps: RunNeeds,
): Promise<OpenDatabase['forwardTo']> {
  const request = { ...given, document: undefined, requireLogged: false };
  const via = routeKind(request, specs, deps);
  const carrier = via === 'bastion' ? await keepBastion(request, deps) : await carrierOf(via, deps);
  return (listener, remote, report) => openForward(listener, remote, carrier, request, deps, report);
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
