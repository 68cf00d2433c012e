/** The shapes of a world file (docs/sandbox-world.md), as world-json-schema.ts checks them. */

/** A file that matches the schema. */
export interface WorldFile {
  readonly base?: 'demo' | 'empty';
  readonly networks?: readonly WorldNetwork[];
  readonly roles?: readonly WorldRole[];
  /** Actions that a service control policy of the organization denies to every role. */
  readonly forbiddenActions?: readonly string[];
  readonly clusters?: readonly WorldCluster[];
  readonly logGroups?: readonly { readonly name: string; readonly kmsKey?: string }[];
  readonly services?: readonly WorldService[];
  readonly instances?: readonly WorldInstance[];
  readonly databases?: readonly WorldDatabase[];
  readonly logs?: readonly WorldLog[];
}

/** What a policy allows and denies. */
export interface WorldPermissions {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Of both; `*` unless given. */
  readonly resource?: string;
  /** Of what is allowed. */
  readonly condition?: Readonly<Record<string, unknown>>;
}

/** Its own permissions are the inline policy with the name of the role. */
export interface WorldRole extends WorldPermissions {
  readonly name: string;
  /** Service that may assume it; `ecs-tasks.amazonaws.com` unless given. */
  readonly trust?: string;
  /** Further inline policies by name. */
  readonly policies?: Readonly<Record<string, readonly WorldPermissions[]>>;
  /** Actions that its permissions boundary allows. */
  readonly boundary?: readonly string[];
}

export interface WorldCluster {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** `executeCommandConfiguration`. */
  readonly exec?: {
    readonly kmsKey?: string;
    readonly logGroup?: string;
    /** Whether the log group must be encrypted with a key. */
    readonly encrypted?: boolean;
    readonly bucket?: string;
  };
}

/** Members that describe operations return as they are. */
type Members = Readonly<Record<string, unknown>>;

export interface WorldRule {
  /** Absent = every port. */
  readonly port?: number;
  readonly cidr?: string;
  /** Name of a group of the same network. */
  readonly group?: string;
}

export interface WorldNetwork {
  readonly name: string;
  readonly cidr: string;
  /** The account that owns it and shares its subnets with this one; absent = this account. */
  readonly sharedBy?: string;
  readonly subnets: readonly {
    readonly name: string;
    readonly zone?: 'a' | 'b' | 'c';
    readonly cidr: string;
    readonly route?: 'nat-gateway' | 'internet-gateway' | 'none';
    /** Name of its network ACL; absent = the default one, which allows everything. */
    readonly acl?: string;
  }[];
  readonly endpoints?: readonly (
    | string
    | {
        readonly service: string;
        readonly privateDns?: boolean;
        readonly securityGroup?: string;
        /** Actions that its policy allows; absent = all. */
        readonly allow?: readonly string[];
      }
  )[];
  readonly securityGroups?: readonly {
    readonly name: string;
    /** Its name unless given. */
    readonly description?: string;
    readonly ingress?: readonly WorldRule[];
    /** Absent = everything. */
    readonly egress?: readonly WorldRule[];
  }[];
  readonly acls?: readonly {
    readonly name: string;
    readonly entries: readonly {
      readonly number: number;
      readonly direction: 'in' | 'out';
      readonly action: 'allow' | 'deny';
      /** `443` or `1024-65535`; absent = all traffic. */
      readonly ports?: string;
      readonly cidr?: string;
    }[];
  }[];
}

export interface WorldService {
  readonly name: string;
  readonly cluster: string;
  readonly network?: string;
  readonly desired?: number;
  readonly exec?: boolean;
  /** Name of the task role; false = none, so that ECS Exec is not possible. */
  readonly taskRole?: boolean | string;
  readonly executionRole?: string;
  /** Name of a security group of the network. */
  readonly securityGroup?: string;
  readonly publicIp?: boolean;
  /** Family of the task definition; `CLUSTER-NAME` unless given. */
  readonly family?: string;
  /** Members of the task definition. */
  readonly definition?: Members;
  /** Members of the service. */
  readonly members?: Members;
  readonly containers?: readonly WorldContainer[];
  /** Names of containers that ECS adds to each task, as Service Connect does; the task definition lacks them. */
  readonly injectedContainers?: readonly string[];
  readonly tasks?: readonly WorldTasks[];
  readonly events?: readonly { readonly ago?: number; readonly text: string }[];
  readonly tags?: Readonly<Record<string, string>>;
}

export interface WorldContainer {
  readonly name: string;
  readonly image?: string;
  readonly essential?: boolean;
  readonly ports?: readonly number[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly logGroup?: string;
  /** `awslogs-stream-prefix`; `ecs` unless given. */
  readonly logPrefix?: string;
  readonly readonlyRoot?: boolean;
  readonly initProcess?: boolean;
  /** Variable → name or ARN of the secret. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly members?: Members;
}

export interface WorldTasks {
  readonly count?: number;
  readonly state?: 'PENDING' | 'RUNNING' | 'STOPPED';
  readonly health?: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN';
  readonly agent?: 'PENDING' | 'RUNNING' | 'STOPPED';
  readonly agentReason?: string;
  /** Whether ECS Exec was on when the task started; that of the service unless given. */
  readonly exec?: boolean;
  readonly members?: Members;
  /** Seconds, like every duration in the file. */
  readonly age?: number;
  readonly stopCode?:
    | 'TaskFailedToStart'
    | 'EssentialContainerExited'
    | 'UserInitiated'
    | 'ServiceSchedulerInitiated'
    | 'SpotInterruption';
  readonly stoppedReason?: string;
  readonly stoppedAgo?: number;
  readonly exitCode?: number;
  readonly reason?: string;
}

/** An EC2 instance that runs; it is described, and no machine is behind it. */
export interface WorldInstance {
  /** Its tag `Name`. */
  readonly name: string;
  readonly network?: string;
  /** Name of a subnet of the network; absent = the first. */
  readonly subnet?: string;
  readonly type?: string;
  /** Role of its instance profile, which has the same name; absent = no profile. */
  readonly role?: string;
  readonly securityGroup?: string;
  readonly publicIp?: boolean;
  readonly keyName?: string;
  /** Absent = on-demand. */
  readonly spot?: 'one-time' | 'persistent';
  readonly tags?: Readonly<Record<string, string>>;
}

export interface WorldDatabase {
  readonly id: string;
  readonly engine?: 'postgres' | 'aurora-postgresql';
  readonly network?: string;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly iamUsers?: readonly string[];
  readonly sql?: string;
  readonly status?: string;
  readonly certificateDays?: number;
  /** Its parameter group has `rds.force_ssl`. */
  readonly forceTls?: boolean;
  readonly securityGroup?: string;
}

export interface WorldLog {
  readonly group: string;
  readonly stream: string;
  readonly events: readonly { readonly ago?: number; readonly message: string }[];
}
