import { formatArn, parseArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError, type SandboxService } from '../../contracts.ts';
import type { Seed, SeedDatabase } from '../../seed-shapes.ts';
import { count, type Fields, optionalText, structures, texts } from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import type { ServiceDescription } from '../service-description.ts';
import { XmlList } from '../../wire/xml.ts';

const CREATED_AT = new Date('2026-01-05T08:00:00Z');

/** The databases of the seed, read-only. Engines named `aurora-…` are a cluster with one writer instance. */
export function createRdsService(seed: Seed): SandboxService {
  const arn = (type: 'db' | 'cluster', id: string): string =>
    formatArn({
      service: 'rds',
      region: seed.region,
      account: seed.accountId,
      resource: `${type}:${id}`,
    });
  const check =
    (action: string, type: 'db' | 'cluster', parameter: string) =>
    (input: Fields): readonly AuthorizationCheck[] => [
      { action: `rds:${action}`, resource: arn(type, optionalText(input, parameter) ?? '*') },
    ];
  const answer = (
    input: Fields,
    found: readonly SeedDatabase[],
    listName: string,
    itemName: string,
    shape: (database: SeedDatabase) => Fields,
  ): Fields => {
    const size = count(input, 'MaxRecords') ?? 100;
    if (size < 20 || size > 100) {
      throw new AwsError(
        'InvalidParameterValue',
        `Invalid value ${size} for MaxRecords. Must be between 20 and 100`,
      );
    }
    const { items, next } = paginate(found, optionalText(input, 'Marker'), size, 'InvalidParameterValue');
    return { [listName]: new XmlList(itemName, items.map(shape)), Marker: next };
  };
  const clusters = seed.databases.filter(isAurora);

  return {
    snapshot: () => ({ databases: seed.databases.map((database) => database.id).sort() }),
    operations: {
      DescribeDBInstances: {
        authorize: check('DescribeDBInstances', 'db', 'DBInstanceIdentifier'),
        run: (input) => {
          const id = nameOf(optionalText(input, 'DBInstanceIdentifier'));
          const found = filtered(seed.databases, input, id, instanceId);
          if (id !== undefined && found.length === 0) {
            throw new AwsError('DBInstanceNotFound', `DBInstance ${id} not found.`, 404);
          }
          return answer(input, found, 'DBInstances', 'DBInstance', (database) =>
            instanceMembers(seed, database, arn('db', instanceId(database))),
          );
        },
      },
      DescribeDBClusters: {
        authorize: check('DescribeDBClusters', 'cluster', 'DBClusterIdentifier'),
        run: (input) => {
          const id = nameOf(optionalText(input, 'DBClusterIdentifier'));
          const found = filtered(clusters, input, id, (database) => database.id);
          if (id !== undefined && found.length === 0) {
            throw new AwsError('DBClusterNotFoundFault', `DBCluster ${id} not found.`, 404);
          }
          return answer(input, found, 'DBClusters', 'DBCluster', (database) =>
            clusterMembers(database, arn('cluster', database.id)),
          );
        },
      },
    },
  };
}

export const rdsDescription: ServiceDescription = {
  name: 'rds',
  title: 'RDS',
  wire: { kind: 'query', version: '2014-10-31', namespace: 'http://rds.amazonaws.com/doc/2014-10-31/' },
  errors: { throttling: { code: 'Throttling', status: 400 }, internal: 'InternalFailure' },
  create: ({ seed }) => createRdsService(seed),
};

const isAurora = (database: SeedDatabase): boolean => database.engine.startsWith('aurora');
const instanceId = (database: SeedDatabase): string =>
  isAurora(database) ? `${database.id}-writer` : database.id;

/** RDS takes an identifier or an ARN. */
const nameOf = (id: string | undefined): string | undefined =>
  parseArn(id ?? '')?.resource.replace(/^[^:]*:/, '') ?? id;

/** Filters `engine`, `db-instance-id`, `db-cluster-id`. */
function filtered(
  databases: readonly SeedDatabase[],
  input: Fields,
  id: string | undefined,
  idOf: (database: SeedDatabase) => string,
): readonly SeedDatabase[] {
  const filters = input['Filters'];
  const wanted = structures({ Filters: isWrapped(filters) ? filters.Filter : filters }, 'Filters');
  return databases.filter(
    (database) =>
      (id === undefined || idOf(database).toLowerCase() === id.toLowerCase()) &&
      wanted.every((filter) => passes(database, idOf(database), filter)),
  );
}

