import { type AuthorizationCheck, AwsError, type SandboxService } from '../../contracts.ts';
import type { Seed, SeedCache } from '../../seed-shapes.ts';
import { memoryDbNodes } from '../../world/cache-endpoints.ts';
import { paginate } from '../../wire/pages.ts';
import { optionalCount, optionalFlag, optionalText } from '../members.ts';
import type { ServiceDescription } from '../service-description.ts';

/** The MemoryDB clusters of the seed, read-only. */

export interface MemoryDbDeps {
  readonly seed: Seed;
  /** `arn:aws:memorydb:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
}

type Input = Readonly<Record<string, unknown>>;

const MAX_PAGE = 100;
const CREATED_AT = new Date('2026-01-12T08:00:00Z');

function createMemoryDbService({ seed, arn }: MemoryDbDeps): SandboxService {
  const clusters = (seed.caches ?? []).filter(({ service }) => service === 'memorydb');
  const subnetGroup = ({ id }: SeedCache): string => `${id}-subnets`;
  const check =
    (action: string, type: string, member: string) =>
    (input: Input): readonly AuthorizationCheck[] => [
      { action: `memorydb:${action}`, resource: arn(`${type}/${optionalText(input, member) ?? '*'}`) },
    ];
  return {
    snapshot: () => ({ clusters: clusters.map(({ id }) => id).sort() }),
    operations: {
      DescribeClusters: {
        authorize: check('DescribeClusters', 'cluster', 'ClusterName'),
        run(input) {
          const name = optionalText(input, 'ClusterName');
          const found = clusters.filter(({ id }) => name === undefined || id === name.toLowerCase());
          if (name !== undefined && found.length === 0)
            throw new AwsError('ClusterNotFoundFault', `Cluster ${name} not found.`);
          const withShards = optionalFlag(input, 'ShowShardDetails') === true;
          const page = pageOf(found, input);
          return {
            Clusters: page.items.map((cluster) => ({
              Name: cluster.id,
              Status: 'available',
              NumberOfShards: 1,
              ...(withShards ? { Shards: [shardOf(cluster)] } : {}),
              AvailabilityMode: (cluster.replicas ?? 0) > 0 ? 'MultiAZ' : 'SingleAZ',
              ClusterEndpoint: { Address: cluster.host, Port: cluster.port },
              NodeType: 'db.t4g.small',
              Engine: cluster.engine,
              EngineVersion: cluster.engineVersion,
              SecurityGroups: cluster.securityGroupIds.map((id) => ({
                SecurityGroupId: id,
                Status: 'active',
              })),
              SubnetGroupName: subnetGroup(cluster),
              TLSEnabled: cluster.tls,
              ARN: arn(`cluster/${cluster.id}`),
              ACLName: 'open-access',
              NetworkType: 'ipv4',
              IpDiscovery: 'ipv4',
            })),
            NextToken: page.next,
          };
        },
      },
      DescribeSubnetGroups: {
        authorize: check('DescribeSubnetGroups', 'subnetgroup', 'SubnetGroupName'),
        run(input) {
          const name = optionalText(input, 'SubnetGroupName');
          const found = clusters.filter((cluster) => name === undefined || subnetGroup(cluster) === name);
          if (name !== undefined && found.length === 0)
            throw new AwsError('SubnetGroupNotFoundFault', `Subnet Group ${name} not found.`);
          const page = pageOf(found, input);
          return {
            SubnetGroups: page.items.map((cluster) => ({
              Name: subnetGroup(cluster),
              VpcId: cluster.vpcId,
              Subnets: cluster.subnetIds.map((id) => ({
                Identifier: id,
                AvailabilityZone: { Name: seed.subnets.find((subnet) => subnet.id === id)?.zone },
              })),
              ARN: arn(`subnetgroup/${subnetGroup(cluster)}`),
            })),
            NextToken: page.next,
          };
        },
      },
    },
  };
}

export const memoryDbDescription: ServiceDescription = {
  name: 'memorydb',
  title: 'MemoryDB',
  wire: { kind: 'json', target: 'AmazonMemoryDB' },
  errors: {
    throttling: { code: 'ThrottlingException', status: 400 },
    internal: 'InternalFailure',
  },
  create: (context) =>
    createMemoryDbService({ seed: context.seed, arn: (resource) => context.arn(resource) }),
};

function pageOf<T>(items: readonly T[], input: Input) {
  const size = optionalCount(input, 'MaxResults') ?? MAX_PAGE;
  if (size < 1 || size > MAX_PAGE)
    throw new AwsError('InvalidParameterValueException', `MaxResults must be between 1 and ${MAX_PAGE}.`);
  return paginate(items, optionalText(input, 'NextToken'), size, 'InvalidParameterValueException');
}

const shardOf = (cluster: SeedCache) => {
  const nodes = memoryDbNodes(cluster);
  return {
    Name: '0001',
    Status: 'available',
    Slots: '0-16383',
    NumberOfNodes: nodes.length,
    Nodes: nodes.map(({ name, host }) => ({
      Name: name,
      Status: 'available',
      CreateTime: CREATED_AT,
      Endpoint: { Address: host, Port: cluster.port },
    })),
  };
};
