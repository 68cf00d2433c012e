/** The initial contents of the account: plain data, from which each service builds its own state. */

export interface SeedTag {
  readonly key: string;
  readonly value: string;
}

export interface SeedSubnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly tags: readonly SeedTag[];
  /** Target of the default route; `none` = isolated. */
  readonly route: 'internet-gateway' | 'nat-gateway' | 'none';
  readonly mapPublicIp: boolean;
  readonly ipv6?: SeedIpv6;
}

/** A network ACL. A subnet without one of the seed's has its VPC's default ACL, which allows everything. */
export interface SeedNetworkAcl {
  readonly id: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly entries: readonly {
    readonly number: number;
    readonly egress: boolean;
    readonly allow: boolean;
    /** `-1` = all. */
    readonly protocol: 'tcp' | 'udp' | '-1';
    readonly fromPort: number;
    readonly toPort: number;
    readonly cidr: string;
  }[];
}

/** Members that describe operations return as they are, besides those that the sandbox evaluates. */
export type SeedMembers = Readonly<Record<string, unknown>>;

/** The IPv6 settings of a subnet. */
export interface SeedIpv6 {
  /** e.g. `2a05:d018:1:1::/64` */
  readonly cidr: string;
  /** The subnet has no IPv4: its `cidr` and `route` are ignored. */
  readonly only: boolean;
  /** Target of the route for `::/0`; absent = no such route. */
  readonly route?: 'internet-gateway' | 'egress-only-internet-gateway';
  readonly dns64?: boolean;
  /** Whether a route for 64:ff9b::/96 leads to the VPC's NAT gateway. */
  readonly nat64?: boolean;
}

export interface SeedSecurityGroup {
  readonly id: string;
  readonly vpcId: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly SeedTag[];
  readonly ingress: readonly SeedRule[];
  readonly egress: readonly SeedRule[];
}

export interface SeedRule {
  /** `-1` = all. */
  readonly protocol: 'tcp' | 'udp' | '-1';
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr?: string;
  readonly groupId?: string;
  readonly description?: string;
}

export interface SeedEndpoint {
  readonly id: string;
  readonly vpcId: string;
  /** e.g. `ssm`, `ssmmessages`, `ecs`, `s3`. */
  readonly service: string;
  readonly type: 'Interface' | 'Gateway';
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly privateDns: boolean;
  /** `ipv4` unless given. */
  readonly ipAddressType?: 'ipv4' | 'dualstack' | 'ipv6';
  /** Actions that its policy allows; absent = all. */
  readonly allowedActions?: readonly string[];
}

export interface SeedVpc {
  readonly id: string;
  readonly cidr: string;
  readonly ipv6Cidr?: string;
  readonly isDefault: boolean;
  /** The account that owns the VPC and shares its subnets with this one (AWS RAM); absent = this account. */
  readonly ownerId?: string;
  readonly tags: readonly SeedTag[];
}

export interface SeedContainerDefinition {
  readonly name: string;
  readonly image: string;
  readonly essential: boolean;
  /** The command, preceded by the entry point. */
  readonly command: readonly string[];
  readonly entryPoint?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secretNames: readonly string[];
  /** Name or ARN of the secret for each variable; the seed's own secrets unless given. */
  readonly secretSources?: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly initProcess: boolean;
  readonly readonlyRoot: boolean;
  /** The log group of the awslogs driver. */
  readonly logGroup?: string;
  /** `awslogs-stream-prefix`; `ecs` unless given. */
  readonly logPrefix?: string;
  /** `awslogs-create-group` */
  readonly createsLogGroup?: boolean;
  readonly members?: SeedMembers;
}

export interface SeedTaskDefinition {
  readonly family: string;
  readonly revision: number;
  readonly cpu: string;
  readonly memory: string;
  readonly taskRoleArn: string | undefined;
  readonly executionRoleArn: string | undefined;
  readonly containers: readonly SeedContainerDefinition[];
  readonly members?: SeedMembers;
}

