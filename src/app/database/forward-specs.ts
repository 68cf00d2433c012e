import type { AwsAccount } from '../../aws/account.ts';
import type { ConfiguredDatabase } from '../../config/settings.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import { configuredFor } from './configured-request.ts';
import { portOf } from './destination.ts';
import { findDatabase } from './discovery.ts';

/**
 * The same specs with host and port of the databases that they name, and with the local port that `db` uses for them
 * where none was given. Throws what `findDatabase` throws, and `local-port-shared`.
 */
export function hostsOfDatabases(
  specs: readonly ForwardSpec[],
  account: Pick<AwsAccount, 'databases' | 'identity' | 'region'>,
  configured: readonly ConfiguredDatabase[],
): Promise<readonly ForwardSpec[]> {
  return Promise.all(
    specs.map(async (spec) => {
      const { database: id, isDatabasePort, isReadOnly, ...rest } = spec;
      if (id === undefined) return spec;
      const {
        database,
        endpoint,
        listed: others,
      } = await findDatabase(id, account, {
        readOnly: isReadOnly === true,
      });
      const name = endpoint.id ?? database.id;
      return {
        ...rest,
        localPort:
          isDatabasePort === true
            ? (configuredFor({ id, host: undefined }, { name, database, endpoint }, configured)?.port ??
              portOf({ database, endpoint, name, others }))
            : spec.localPort,
        remoteHost: endpoint.host,
        remotePort: endpoint.port,
      };
    }),
  );
}
