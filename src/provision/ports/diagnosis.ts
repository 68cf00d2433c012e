import type { NatGateway, NetworkAcl, PeeringConnection } from './path-facts.ts';

/**
 * What `doctor` reads beyond what the other ports read; policies/doctor.json lists the permissions. A denied call is
 * `access-denied`.
 */

/** The members of a task definition on which ECS Exec depends. */
export interface ExecTaskDefinition {
  readonly arn: string;
  /** Undefined if it has none; ECS returns an empty text for an ARN that was set to nothing. */
  readonly taskRoleArn: string | undefined;
  readonly executionRoleArn: string | undefined;
  /** `task` or `host`; undefined = each container has its own process ids. */
  readonly pidMode: string | undefined;
  /** `LINUX`, `WINDOWS_SERVER_2022_CORE`, …; undefined = Linux. */
  readonly operatingSystem: string | undefined;
  readonly containers: readonly ExecContainerDefinition[];
}

export interface ExecContainerDefinition {
  readonly name: string;
  readonly image: string | undefined;
  /** Names of the variables in `environment`; their values are not kept. */
  readonly environment: readonly string[];
  /** Names of the variables in `secrets`. */
  readonly secrets: readonly string[];
  /** ARNs of `environmentFiles`, which are not read. */
  readonly environmentFiles: readonly string[];
  readonly initProcess: boolean;
  readonly readonlyRoot: boolean;
  /** Paths at which the container may write although its root file system is read-only. */
  readonly writableMounts: readonly string[];
  /** Log group of the awslogs driver. */
  readonly logGroup: string | undefined;
}

/** `executeCommandConfiguration` of a cluster. */
export interface ExecConfiguration {
  readonly kmsKeyId: string | undefined;
  readonly logging: 'NONE' | 'DEFAULT' | 'OVERRIDE';
  readonly logGroup: string | undefined;
  readonly logGroupMustBeEncrypted: boolean;
  readonly bucket: string | undefined;
}

/** A role with all of its policies, as JSON. */
export interface RolePolicies {
  readonly documents: readonly string[];
  /** The document of its permissions boundary. */
  readonly boundary: string | undefined;
}

/** As DescribeNetworkInterfaces shows it. */
export interface DescribedInterface {
  readonly id: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly groupIds: readonly string[];
  readonly privateIp: string | undefined;
  readonly ipv6: string | undefined;
  readonly publicIp: string | undefined;
  readonly description: string;
}

/** What RDS reports about a database, as far as connections depend on it. */
export interface DatabaseFacts {
  readonly id: string;
  /** Whether `id` is that of a cluster. */
  readonly isCluster: boolean;
  readonly status: string;
  readonly host: string | undefined;
  readonly port: number;
  readonly vpcId: string | undefined;
  /** Subnets of its subnet group. */
  readonly subnetIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly isPublic: boolean;
  readonly allocatedGiB: number | undefined;
  readonly hasIamLogin: boolean;
  /** Names of its parameter groups: of the instance, and of the cluster. */
  readonly parameterGroups: { readonly instance: string | undefined; readonly cluster: string | undefined };
  readonly ca: string | undefined;
  /** End of its certificate in milliseconds since the epoch; undefined = not reported. */
  readonly certificateEndsAt: number | undefined;
}

export interface DiagnosisPort {
  /**
   * DescribeDBInstances; DescribeDBClusters for what is no instance. For a cluster its writer. Undefined if there is no
   * such database.
   */
  database(id: string): Promise<DatabaseFacts | undefined>;
  /**
   * The parameter that refuses connections without TLS, if it is on: DescribeDBClusterParameters and
   * DescribeDBParameters.
   */
  forcedTls(groups: DatabaseFacts['parameterGroups']): Promise<string | undefined>;
  /** DescribeTaskDefinition. */
  taskDefinition(arn: string): Promise<ExecTaskDefinition>;
  /** DescribeClusters with CONFIGURATIONS. */
  execConfiguration(cluster: string): Promise<ExecConfiguration>;
  /**
   * ListRolePolicies, GetRolePolicy, ListAttachedRolePolicies, GetPolicy, GetPolicyVersion. `boundaryArn` is that of
   * the role.
   */
  rolePolicies(role: string, boundaryArn: string | undefined): Promise<RolePolicies>;
  /** DescribeLogGroups; undefined if there is no group of this name. */
  logGroup(name: string): Promise<{ readonly kmsKeyId: string | undefined } | undefined>;
  /** DescribeNetworkAcls. */
  networkAcls(vpcId: string): Promise<readonly NetworkAcl[]>;
  /** DescribeNatGateways. */
  natGateways(vpcId: string): Promise<readonly NatGateway[]>;
  /** DescribeVpcPeeringConnections of the VPC, on either side. */
  peerings(vpcId: string): Promise<readonly PeeringConnection[]>;
  /** DescribeNetworkInterfaces by id or by private address. Those that do not exist are absent. */
  interfaces(filter: {
    readonly ids?: readonly string[];
    readonly addresses?: readonly string[];
  }): Promise<readonly DescribedInterface[]>;
}
