import { clientSetup, type ClientConnection, type ClientSetup } from '../../connect/database/client-setup.ts';
import { findProgram, isMariaDbClient } from '../../connect/database/client-process.ts';
import { certificatesOf, FAMILIES } from '../../connect/database/engines.ts';
import { derivedPort, identityOf } from '../../connect/database/local-port.ts';
import { chooseRoute, otherRoute } from '../../connect/database/route-choice.ts';
import { checkTls } from '../../connect/database/tls-check.ts';
import { LocalListener } from '../../connect/forward/local-listener.ts';
import { failed, usage } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { Needs } from '../collaborators.ts';
import { openForward, type OpenForward, withoutForwardResults } from '../forward/open-forward.ts';
import {
  type Carrier,
  carrierOf,
  type ForwardNeeds,
  keepBastion,
  type Remote,
  type RouteRequest,
} from '../forward/route.ts';
import { type AuthorityFile, authorityFile } from './authorities.ts';
import { configuredDestination } from './configured-request.ts';
import type { DatabaseRequest, SettledRequest } from './database-request.ts';
import { type Destination, portOf } from './destination.ts';
import { type Login, loginOf } from './login.ts';
import { LoginFiles } from './login-files.ts';
import { withOfferedLogin } from './offered-login.ts';
import { PrivateFiles } from './private-files.ts';
import { gatherRoute } from './route-facts.ts';

/** From the id of a database to a local port behind which it answers, with everything that a client needs. */

export interface OpenDatabase {
  /** What the person named. */
  readonly name: string;
  readonly engine: string;
  readonly connection: ClientConnection;
  readonly setup: ClientSetup;
  readonly login: Login;
  readonly files: LoginFiles;
  /** One more local port for each node of a cluster that spreads its keys. */
  readonly nodes: readonly { readonly remote: string; readonly local: string }[];
  /** Rejects when the forward has ended for good. */
  readonly lost: Promise<never>;
  /** Opens one more forward through the task or bastion that carries the connections to the database. */
  readonly forwardTo: (listener: LocalListener, remote: Remote, report: Report) => Promise<OpenForward>;
}

export type DatabaseNeeds = ForwardNeeds & Needs<'env', 'databaseCa' | 'databases'>;
type OpenNeeds = DatabaseNeeds & Needs<'prompter' | 'terminal', 'input' | 'output'>;

/**
 * Binds the local port, reads the login, opens the forward and verifies the certificate. Throws everything that these
 * steps throw, `local-port-shared`, `database-unreachable`.
 */
export async function openDatabase(given: DatabaseRequest, deps: OpenNeeds): Promise<OpenDatabase> {
  if (deps.settings.transport === 'plugin')
    throw usage('plugin-unsupported', 'db needs the native transport');
  const identified = await withId(given, deps);
  const early = identified.port === undefined ? undefined : await bound(identified.port, deps);
  const { request: named, destination } = await configuredDestination(identified, deps);
  const { database, endpoint, family } = destination;
  const listener = early ?? (await bound(named.port ?? portOf(destination), deps));
  const request = await withOfferedLogin(named, destination, listener.port, deps);
  const files = await PrivateFiles.create(deps.scope);
  const [login, route] = await Promise.all([
    loginOf(request, database, endpoint, deps),
    routeOf(request, destination, deps),
  ]);
  const tls = tlsOf(request, destination);
  const authorities =
    tls === 'verify'
      ? await authorityFile(request.ca ?? deps.settings.databaseCa, certificatesOf(database), files, deps)
      : undefined;
  const quiet = withoutForwardResults(deps.report);
  const carrier =
    route.via === 'bastion' ? await keepBastion(route.request, deps) : await carrierOf(route.via, deps);
  const { lost } = await openForward(listener, endpoint, carrier, route.request, deps, quiet);
  const local = { host: listener.host, port: listener.port };
  const nodes = await openNodes(destination, carrier, route.request, deps, quiet);
  await Promise.race([verify(destination, local, authorities, deps), lost]);
  const loginFiles = new LoginFiles(files, deps);
  const connection: ClientConnection = {
    family,
    remote: { host: endpoint.host, port: endpoint.port },
    local,
    user: login.user,
    database: login.databaseName,
    tls,
    caFile: authorities?.path,
    loginFile: loginFiles.pathFor(family, login),
    readOnly: request.readOnly,
    ...(destination.engine === 'redshift' ? { isRedshift: true } : {}),
    ...(family === 'mysql' ? { isMariaDb: await usesMariaDb(request, deps) } : {}),
  };
  await loginFiles.keepFresh(connection, login);
  return {
    name: destination.name,
    engine: destination.engine,
    connection,
    setup: clientSetup(connection),
    login,
    files: loginFiles,
    nodes,
    lost,
    forwardTo: (more, remote, report) => openForward(more, remote, carrier, route.request, deps, report),
  };
}

