import { AwsError, type Operations, type SandboxService } from '../../contracts.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Seed, SeedDatabase } from '../../seed-shapes.ts';
import { type Fields, optionalText } from '../../wire/fields.ts';
import { XmlList } from '../../wire/xml.ts';
import {
  customHost,
  instanceHost,
  instanceId,
  isAurora,
  readerHost,
} from '../../world/database-endpoints.ts';
import { secretsManagerDescription } from '../secretsmanager/secretsmanager.ts';
import type { ServiceDescription } from '../service-description.ts';
import { check, filtersOf, identifierOf, pageOf, passes } from './rds-lists.ts';
import { parameterGroupOf, parameterOperations } from './rds-parameters.ts';
import { proxyOperations } from './rds-proxies.ts';

const CREATED_AT = new Date('2026-01-05T08:00:00Z');

export interface RdsDeps {
  readonly seed: Seed;
  readonly clock: Clock;
  /** `arn:aws:rds:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
  /** ARN of a secret by name. */
  readonly secretArn: (name: string) => string | undefined;
}

/** An instance as RDS lists it: the members of a cluster are listed as instances too. */
interface Instance {
  readonly id: string;
  readonly database: SeedDatabase;
}

/** What has been modified of a database since the start, by its id. */
type Modified = Map<
  string,
  Partial<Pick<SeedDatabase, 'status' | 'certificateDays'>> & { storageGiB?: number }
>;

/** The databases and proxies of the seed; an instance can be started, and its storage and certificate changed. */
function createRdsService(given: RdsDeps): SandboxService {
  const databases = given.seed.databases.filter(({ redshift }) => redshift === undefined);
  const deps = { ...given, seed: { ...given.seed, databases }, modified: new Map() };
  const { seed } = deps;
  return {
    snapshot: () => ({ databases: seed.databases.map((database) => database.id).sort() }),
    operations: {
      ...instanceOperations(deps),
      ...writeOperations(deps),
      ...parameterOperations(deps),
      ...clusterOperations(deps),
      ...proxyOperations(deps),
    },
  };
}

export const rdsDescription: ServiceDescription = {
  name: 'rds',
  title: 'RDS',
  wire: { kind: 'query', version: '2014-10-31', namespace: 'http://rds.amazonaws.com/doc/2014-10-31/' },
  errors: { throttling: { code: 'Throttling', status: 400 }, internal: 'InternalFailure' },
  create: (context) =>
    createRdsService({
      seed: context.seed,
      clock: context.clock,
      arn: (resource) => context.arn(resource),
      secretArn: (name) => context.peer(secretsManagerDescription).arnOf(name),
    }),
};

const sameId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

interface StatefulDeps extends RdsDeps {
  readonly modified: Modified;
}

/** StartDBInstance and ModifyDBInstance with ApplyImmediately: the change is there at the next description. */
function writeOperations(deps: StatefulDeps): Operations {
  const databaseOf = (input: Fields): SeedDatabase => {
    const id = identifierOf(optionalText(input, 'DBInstanceIdentifier')) ?? '';
    const found = deps.seed.databases.find((database) => sameId(instanceId(database), id));
    if (found === undefined) throw new AwsError('DBInstanceNotFound', `DBInstance ${id} not found.`, 404);
    return found;
  };
  const modify = (database: SeedDatabase, change: Parameters<Modified['set']>[1]): Fields => {
    deps.modified.set(database.id, { ...deps.modified.get(database.id), ...change });
    return { DBInstance: instanceMembers(deps, { id: instanceId(database), database }) };
  };
  return {
    StartDBInstance: {
      authorize: check(deps, 'StartDBInstance', 'db', 'DBInstanceIdentifier'),
      run(input) {
        const database = databaseOf(input);
        const status = deps.modified.get(database.id)?.status ?? database.status ?? 'available';
        if (status !== 'stopped')
          throw new AwsError('InvalidDBInstanceState', `Instance ${database.id} is not in stopped state.`);
        return modify(database, { status: 'available' });
      },
    },
    ModifyDBInstance: {
      authorize: check(deps, 'ModifyDBInstance', 'db', 'DBInstanceIdentifier'),
      run(input) {
        const database = databaseOf(input);
        const storage = optionalText(input, 'AllocatedStorage');
        const ca = optionalText(input, 'CACertificateIdentifier');
        const status = deps.modified.get(database.id)?.status ?? database.status;
        return modify(database, {
          ...(storage === undefined
            ? {}
            : {
                storageGiB: Number(storage),
                ...(status === 'storage-full' ? { status: 'available' } : {}),
              }),
          ...(ca === undefined ? {} : { certificateDays: RENEWED_DAYS }),
        });
      },
    },
  };
}

