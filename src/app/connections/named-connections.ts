import type { ConnectionKind } from '../../config/config-fields.ts';
import type { ConfiguredConnection } from '../../config/settings.ts';
import { derivedPort } from '../../connect/database/local-port.ts';
import {
  type ForwardSpec,
  parseForward,
  parseListener,
  parseTarget,
} from '../../connect/forward/forward-spec.ts';
import { type HostPattern, parseHostPattern } from '../../connect/forward/host-patterns.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { noMatch, ToolError, usage } from '../../core/errors.ts';
import type { DatabaseRequest } from '../database/database-request.ts';
import type { RouteRequest } from '../forward/route.ts';

/** What the connections of the config files (`connections`) mean for the commands that open them. */

/** Throws `connection-not-found`, and `connection-kind` (usage) if it is of none of `kinds`. */
export function connectionNamed(
  name: string,
  connections: readonly ConfiguredConnection[],
  kinds: readonly ConnectionKind[],
): ConfiguredConnection {
  const found = connections.find((each) => each.name === name);
  if (found === undefined)
    throw noMatch('connection-not-found', `no connection is called '${name}'`, {
      details: candidatesFor(
        name,
        connections.map((each) => each.name),
      ),
    });
  if (!kinds.includes(found.kind))
    throw usage('connection-kind', `the connection ${name} is of the kind ${found.kind} (${found.from})`, {
      details: { name, kind: found.kind },
    });
  return found;
}

/** The listeners of a connection, and what carries them. */
export interface ConnectionForwards {
  readonly connection: string;
  readonly specs: readonly ForwardSpec[];
  readonly proxies: readonly ForwardSpec[];
  readonly allowed: readonly HostPattern[];
  readonly route: RouteRequest;
}

/**
 * For a connection of the kind `forward` or `db`. What the command line says of the route has precedence. Throws
 * `bad-forward` and `host-pattern-invalid` (usage) with file and line.
 */
export function forwardsOf(connection: ConfiguredConnection, route: RouteRequest): ConnectionForwards {
  const parsed = <T>(texts: readonly string[], parse: (text: string) => T): readonly T[] =>
    texts.map((text) => {
      try {
        return parse(text);
      } catch (error) {
        throw error instanceof ToolError
          ? error.with({ message: `${connection.from}: ${error.message}` })
          : error;
      }
    });
  return {
    connection: connection.name,
    specs: [
      ...parsed(connection.forwards, parseForward),
      ...(connection.id === undefined ? [] : [databaseSpec(connection.id, connection)]),
      ...parsed(connection.host === undefined ? [] : [connection.host], (host) => hostSpec(host, connection)),
    ],
    proxies: parsed(connection.proxies, (text) => parseListener(text, 'proxy')),
    allowed: parsed(connection.allowed, parseHostPattern),
    route: { ...route, ...routeOf(connection, route) },
  };
}

/** Throws `bad-forward` or `host-pattern-invalid` (usage) for what the commands that open a connection would refuse. */
export function checkForwards(typed: {
  readonly forwards: readonly string[];
  readonly proxies: readonly string[];
  readonly allowed: readonly string[];
  readonly host: string | undefined;
}): void {
  for (const text of typed.forwards) parseForward(text);
  for (const text of typed.proxies) parseListener(text, 'proxy');
  for (const text of typed.allowed) parseHostPattern(text);
  if (typed.host !== undefined) parseTarget(typed.host);
}

function databaseSpec(id: string, { port, readOnly }: ConfiguredConnection): ForwardSpec {
  return {
    bind: '127.0.0.1',
    isDefaultBind: true,
    localPort: port ?? 0,
    remoteHost: undefined,
    remotePort: 0,
    database: id,
    ...(readOnly === true ? { isReadOnly: true } : {}),
    ...(port === undefined ? { isDatabasePort: true } : {}),
  };
}

function hostSpec(text: string, { port }: ConfiguredConnection): ForwardSpec {
  const { host, port: remotePort } = parseTarget(text);
  return {
    bind: '127.0.0.1',
    isDefaultBind: true,
    localPort: port ?? derivedPort(`${host ?? ''}:${remotePort}`),
    remoteHost: host,
    remotePort,
  };
}

/** The part of a request that says what carries the connections. */
type Route = Pick<RouteRequest, 'via' | 'name' | 'wanted'>;

/** A connection that names a bastion and no service goes through that bastion, whatever the default service is. */
function routeOf(connection: ConfiguredConnection, given: Route): Route {
  const { cluster, service, container, bastion } = connection;
  const via = given.via === 'auto' ? (connection.via ?? 'auto') : given.via;
  const name = given.name ?? (via === 'task' ? undefined : bastion);
  return {
    via: via === 'auto' && name !== undefined ? 'bastion' : via,
    name,
    wanted: { cluster, service, task: given.wanted.task, container },
  };
}

/** For a connection of the kind `db`. Flags have precedence; `--iam` and `--secret` replace the login of the connection. */
export function databaseRequestOf(given: DatabaseRequest, connection: ConfiguredConnection): DatabaseRequest {
  const isLoginGiven = given.iam !== undefined || given.secret !== undefined;
  const hasSecret = given.secret !== undefined && given.secret !== false;
  return {
    ...given,
    ...routeOf(connection, given),
    id: connection.id,
    host: connection.host,
    engine: given.engine ?? connection.engine,
    databaseName: given.databaseName ?? connection.databaseName,
    // A secret that was named by a flag brings its own user.
    user: given.user ?? (hasSecret ? undefined : connection.user),
    iam: isLoginGiven ? given.iam : connection.iam,
    secret: isLoginGiven ? given.secret : connection.secret,
    readOnly: given.readOnly ?? connection.readOnly,
    port: given.port ?? connection.port,
    ca: given.ca ?? connection.ca,
  };
}
