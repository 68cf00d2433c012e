import { Signer } from '@aws-sdk/rds-signer';

import type { DatabaseTokensPort } from '../connect/ports/databases.ts';
import type { ClientConfig } from './client-config.ts';
import { mapped } from './errors.ts';

/** IAM tokens for RDS, Aurora and RDS Proxy (docs/reference/api-limits.md §4). */
export function createDatabaseTokensPort(config: ClientConfig): DatabaseTokensPort {
  return {
    token: ({ host, port, user }) =>
      mapped('rds-db:connect', () =>
        new Signer({
          hostname: host,
          port,
          username: user,
          region: config.region,
          credentials: config.credentials,
        }).getAuthToken(),
      ),
  };
}