function passes(database: SeedDatabase, id: string, filter: Fields): boolean {
  const values = filter['Values'];
  const wanted = texts({ Values: isWrapped(values) ? values.Value : values }, 'Values').map(
    (value) => nameOf(value) ?? value,
  );
  switch (optionalText(filter, 'Name') ?? '') {
    case 'engine':
      return wanted.includes(database.engine);
    case 'db-instance-id':
      return wanted.includes(id);
    case 'db-cluster-id':
      return isAurora(database) && wanted.includes(database.id);
    default:
      throw new AwsError('InvalidParameterValue', `Unrecognized filter name: ${String(filter['Name'])}`);
  }
}

/** RDS numbers lists below the name of their items: `Filters.Filter.1.Values.Value.1`. */
const isWrapped = (value: unknown): value is { readonly Filter?: unknown; readonly Value?: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const groupsOf = (database: SeedDatabase): XmlList =>
  new XmlList(
    'VpcSecurityGroupMembership',
    database.securityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
  );

/** `db-` or `cluster-` and 26 characters, stable for an identifier. */
const resourceId = (prefix: string, id: string): string =>
  `${prefix}-${Buffer.from(id).toString('hex').toUpperCase().padEnd(26, '0').slice(0, 26)}`;

/** Part of the ARN of a database user: an Aurora cluster's users are the cluster's. */
export const databaseResourceId = (database: SeedDatabase): string =>
  resourceId(isAurora(database) ? 'cluster' : 'db', database.id);

const networkType = ({ ipv6Address }: SeedDatabase): string => (ipv6Address === undefined ? 'IPV4' : 'DUAL');

function instanceMembers(seed: Seed, database: SeedDatabase, arn: string): Fields {
  const zone = seed.subnets.find((subnet) => subnet.id === database.subnetIds[0])?.zone;
  return {
    DBInstanceIdentifier: instanceId(database),
    DBInstanceClass: 'db.t4g.medium',
    Engine: database.engine,
    DBInstanceStatus: 'available',
    MasterUsername: database.masterUsername,
    DBName: database.databaseName,
    Endpoint: { Address: database.host, Port: database.port, HostedZoneId: 'Z29XKXDKYMONMX' },
    AllocatedStorage: 20,
    InstanceCreateTime: CREATED_AT,
    VpcSecurityGroups: groupsOf(database),
    AvailabilityZone: zone,
    DBSubnetGroup: {
      DBSubnetGroupName: `${database.id}-subnets`,
      VpcId: database.vpcId,
      SubnetGroupStatus: 'Complete',
      Subnets: new XmlList(
        'Subnet',
        database.subnetIds.map((id) => ({ SubnetIdentifier: id, SubnetStatus: 'Active' })),
      ),
    },
    MultiAZ: false,
    NetworkType: networkType(database),
    EngineVersion: database.engineVersion,
    PubliclyAccessible: false,
    StorageType: 'gp3',
    DBClusterIdentifier: isAurora(database) ? database.id : undefined,
    StorageEncrypted: true,
    DbiResourceId: resourceId('db', database.id),
    DBInstanceArn: arn,
    IAMDatabaseAuthenticationEnabled: database.iamAuthentication,
  };
}

function clusterMembers(database: SeedDatabase, arn: string): Fields {
  return {
    DatabaseName: database.databaseName,
    DBClusterIdentifier: database.id,
    DBSubnetGroup: `${database.id}-subnets`,
    Status: 'available',
    Endpoint: database.host,
    ReaderEndpoint: database.host.replace('.cluster-', '.cluster-ro-'),
    MultiAZ: false,
    NetworkType: networkType(database),
    Engine: database.engine,
    EngineVersion: database.engineVersion,
    Port: database.port,
    MasterUsername: database.masterUsername,
    DBClusterMembers: new XmlList('DBClusterMember', [
      { DBInstanceIdentifier: instanceId(database), IsClusterWriter: true },
    ]),
    VpcSecurityGroups: groupsOf(database),
    StorageEncrypted: true,
    DbClusterResourceId: databaseResourceId(database),
    DBClusterArn: arn,
    IAMDatabaseAuthenticationEnabled: database.iamAuthentication,
    ClusterCreateTime: CREATED_AT,
  };
}
