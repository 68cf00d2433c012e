import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as ec2 from '@aws-sdk/client-ec2';
import * as ecs from '@aws-sdk/client-ecs';
import * as iam from '@aws-sdk/client-iam';
import * as rds from '@aws-sdk/client-rds';

import type {
  DatabaseFacts,
  DescribedInterface,
  DiagnosisPort,
  ExecContainerDefinition,
  ExecTaskDefinition,
} from '../provision/ports/diagnosis.ts';
import type { NatGateway, NetworkAcl, PeeringConnection } from '../provision/ports/path-facts.ts';
import type { ClientConfig } from './client-config.ts';
import { idFilter } from './ec2-shapes.ts';
import { mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** Implements DiagnosisPort with ECS, EC2, IAM and CloudWatch Logs; each client is made when it is first used. */
export function createDiagnosisPort(config: ClientConfig): DiagnosisPort {
  return {
    ...ecsCalls(config),
    ...iamCalls(config),
    ...logCalls(config),
    ...networkCalls(config),
    ...databaseCalls(config),
  };
}

function ecsCalls(config: ClientConfig): Pick<DiagnosisPort, 'taskDefinition' | 'execConfiguration'> {
  const client = withProfileEndpoints(new ecs.ECSClient(config), config);
  return {
    async taskDefinition(taskDefinition) {
      const answer = await mapped('ecs:DescribeTaskDefinition', () =>
        client.send(new ecs.DescribeTaskDefinitionCommand({ taskDefinition })),
      );
      return definitionOf(taskDefinition, answer.taskDefinition ?? {});
    },
    async execConfiguration(cluster) {
      const answer = await mapped('ecs:DescribeClusters', () =>
        client.send(new ecs.DescribeClustersCommand({ clusters: [cluster], include: ['CONFIGURATIONS'] })),
      );
      const found = answer.clusters?.[0]?.configuration?.executeCommandConfiguration;
      const log = found?.logConfiguration;
      return {
        kmsKeyId: nonEmpty(found?.kmsKeyId),
        logging: found?.logging ?? 'DEFAULT',
        logGroup: nonEmpty(log?.cloudWatchLogGroupName),
        logGroupMustBeEncrypted: log?.cloudWatchEncryptionEnabled === true,
        bucket: nonEmpty(log?.s3BucketName),
      };
    },
  };
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const definitionOf = (arn: string, definition: ecs.TaskDefinition): ExecTaskDefinition => ({
  arn: definition.taskDefinitionArn ?? arn,
  taskRoleArn: nonEmpty(definition.taskRoleArn),
  executionRoleArn: nonEmpty(definition.executionRoleArn),
  pidMode: definition.pidMode,
  operatingSystem: definition.runtimePlatform?.operatingSystemFamily,
  containers: (definition.containerDefinitions ?? []).map(containerOf),
});

function containerOf(container: ecs.ContainerDefinition): ExecContainerDefinition {
  const log = container.logConfiguration;
  return {
    name: container.name ?? '',
    environment: (container.environment ?? []).flatMap(({ name }) => name ?? []),
    secrets: (container.secrets ?? []).flatMap(({ name }) => name ?? []),
    environmentFiles: (container.environmentFiles ?? []).flatMap(({ value }) => value ?? []),
    initProcess: container.linuxParameters?.initProcessEnabled === true,
    image: container.image,
    readonlyRoot: container.readonlyRootFilesystem === true,
    writableMounts: [
      ...(container.mountPoints ?? []).filter(({ readOnly }) => readOnly !== true),
      ...(container.linuxParameters?.tmpfs ?? []),
    ].flatMap(({ containerPath }) => containerPath ?? []),
    logGroup: log?.logDriver === 'awslogs' ? log.options?.['awslogs-group'] : undefined,
  };
}

function iamCalls(config: ClientConfig): Pick<DiagnosisPort, 'rolePolicies'> {
  const client = withProfileEndpoints(new iam.IAMClient(config), config);
  const managed = async (PolicyArn: string): Promise<string> => {
    const policy = await mapped('iam:GetPolicy', () => client.send(new iam.GetPolicyCommand({ PolicyArn })));
    const VersionId = policy.Policy?.DefaultVersionId ?? 'v1';
    const version = await mapped('iam:GetPolicyVersion', () =>
      client.send(new iam.GetPolicyVersionCommand({ PolicyArn, VersionId })),
    );
    return decodeURIComponent(version.PolicyVersion?.Document ?? '');
  };
  const inline = async (RoleName: string, PolicyName: string): Promise<string> => {
    const answer = await mapped('iam:GetRolePolicy', () =>
      client.send(new iam.GetRolePolicyCommand({ RoleName, PolicyName })),
    );
    return decodeURIComponent(answer.PolicyDocument ?? '');
  };
  return {
    async rolePolicies(RoleName, boundaryArn) {
      const [names, attached] = await Promise.all([
        mapped('iam:ListRolePolicies', () => client.send(new iam.ListRolePoliciesCommand({ RoleName }))),
        mapped('iam:ListAttachedRolePolicies', () =>
          client.send(new iam.ListAttachedRolePoliciesCommand({ RoleName })),
        ),
      ]);
      const arns = (attached.AttachedPolicies ?? []).flatMap(({ PolicyArn }) => PolicyArn ?? []);
      const [documents, boundary] = await Promise.all([
        Promise.all([
          ...(names.PolicyNames ?? []).map((name) => inline(RoleName, name)),
          ...arns.map(managed),
        ]),
        boundaryArn === undefined ? undefined : managed(boundaryArn),
      ]);
      return { documents, boundary };
    },
  };
}

function logCalls(config: ClientConfig): Pick<DiagnosisPort, 'logGroup'> {
  const client = withProfileEndpoints(new logs.CloudWatchLogsClient(config), config);
  return {
    async logGroup(name) {
      const pages = logs.paginateDescribeLogGroups({ client }, { logGroupNamePrefix: name });
      return mapped('logs:DescribeLogGroups', async () => {
        for await (const page of pages) {
          const found = page.logGroups?.find((group) => group.logGroupName === name);
          if (found !== undefined) return { kmsKeyId: found.kmsKeyId };
        }
        return undefined;
      });
    },
  };
}

/** With any of these the engine refuses connections without TLS (RDS guide, "Requiring an SSL/TLS connection"). */
const TLS_PARAMETERS: ReadonlySet<string> = new Set(['rds.force_ssl', 'require_secure_transport']);
const isForced = ({ ParameterName = '', ParameterValue = '' }: rds.Parameter): boolean =>
  TLS_PARAMETERS.has(ParameterName) && /^(?:1|on)$/i.test(ParameterValue);

function databaseCalls(config: ClientConfig): Pick<DiagnosisPort, 'database' | 'forcedTls'> {
  const client = withProfileEndpoints(new rds.RDSClient(config), config);
  return {
    async forcedTls({ cluster, instance }) {
      const ofCluster = async (DBClusterParameterGroupName: string): Promise<string | undefined> => {
        const pages = rds.paginateDescribeDBClusterParameters({ client }, { DBClusterParameterGroupName });
        for await (const page of pages) {
          const found = page.Parameters?.find(isForced);
          if (found !== undefined) return found.ParameterName;
        }
        return undefined;
      };
      const ofInstance = async (DBParameterGroupName: string): Promise<string | undefined> => {
        for await (const page of rds.paginateDescribeDBParameters({ client }, { DBParameterGroupName })) {
          const found = page.Parameters?.find(isForced);
          if (found !== undefined) return found.ParameterName;
        }
        return undefined;
      };
      if (cluster !== undefined) {
        const found = await mapped('rds:DescribeDBClusterParameters', () => ofCluster(cluster));
        if (found !== undefined) return found;
      }
      return instance === undefined
        ? undefined
        : mapped('rds:DescribeDBParameters', () => ofInstance(instance));
    },
    async database(id) {
      const instances = await mapped('rds:DescribeDBInstances', async () => {
        const found: rds.DBInstance[] = [];
        for await (const page of rds.paginateDescribeDBInstances({ client }, {}))
          found.push(...(page.DBInstances ?? []));
        return found;
      });
      const instance = instances.find((each) => each.DBInstanceIdentifier === id);
      if (instance !== undefined) return databaseOf(id, instance, undefined);
      const clusters = await mapped('rds:DescribeDBClusters', async () => {
        const found: rds.DBCluster[] = [];
        for await (const page of rds.paginateDescribeDBClusters({ client }, {}))
          found.push(...(page.DBClusters ?? []));
        return found;
      });
      const cluster = clusters.find((each) => each.DBClusterIdentifier === id);
      if (cluster === undefined) return undefined;
      const writer = cluster.DBClusterMembers?.find((member) => member.IsClusterWriter === true);
      const member = instances.find(
        (each) =>
          each.DBInstanceIdentifier === (writer ?? cluster.DBClusterMembers?.[0])?.DBInstanceIdentifier,
      );
      return databaseOf(id, member ?? {}, cluster);
    },
  };
}

function databaseOf(id: string, instance: rds.DBInstance, cluster: rds.DBCluster | undefined): DatabaseFacts {
  const groups = cluster?.VpcSecurityGroups ?? instance.VpcSecurityGroups ?? [];
  return {
    id,
    isCluster: cluster !== undefined,
    status: cluster?.Status ?? instance.DBInstanceStatus ?? 'unknown',
    host: cluster?.Endpoint ?? instance.Endpoint?.Address,
    port: cluster?.Port ?? instance.Endpoint?.Port ?? 0,
    vpcId: instance.DBSubnetGroup?.VpcId,
    subnetIds: (instance.DBSubnetGroup?.Subnets ?? []).flatMap(
      ({ SubnetIdentifier }) => SubnetIdentifier ?? [],
    ),
    groupIds: groups.flatMap(({ VpcSecurityGroupId }) => VpcSecurityGroupId ?? []),
    isPublic: instance.PubliclyAccessible === true,
    // RDS reports 1 for Aurora, whose storage grows by itself.
    allocatedGiB: cluster === undefined ? instance.AllocatedStorage : undefined,
    hasIamLogin: (cluster ?? instance).IAMDatabaseAuthenticationEnabled === true,
    parameterGroups: {
      instance: instance.DBParameterGroups?.[0]?.DBParameterGroupName,
      cluster: cluster?.DBClusterParameterGroup,
    },
    ca: instance.CACertificateIdentifier,
    certificateEndsAt: instance.CertificateDetails?.ValidTill?.getTime(),
  };
}

function networkCalls(
  config: ClientConfig,
): Pick<DiagnosisPort, 'networkAcls' | 'natGateways' | 'peerings' | 'interfaces'> {
  const client = withProfileEndpoints(new ec2.EC2Client(config), config);
  const inVpc = (vpcId: string): { Filters: ec2.Filter[] } => ({ Filters: idFilter('vpc-id', [vpcId]) });
  return {
    async networkAcls(vpcId) {
      return mapped('ec2:DescribeNetworkAcls', async () => {
        const found: NetworkAcl[] = [];
        for await (const page of ec2.paginateDescribeNetworkAcls({ client }, inVpc(vpcId)))
          found.push(...(page.NetworkAcls ?? []).map(aclOf));
        return found;
      });
    },
    async natGateways(vpcId) {
      return mapped('ec2:DescribeNatGateways', async () => {
        const found: NatGateway[] = [];
        const filter = { Filter: idFilter('vpc-id', [vpcId]) };
        for await (const page of ec2.paginateDescribeNatGateways({ client }, filter))
          found.push(...(page.NatGateways ?? []).map(natOf));
        return found;
      });
    },
    async peerings(vpcId) {
      const sides = ['requester-vpc-info.vpc-id', 'accepter-vpc-info.vpc-id'];
      const found = await mapped('ec2:DescribeVpcPeeringConnections', () =>
        Promise.all(
          sides.map((name) =>
            client.send(new ec2.DescribeVpcPeeringConnectionsCommand({ Filters: idFilter(name, [vpcId]) })),
          ),
        ),
      );
      return found.flatMap((answer) => answer.VpcPeeringConnections ?? []).map(peeringOf);
    },
    async interfaces({ ids, addresses }) {
      const Filters = [
        ...idFilter('network-interface-id', ids),
        ...idFilter('private-ip-address', addresses),
      ];
      return mapped('ec2:DescribeNetworkInterfaces', async () => {
        const found: DescribedInterface[] = [];
        for await (const page of ec2.paginateDescribeNetworkInterfaces({ client }, { Filters }))
          found.push(...(page.NetworkInterfaces ?? []).map(interfaceOf));
        return found;
      });
    },
  };
}

const aclOf = (acl: ec2.NetworkAcl): NetworkAcl => ({
  id: acl.NetworkAclId ?? '',
  isDefault: acl.IsDefault ?? false,
  subnetIds: (acl.Associations ?? []).flatMap(({ SubnetId }) => SubnetId ?? []),
  entries: (acl.Entries ?? []).map((entry) => ({
    number: entry.RuleNumber ?? 0,
    egress: entry.Egress ?? false,
    allow: entry.RuleAction === 'allow',
    protocol: entry.Protocol ?? '-1',
    fromPort: entry.PortRange?.From ?? 0,
    toPort: entry.PortRange?.To ?? 65_535,
    cidr: entry.CidrBlock ?? entry.Ipv6CidrBlock ?? '',
  })),
});

const natOf = (nat: ec2.NatGateway): NatGateway => ({
  id: nat.NatGatewayId ?? '',
  subnetId: nat.SubnetId ?? '',
  state: nat.State ?? '',
  isPublic: nat.ConnectivityType !== 'private',
});

function peeringOf(peering: ec2.VpcPeeringConnection): PeeringConnection {
  const sides = [peering.RequesterVpcInfo, peering.AccepterVpcInfo];
  return {
    id: peering.VpcPeeringConnectionId ?? '',
    status: peering.Status?.Code ?? '',
    vpcIds: sides.flatMap((side) => side?.VpcId ?? []),
    dnsForVpcIds: sides.flatMap((side) =>
      side?.PeeringOptions?.AllowDnsResolutionFromRemoteVpc === true ? (side.VpcId ?? []) : [],
    ),
  };
}

const interfaceOf = (found: ec2.NetworkInterface): DescribedInterface => ({
  id: found.NetworkInterfaceId ?? '',
  subnetId: found.SubnetId ?? '',
  vpcId: found.VpcId ?? '',
  groupIds: (found.Groups ?? []).flatMap(({ GroupId }) => GroupId ?? []),
  privateIp: found.PrivateIpAddress,
  ipv6: found.Ipv6Addresses?.[0]?.Ipv6Address,
  publicIp: found.Association?.PublicIp,
  description: found.Description ?? '',
});