/** RDS issues server certificates for a year. */
const RENEWED_DAYS = 365;

function instanceOperations(deps: StatefulDeps): Operations {
  const instances = deps.seed.databases.flatMap((database): readonly Instance[] => [
    { id: instanceId(database), database },
    ...(database.readers ?? []).map(({ id }) => ({ id, database })),
  ]);
  return {
    DescribeDBInstances: {
      authorize: check(deps, 'DescribeDBInstances', 'db', 'DBInstanceIdentifier'),
      run(input) {
        const id = identifierOf(optionalText(input, 'DBInstanceIdentifier'));
        const filters = filtersOf(input);
        const found = instances
          .filter((instance) => id === undefined || sameId(instance.id, id))
          .filter((instance) => passes(instance, filters, INSTANCE_FILTERS));
        if (id !== undefined && found.length === 0)
          throw new AwsError('DBInstanceNotFound', `DBInstance ${id} not found.`, 404);
        const names = { list: 'DBInstances', item: 'DBInstance' };
        return pageOf(input, found, names, (instance) => instanceMembers(deps, instance));
      },
    },
  };
}

const INSTANCE_FILTERS: Readonly<Record<string, (instance: Instance) => readonly string[]>> = {
  engine: ({ database }) => [database.engine],
  'db-instance-id': ({ id }) => [id],
  'db-cluster-id': ({ database }) => (isAurora(database) ? [database.id] : []),
  'dbi-resource-id': ({ id }) => [resourceId('db', id)],
};

function clusterOperations(deps: RdsDeps): Operations {
  const clusters = deps.seed.databases.filter(isAurora);
  const endpoints = clusters.flatMap((database) => endpointsOf(deps, database));
  return {
    DescribeDBClusters: {
      authorize: check(deps, 'DescribeDBClusters', 'cluster', 'DBClusterIdentifier'),
      run(input) {
        const id = identifierOf(optionalText(input, 'DBClusterIdentifier'));
        const filters = filtersOf(input);
        const found = clusters
          .filter((database) => id === undefined || sameId(database.id, id))
          .filter((database) => passes(database, filters, CLUSTER_FILTERS));
        if (id !== undefined && found.length === 0)
          throw new AwsError('DBClusterNotFoundFault', `DBCluster ${id} not found.`, 404);
        const names = { list: 'DBClusters', item: 'DBCluster' };
        return pageOf(input, found, names, (database) => clusterMembers(deps, database));
      },
    },
    DescribeDBClusterEndpoints: {
      authorize(input) {
        const endpoint = optionalText(input, 'DBClusterEndpointIdentifier');
        return [
          ...check(deps, 'DescribeDBClusterEndpoints', 'cluster', 'DBClusterIdentifier')(input),
          ...(endpoint === undefined
            ? []
            : check(
                deps,
                'DescribeDBClusterEndpoints',
                'cluster-endpoint',
                'DBClusterEndpointIdentifier',
              )(input)),
        ];
      },
      run(input) {
        const cluster = identifierOf(optionalText(input, 'DBClusterIdentifier'));
        const endpoint = optionalText(input, 'DBClusterEndpointIdentifier');
        if (cluster !== undefined && !clusters.some(({ id }) => sameId(id, cluster)))
          throw new AwsError('DBClusterNotFoundFault', `DBCluster ${cluster} not found.`, 404);
        const filters = filtersOf(input);
        const found = endpoints
          .filter((item) => cluster === undefined || sameId(item.cluster, cluster))
          .filter((item) => endpoint === undefined || item.id === endpoint)
          .filter((item) => passes(item, filters, ENDPOINT_FILTERS));
        const names = { list: 'DBClusterEndpoints', item: 'DBClusterEndpointList' };
        return pageOf(input, found, names, (item) => item.members);
      },
    },
  };
}