export interface SeedTask {
  readonly id: string;
  /** Agent state of each container; undefined = no managed agent (exec was off). */
  readonly containers: readonly {
    readonly name: string;
    readonly runtimeId: string | undefined;
    readonly lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
    readonly health: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN';
    readonly agent: 'PENDING' | 'RUNNING' | 'STOPPED' | undefined;
    /** Exit code of a stopped container. */
    readonly exitCode?: number;
    readonly reason?: string;
    /** Why a stopped agent has stopped. */
    readonly agentReason?: string;
  }[];
  readonly lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  /** How and why a stopped task ended. */
  readonly stopped?: {
    readonly code:
      | 'TaskFailedToStart'
      | 'EssentialContainerExited'
      | 'UserInitiated'
      | 'ServiceSchedulerInitiated'
      | 'SpotInterruption';
    readonly reason: string;
    readonly secondsAgo: number;
  };
  readonly execEnabled: boolean;
  readonly startedSecondsAgo: number;
  readonly privateIp: string;
  readonly subnetId: string;
  readonly members?: SeedMembers;
}

export interface SeedService {
  readonly name: string;
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly desiredCount: number;
  readonly execEnabled: boolean;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicIp: boolean;
  readonly tasks: readonly SeedTask[];
  readonly tags: readonly SeedTag[];
  /** Messages without the leading `(service NAME)`. */
  readonly events?: readonly { readonly secondsAgo: number; readonly text: string }[];
  readonly members?: SeedMembers;
}

/** `logConfiguration` of a cluster, with logging OVERRIDE. */
export interface SeedExecLogging {
  readonly cloudWatchLogGroupName?: string;
  /** The log group must be encrypted with a key. */
  readonly cloudWatchEncryptionEnabled: boolean;
  readonly s3BucketName?: string;
  readonly s3EncryptionEnabled: boolean;
  readonly s3KeyPrefix?: string;
}

export interface SeedCluster {
  readonly name: string;
  readonly kmsKeyId?: string;
  /** Absent = logging DEFAULT, which the sandbox does not implement. */
  readonly logging?: SeedExecLogging;
  readonly tags: readonly SeedTag[];
}

export interface SeedDatabase {
  readonly id: string;
  /** Absent = RDS. A database of Redshift is PostgreSQL here too. */
  readonly redshift?: 'cluster' | 'serverless';
  /** What the describe operations return; `available` unless given. Connections do not depend on it. */
  readonly status?: string;
  /** Days until its certificate ends; absent = no certificate is returned. */
  readonly certificateDays?: number;
  /** Whether its parameter group refuses connections without TLS, as the describe operations show it. */
  readonly forceTls?: boolean;
  readonly engine: string;
  readonly engineVersion: string;
  readonly host: string;
  readonly port: number;
  readonly privateIp: string;
  /** If it is set, the network type is DUAL. */
  readonly ipv6Address?: string;
  readonly databaseName: string;
  readonly masterUsername: string;
  /** Undefined = any password is accepted. */
  readonly masterPassword?: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly iamAuthentication: boolean;
  /** Users with `rds_iam`: they can log in with an IAM token only. */
  readonly iamUsers?: readonly string[];
  /** SQL that fills the database at its first use. */
  readonly sql: string;
  /** Secret of Secrets Manager that holds the master user's name and password, as RDS keeps it. */
  readonly masterSecretName?: string;
  /** Instances of an Aurora cluster besides the writer. They use the writer's engine, and accept writes too. */
  readonly readers?: readonly { readonly id: string; readonly privateIp: string }[];
  /** Custom endpoints of an Aurora cluster. */
  readonly customEndpoints?: readonly {
    readonly id: string;
    readonly type: 'READER' | 'ANY';
    /** Ids of instances; the writer's is `ID-writer`. */
    readonly members: readonly string[];
  }[];
}

/** An RDS Proxy in front of a database. */
export interface SeedDatabaseProxy {
  readonly name: string;
  readonly databaseId: string;
  readonly host: string;
  readonly privateIp: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly iamAuthentication: 'DISABLED' | 'REQUIRED';
  readonly requireTls: boolean;
  readonly secretName?: string;
  readonly endpoints?: readonly {
    readonly name: string;
    readonly host: string;
    readonly privateIp: string;
    readonly role: 'READ_WRITE' | 'READ_ONLY';
  }[];
}