/** Asks which database where neither an id nor a host was given. */
async function withId(
  request: DatabaseRequest,
  deps: Needs<'account' | 'prompter' | 'report', 'input'>,
): Promise<DatabaseRequest> {
  if (request.id !== undefined || request.host !== undefined) return request;
  const { chooseDatabase } = await import('./choose-database.ts');
  return { ...request, id: await chooseDatabase(request, deps) };
}

async function usesMariaDb({ command }: SettledRequest, { env }: Needs<'env'>): Promise<boolean> {
  const program = command[0] ?? (await findProgram(FAMILIES.mysql.clients, env));
  return program !== undefined && /mysql|mariadb/.test(program) && isMariaDbClient(program, env);
}

async function bound(port: number, { scope }: Needs<'scope'>): Promise<LocalListener> {
  const listener = await LocalListener.bindLoopback(port);
  scope.add(() => listener.close());
  return listener;
}

/** What is verified: everything that AWS lists as having TLS; a host that it does not list if authorities are given. */
function tlsOf(
  request: SettledRequest,
  { database, family, isListed }: Destination,
): ClientConnection['tls'] {
  if (!request.tls) return 'off';
  if (!isListed) return request.ca === undefined ? 'client' : 'verify';
  if (database.tls === 'none') return 'off';
  return family === 'other' || family === 'memcached' ? 'client' : 'verify';
}

async function verify(
  { endpoint, family }: Destination,
  local: { readonly host: string; readonly port: number },
  authorities: AuthorityFile | undefined,
  { clock }: Needs<'clock'>,
): Promise<void> {
  // SQL Server wraps the handshake in its own packets; its client verifies by itself.
  if (authorities === undefined || family === 'sqlserver') return;
  const { host, port } = endpoint;
  await checkTls({ family, host, port, local, ca: authorities.pem }, clock);
}

interface ChosenRoute {
  readonly via: 'task' | 'bastion';
  readonly request: RouteRequest;
}

/** Explains the choice of `--via auto` in one line. Throws `database-unreachable`. */
async function routeOf(
  request: SettledRequest,
  { database, endpoint, name, isListed }: Destination,
  deps: DatabaseNeeds,
): Promise<ChosenRoute> {
  const { replace, wanted, via, sessions } = request;
  const base: RouteRequest = {
    via,
    wanted,
    name: request.name,
    replace,
    document: undefined,
    requireLogged: false,
    sessions,
  };
  if (via !== 'auto') return { via, request: base };
  const gathered = await gatherRoute(database, endpoint, request, deps);
  const choice = chooseRoute(gathered.facts);
  if (choice.via === undefined) {
    throw failed('database-unreachable', `nothing leads to ${name}: ${choice.task}; ${choice.bastion}`, {
      details: { database: isListed ? name : undefined, missing: gathered.missing },
    });
  }
  const using = choice.via === 'task' ? 'using a task' : 'using the bastion';
  const other = otherRoute(choice.via, gathered.facts);
  deps.report({
    type: 'note',
    level: 'info',
    code: 'route-chosen',
    message: `${using}: ${choice.reason}`,
    details: { via: choice.via, ...(other === undefined ? {} : { other }) },
  });
  return {
    via: choice.via,
    request: {
      ...base,
      wanted: gathered.wanted,
      name: choice.via === 'bastion' ? gathered.bastionName : request.name,
    },
  };
}

/** A client that follows the redirections of a cluster needs to reach each node: it gets a local port of its own. */
async function openNodes(
  { database, endpoint }: Destination,
  carrier: Carrier,
  request: RouteRequest,
  deps: DatabaseNeeds,
  report: Report,
): Promise<OpenDatabase['nodes']> {
  if (!database.isSharded || endpoint.role === 'node') return [];
  const nodes = database.endpoints.filter(({ role }) => role === 'node');
  return Promise.all(
    nodes.map(async (node) => {
      const listener = await bound(derivedPort(identityOf(database, node)), deps);
      await openForward(listener, node, carrier, request, deps, report);
      return { remote: `${node.host}:${node.port}`, local: `${listener.host}:${listener.port}` };
    }),
  );
}