const CLUSTER_FILTERS: Readonly<Record<string, (database: SeedDatabase) => readonly string[]>> = {
  engine: ({ engine }) => [engine],
  'db-cluster-id': ({ id }) => [id],
  'db-cluster-resource-id': (database) => [databaseResourceId(database)],
};

interface ClusterEndpoint {
  readonly cluster: string;
  /** Absent for the writer and reader endpoints, which RDS creates itself. */
  readonly id: string | undefined;
  readonly type: 'WRITER' | 'READER' | 'CUSTOM';
  readonly customType: string | undefined;
  readonly members: Fields;
}

const ENDPOINT_FILTERS: Readonly<Record<string, (endpoint: ClusterEndpoint) => readonly string[]>> = {
  'db-cluster-endpoint-type': ({ type }) => [type.toLowerCase()],
  'db-cluster-endpoint-custom-type': ({ customType }) =>
    customType === undefined ? [] : [customType.toLowerCase()],
  'db-cluster-endpoint-id': ({ id }) => (id === undefined ? [] : [id]),
  'db-cluster-endpoint-status': () => ['available'],
};

function endpointsOf({ arn }: RdsDeps, database: SeedDatabase): readonly ClusterEndpoint[] {
  const own = (type: 'WRITER' | 'READER', host: string): ClusterEndpoint => ({
    cluster: database.id,
    id: undefined,
    type,
    customType: undefined,
    members: { DBClusterIdentifier: database.id, Endpoint: host, Status: 'available', EndpointType: type },
  });
  return [
    own('WRITER', database.host),
    own('READER', readerHost(database)),
    ...(database.customEndpoints ?? []).map(({ id, type, members }): ClusterEndpoint => ({
      cluster: database.id,
      id,
      type: 'CUSTOM',
      customType: type,
      members: {
        DBClusterEndpointIdentifier: id,
        DBClusterIdentifier: database.id,
        DBClusterEndpointResourceIdentifier: resourceId('cluster-endpoint', id),
        Endpoint: customHost(database, id),
        Status: 'available',
        EndpointType: 'CUSTOM',
        CustomEndpointType: type,
        StaticMembers: members,
        ExcludedMembers: [],
        DBClusterEndpointArn: arn(`cluster-endpoint:${id}`),
      },
    })),
  ];
}

const groupsOf = (database: SeedDatabase): XmlList =>
  new XmlList(
    'VpcSecurityGroupMembership',
    database.securityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
  );

/** `db-` or `cluster-` and 26 characters, always the same for an identifier. */
const resourceId = (prefix: string, id: string): string =>
  `${prefix}-${Buffer.from(id).toString('hex').toUpperCase().padEnd(26, '0').slice(0, 26)}`;

/** The id in the ARN of a database user: for users of an Aurora cluster it is the cluster's. */
export const databaseResourceId = (database: SeedDatabase): string =>
  resourceId(isAurora(database) ? 'cluster' : 'db', database.id);

const networkType = ({ ipv6Address }: SeedDatabase): string => (ipv6Address === undefined ? 'IPV4' : 'DUAL');

/** Secrets Manager keeps the master user's password, if the seed says so. */
function masterSecret({ secretArn }: RdsDeps, { masterSecretName }: SeedDatabase): Fields | undefined {
  const arn = masterSecretName === undefined ? undefined : secretArn(masterSecretName);
  return arn === undefined ? undefined : { SecretArn: arn, SecretStatus: 'active' };
}

const DAY_MS = 86_400_000;