/** A cache of ElastiCache, or a cluster of MemoryDB. */
export interface SeedCache {
  readonly service: 'elasticache' | 'memorydb';
  /** MemoryDB has `cluster` only; in ElastiCache `cluster` is a cluster without replication. */
  readonly kind: 'replication-group' | 'cluster' | 'serverless';
  readonly id: string;
  readonly engine: 'redis' | 'valkey' | 'memcached';
  readonly engineVersion: string;
  /** Primary endpoint, or the configuration endpoint in cluster mode. */
  readonly host: string;
  readonly readerHost?: string;
  readonly port: number;
  readonly privateIp: string;
  readonly clusterMode: boolean;
  /** Number of nodes in addition to the primary. */
  readonly replicas?: number;
  /** What the describe operations return; the sandbox itself has no TLS. */
  readonly tls: boolean;
  /** Undefined = the cache requires no token. */
  readonly authToken?: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

/** A domain of OpenSearch Service in a VPC. */
export interface SeedSearchDomain {
  readonly name: string;
  /** `OpenSearch_2.19` */
  readonly engineVersion: string;
  readonly host: string;
  readonly privateIp: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  /** The user of fine-grained access control; absent = nobody has to log in. */
  readonly login?: { readonly username: string; readonly password: string };
  /** Index → number of documents. */
  readonly indices: Readonly<Record<string, number>>;
}

/** The secret that the seed's containers take the variable from: `DB_PASSWORD` comes from `db-password`. */
export const secretNameOf = (variable: string): string => variable.toLowerCase().replaceAll('_', '-');

/** A secret with one version. */
export interface SeedSecret {
  readonly name: string;
  readonly value: string;
  /** Absent = the AWS managed key, which requires no permission. */
  readonly kmsKeyId?: string;
  /** `rds` for secrets that RDS manages. */
  readonly owningService?: string;
  readonly tags?: readonly SeedTag[];
}

export interface SeedRole {
  readonly name: string;
  readonly path: string;
  readonly trust: unknown;
  readonly inlinePolicies: Readonly<Record<string, unknown>>;
  /** The document of its permissions boundary, which becomes a managed policy `NAME-boundary`. */
  readonly boundary?: unknown;
}

/** An instance that runs from the start; it is described, and no machine is behind it. */
export interface SeedInstance {
  readonly id: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly publicIp?: string;
  readonly securityGroupIds: readonly string[];
  readonly instanceType: string;
  readonly keyName?: string;
  /** Role of its instance profile, which has the same name; absent = no profile. */
  readonly roleName?: string;
  /** Absent = on-demand. */
  readonly spotRequest?: { readonly id: string; readonly type: 'one-time' | 'persistent' };
  readonly tags: readonly SeedTag[];
}

export interface Seed {
  /** Actions that a service control policy of the organization denies to every role. */
  readonly forbiddenActions?: readonly string[];
  readonly accountId: string;
  readonly accountAlias?: string;
  readonly region: string;
  readonly vpcs: readonly SeedVpc[];
  readonly subnets: readonly SeedSubnet[];
  readonly securityGroups: readonly SeedSecurityGroup[];
  readonly endpoints: readonly SeedEndpoint[];
  readonly instances?: readonly SeedInstance[];
  readonly networkAcls?: readonly SeedNetworkAcl[];
  readonly roles: readonly SeedRole[];
  readonly clusters: readonly SeedCluster[];
  readonly taskDefinitions: readonly SeedTaskDefinition[];
  readonly services: readonly SeedService[];
  readonly databases: readonly SeedDatabase[];
  readonly proxies?: readonly SeedDatabaseProxy[];
  readonly caches?: readonly SeedCache[];
  readonly searchDomains?: readonly SeedSearchDomain[];
  readonly secrets?: readonly SeedSecret[];
  readonly logGroups?: readonly { readonly name: string; readonly kmsKeyId?: string }[];
  /** Events that exist in log streams at the start. */
  readonly logEvents?: readonly {
    readonly group: string;
    readonly stream: string;
    readonly events: readonly { readonly secondsAgo: number; readonly message: string }[];
  }[];
  readonly buckets?: readonly { readonly name: string; readonly isEncrypted: boolean }[];
}
