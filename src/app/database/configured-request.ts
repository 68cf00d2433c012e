import type { ConfiguredDatabase } from '../../config/settings.ts';
import type { Needs } from '../collaborators.ts';
import type { DatabaseRequest, SettledRequest } from './database-request.ts';
import { type Destination, destinationOf } from './destination.ts';
import { matching } from './discovery.ts';

/** The settings that the config files have for one database (`databases`). Flags have precedence over them. */

/**
 * The destination, and the request with the settings of the config files. Throws everything that `destinationOf`
 * throws.
 */
export async function configuredDestination(
  given: DatabaseRequest,
  deps: Needs<'account', 'databases'>,
): Promise<{ readonly request: SettledRequest; readonly destination: Destination }> {
  const found = await destinationOf({ ...given, readOnly: given.readOnly ?? false }, deps);
  const request = withConfigured(given, configuredFor(given, found, deps.settings.databases));
  if (!request.readOnly || given.readOnly === true || given.id === undefined)
    return { request, destination: found };
  const { endpoint } = matching(given.id, [found.database], true) ?? found;
  return { request, destination: { ...found, endpoint, name: endpoint.id ?? found.database.id } };
}

/** The settings under the name that was typed; after an ARN or a host name those under the id of that endpoint. */
export function configuredFor(
  { id, host }: Pick<DatabaseRequest, 'id' | 'host'>,
  { name, database, endpoint }: Pick<Destination, 'name' | 'database' | 'endpoint'>,
  databases: readonly ConfiguredDatabase[],
): ConfiguredDatabase | undefined {
  const under = (key: string | undefined): ConfiguredDatabase | undefined =>
    databases.find((each) => each.id === key?.toLowerCase());
  // Another endpoint of a cluster can have no name but that of the cluster, whose local port is not its own.
  const isMeant = host === undefined && matching(name, [database], false)?.endpoint === endpoint;
  return under(host ?? id) ?? (isMeant ? under(name) : undefined);
}

function withConfigured(given: DatabaseRequest, configured: ConfiguredDatabase | undefined): SettledRequest {
  const isLoginGiven = given.iam !== undefined || given.secret !== undefined;
  const hasSecret = given.secret !== undefined && given.secret !== false;
  const secret = isLoginGiven ? given.secret : configured?.secret;
  return {
    ...given,
    // A secret that was named by a flag brings its own user.
    user: given.user ?? (hasSecret ? undefined : configured?.user),
    iam: (isLoginGiven ? given.iam : configured?.iam) ?? false,
    secret: secret === false ? undefined : secret,
    readOnly: given.readOnly ?? configured?.readOnly ?? false,
    port: given.port ?? configured?.port,
    ca: given.ca ?? configured?.ca,
  };
}