const certificate = ({ clock }: RdsDeps, certificateDays: number | undefined): Fields =>
  certificateDays === undefined
    ? {}
    : {
        CACertificateIdentifier: 'rds-ca-2019',
        CertificateDetails: {
          CAIdentifier: 'rds-ca-2019',
          ValidTill: new Date(clock.now() + certificateDays * DAY_MS),
        },
      };

function instanceMembers(deps: StatefulDeps, { id, database }: Instance): Fields {
  const { modified, seed } = deps;
  const now = modified.get(database.id);
  const zone = seed.subnets.find((subnet) => subnet.id === database.subnetIds[0])?.zone;
  return {
    DBInstanceIdentifier: id,
    DBInstanceClass: 'db.t4g.medium',
    Engine: database.engine,
    DBInstanceStatus: now?.status ?? database.status ?? 'available',
    ...certificate(deps, now?.certificateDays ?? database.certificateDays),
    DBParameterGroups: new XmlList('DBParameterGroup', [
      { DBParameterGroupName: parameterGroupOf(database), ParameterApplyStatus: 'in-sync' },
    ]),
    MasterUsername: database.masterUsername,
    DBName: database.databaseName,
    Endpoint: { Address: instanceHost(database, id), Port: database.port, HostedZoneId: 'Z29XKXDKYMONMX' },
    AllocatedStorage: isAurora(database) ? 1 : (now?.storageGiB ?? 20),
    InstanceCreateTime: CREATED_AT,
    VpcSecurityGroups: groupsOf(database),
    AvailabilityZone: zone,
    DBSubnetGroup: {
      DBSubnetGroupName: `${database.id}-subnets`,
      VpcId: database.vpcId,
      SubnetGroupStatus: 'Complete',
      Subnets: new XmlList(
        'Subnet',
        database.subnetIds.map((subnet) => ({ SubnetIdentifier: subnet, SubnetStatus: 'Active' })),
      ),
    },
    MultiAZ: false,
    NetworkType: networkType(database),
    EngineVersion: database.engineVersion,
    PubliclyAccessible: false,
    StorageType: isAurora(database) ? 'aurora' : 'gp3',
    DBClusterIdentifier: isAurora(database) ? database.id : undefined,
    StorageEncrypted: true,
    DbiResourceId: resourceId('db', isAurora(database) ? id : database.id),
    DBInstanceArn: deps.arn(`db:${id}`),
    IAMDatabaseAuthenticationEnabled: database.iamAuthentication,
    MasterUserSecret: isAurora(database) ? undefined : masterSecret(deps, database),
  };
}

function clusterMembers(deps: RdsDeps, database: SeedDatabase): Fields {
  const { readers = [], customEndpoints = [] } = database;
  return {
    DatabaseName: database.databaseName,
    DBClusterIdentifier: database.id,
    DBSubnetGroup: `${database.id}-subnets`,
    Status: database.status ?? 'available',
    DBClusterParameterGroup: parameterGroupOf(database),
    Endpoint: database.host,
    ReaderEndpoint: readerHost(database),
    CustomEndpoints: customEndpoints.map(({ id }) => customHost(database, id)),
    MultiAZ: readers.length > 0,
    NetworkType: networkType(database),
    Engine: database.engine,
    EngineVersion: database.engineVersion,
    EngineMode: 'provisioned',
    Port: database.port,
    MasterUsername: database.masterUsername,
    DBClusterMembers: new XmlList('DBClusterMember', [
      { DBInstanceIdentifier: instanceId(database), IsClusterWriter: true, PromotionTier: 1 },
      ...readers.map(({ id }) => ({ DBInstanceIdentifier: id, IsClusterWriter: false, PromotionTier: 1 })),
    ]),
    VpcSecurityGroups: groupsOf(database),
    StorageEncrypted: true,
    DbClusterResourceId: databaseResourceId(database),
    DBClusterArn: deps.arn(`cluster:${database.id}`),
    IAMDatabaseAuthenticationEnabled: database.iamAuthentication,
    ClusterCreateTime: CREATED_AT,
    MasterUserSecret: masterSecret(deps, database),
  };
}
