import type { AwsAccount } from '../../aws/account.ts';
import type { OfferedDatabase } from '../../connect/database/database-choice.ts';
import type { Database, DatabaseEndpoint } from '../../connect/ports.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { ToolError } from '../../core/errors.ts';
import { discoverDatabases, isGap, TITLES } from '../database/discovery.ts';
import { reachedDatabases } from '../database/reached-databases.ts';
import type { Items, ListRecord } from './list-record.ts';

/**
 * The records of `ls databases`, one for each endpoint, because `db` and `-L` take the id of each. The named service or
 * task, else the bastions that run, are those whose reach is shown. Throws what finding the service throws.
 */
export async function databaseItems(
  wanted: Wanted,
  account: Pick<AwsAccount, 'databases' | 'ecs' | 'ec2'>,
): Promise<Items> {
  const discovery = discoverDatabases(account);
  const listed = discovery.then(({ databases }) => databases);
  const [{ databases, gaps }, reached] = await Promise.all([
    discovery,
    reachedDatabases(listed, { wanted, name: undefined }, account).catch((error: unknown) => {
      if (isGap(error)) return error;
      throw error;
    }),
  ]);
  const isRead = !(reached instanceof ToolError);
  return {
    records: databases.flatMap((database) => {
      const offer = isRead ? reached.offered.find((each) => each.database === database) : undefined;
      const endpoints: readonly (DatabaseEndpoint | undefined)[] = database.endpoints;
      return (endpoints.length > 0 ? endpoints : [undefined]).map((endpoint) =>
        databaseRecord(database, endpoint, offer),
      );
    }),
    incomplete: [
      ...gaps.map(({ kind, error }) => ({ missing: TITLES[kind], error })),
      ...(isRead ? [] : [{ missing: 'which databases can be reached', error: reached }]),
    ],
  };
}

const databaseRecord = (
  database: Database,
  endpoint: DatabaseEndpoint | undefined,
  offer: OfferedDatabase | undefined,
): ListRecord => ({
  id: endpoint?.id ?? database.id,
  role: endpoint?.role ?? null,
  cluster: database.id,
  arn: database.arn,
  service: database.service,
  kind: database.kind,
  engine: database.engine,
  status: database.status,
  host: endpoint?.host ?? null,
  port: endpoint?.port ?? null,
  databaseName: database.databaseName ?? null,
  masterUsername: database.masterUsername ?? null,
  vpcId: database.vpcId ?? null,
  securityGroups: database.securityGroups,
  iamAuthentication: database.iamAuthentication,
  tls: database.tls,
  publiclyAccessible: database.publiclyAccessible,
  reach: offer?.from === undefined ? null : offer.reach,
  reachFrom: offer?.from ?? null,
  missingRule: offer?.missing ?? null,
});
