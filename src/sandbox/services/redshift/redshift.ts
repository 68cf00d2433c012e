import { AwsError, type SandboxService } from '../../contracts.ts';
import type { Seed, SeedDatabase } from '../../seed-shapes.ts';
import { count, type Fields, optionalText } from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import { XmlList } from '../../wire/xml.ts';
import { secretsManagerDescription } from '../secretsmanager/secretsmanager.ts';
import type { ServiceDescription } from '../service-description.ts';

/** The provisioned Redshift clusters of the seed, read-only. */

export interface RedshiftDeps {
  readonly seed: Seed;
  /** `arn:aws:redshift:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
  /** ARN of a secret by name. */
  readonly secretArn: (name: string) => string | undefined;
}

const CREATED_AT = new Date('2026-01-09T08:00:00Z');
const MIN_PAGE = 20;
const MAX_PAGE = 100;

export function createRedshiftService({ seed, arn, secretArn }: RedshiftDeps): SandboxService {
  const clusters = seed.databases.filter(({ redshift }) => redshift === 'cluster');
  return {
    snapshot: () => ({ clusters: clusters.map(({ id }) => id).sort() }),
    operations: {
      DescribeClusters: {
        authorize: (input) => [
          {
            action: 'redshift:DescribeClusters',
            resource: arn(`cluster:${optionalText(input, 'ClusterIdentifier') ?? '*'}`),
          },
        ],
        run(input) {
          const wanted = optionalText(input, 'ClusterIdentifier');
          const found = clusters.filter(({ id }) => wanted === undefined || id === wanted.toLowerCase());
          if (wanted !== undefined && found.length === 0)
            throw new AwsError('ClusterNotFound', `Cluster ${wanted} not found.`, 404);
          const size = count(input, 'MaxRecords') ?? MAX_PAGE;
          if (size < MIN_PAGE || size > MAX_PAGE)
            throw new AwsError(
              'InvalidParameterValue',
              `Invalid value ${size} for MaxRecords. Must be between ${MIN_PAGE} and ${MAX_PAGE}`,
            );
          const page = paginate(found, optionalText(input, 'Marker'), size, 'InvalidParameterValue');
          const shape = (cluster: SeedDatabase): Fields => clusterMembers(cluster, { arn, secretArn });
          return { Clusters: new XmlList('Cluster', page.items.map(shape)), Marker: page.next };
        },
      },
    },
  };
}

function clusterMembers(
  cluster: SeedDatabase,
  { arn, secretArn }: Pick<RedshiftDeps, 'arn' | 'secretArn'>,
): Fields {
  return {
    ClusterIdentifier: cluster.id,
    NodeType: 'ra3.large',
    ClusterStatus: 'available',
    ClusterAvailabilityStatus: 'Available',
    MasterUsername: cluster.masterUsername,
    DBName: cluster.databaseName,
    Endpoint: { Address: cluster.host, Port: cluster.port },
    ClusterCreateTime: CREATED_AT,
    VpcSecurityGroups: new XmlList(
      'VpcSecurityGroup',
      cluster.securityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
    ),
    ClusterSubnetGroupName: `${cluster.id}-subnets`,
    VpcId: cluster.vpcId,
    PubliclyAccessible: false,
    Encrypted: true,
    NumberOfNodes: 2,
    EnhancedVpcRouting: false,
    ClusterNamespaceArn: arn('namespace:7b0f6a51-96c5-4a3f-8c0a-2f9d1e5c7a10'),
    ...(cluster.masterSecretName === undefined
      ? {}
      : { MasterPasswordSecretArn: secretArn(cluster.masterSecretName) }),
  };
}

export const redshiftDescription: ServiceDescription = {
  name: 'redshift',
  title: 'Redshift',
  wire: {
    kind: 'query',
    version: '2012-12-01',
    namespace: 'http://redshift.amazonaws.com/doc/2012-12-01/',
  },
  errors: { throttling: { code: 'Throttling', status: 400 }, internal: 'InternalFailure' },
  create: (context) =>
    createRedshiftService({
      seed: context.seed,
      arn: (resource) => context.arn(resource),
      secretArn: (name) => context.peer(secretsManagerDescription).arnOf(name),
    }),
};
