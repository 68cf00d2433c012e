/** JSON schema of a world file (docs/sandbox-world.md). */

const NAME = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$' } as const;
const TEXTS = { type: 'object', additionalProperties: { type: 'string' } } as const;
const MEMBERS = { type: 'object' } as const;
const SECONDS = { type: 'integer', minimum: 0, maximum: 315_360_000 } as const;
const PORT = { type: 'integer', minimum: 1, maximum: 65_535 } as const;

const object = <P extends Readonly<Record<string, object>>>(
  properties: P,
  required: readonly (keyof P & string)[] = [],
) => ({ type: 'object', properties, required, additionalProperties: false });
const array = (items: object, maxItems = 10_000) => ({ type: 'array', items, maxItems });

const container = object(
  {
    name: NAME,
    image: { type: 'string' },
    essential: { type: 'boolean' },
    ports: array(PORT, 20),
    environment: TEXTS,
    logGroup: { type: 'string' },
    readonlyRoot: { type: 'boolean' },
    initProcess: { type: 'boolean' },
    secrets: TEXTS,
    members: MEMBERS,
  },
  ['name'],
);

const ACTIONS = array({ type: 'string', pattern: '^[a-z0-9-]+:[A-Za-z*]+$|^[*]$' }, 200);
const CIDR = { type: 'string', pattern: String.raw`^[0-9a-fA-F.:]+/\d{1,3}$` } as const;
const rules = array(object({ port: PORT, cidr: CIDR, group: NAME }), 50);
const PORT_RANGE = { type: 'string', pattern: String.raw`^\d{1,5}(-\d{1,5})?$` } as const;

const tasks = object({
  count: { type: 'integer', minimum: 1, maximum: 20_000 },
  state: { enum: ['PENDING', 'RUNNING', 'STOPPED'] },
  health: { enum: ['HEALTHY', 'UNHEALTHY', 'UNKNOWN'] },
  agent: { enum: ['PENDING', 'RUNNING', 'STOPPED'] },
  agentReason: { type: 'string' },
  exec: { type: 'boolean' },
  age: SECONDS,
  stopCode: {
    enum: [
      'TaskFailedToStart',
      'EssentialContainerExited',
      'UserInitiated',
      'ServiceSchedulerInitiated',
      'SpotInterruption',
    ],
  },
  stoppedReason: { type: 'string' },
  stoppedAgo: SECONDS,
  exitCode: { type: 'integer', minimum: 0, maximum: 255 },
  reason: { type: 'string' },
  members: MEMBERS,
});

const ENDPOINT = { enum: ['ssm', 'ssmmessages', 'ec2messages', 'ecs', 'logs', 'kms'] } as const;
const endpoint = object(
  { service: ENDPOINT, privateDns: { type: 'boolean' }, securityGroup: NAME, allow: ACTIONS },
  ['service'],
);

export const WORLD_SCHEMA = object({
  base: { enum: ['demo', 'empty'] },
  networks: array(
    object(
      {
        name: NAME,
        cidr: { type: 'string', pattern: String.raw`^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$` },
        sharedBy: { type: 'string', pattern: String.raw`^\d{12}$` },
        subnets: array(
          object(
            {
              name: NAME,
              zone: { enum: ['a', 'b', 'c'] },
              cidr: { type: 'string', pattern: String.raw`^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$` },
              route: { enum: ['nat-gateway', 'internet-gateway', 'none'] },
              acl: NAME,
            },
            ['name', 'cidr'],
          ),
          200,
        ),
        endpoints: array({ anyOf: [ENDPOINT, endpoint] }, 10),
        securityGroups: array(object({ name: NAME, ingress: rules, egress: rules }, ['name']), 100),
        acls: array(
          object(
            {
              name: NAME,
              entries: array(
                object(
                  {
                    number: { type: 'integer', minimum: 1, maximum: 32_766 },
                    direction: { enum: ['in', 'out'] },
                    action: { enum: ['allow', 'deny'] },
                    ports: PORT_RANGE,
                    cidr: CIDR,
                  },
                  ['number', 'direction', 'action'],
                ),
                100,
              ),
            },
            ['name', 'entries'],
          ),
          50,
        ),
      },
      ['name', 'cidr', 'subnets'],
    ),
    20,
  ),
  roles: array(
    object(
      {
        name: NAME,
        trust: { type: 'string' },
        allow: ACTIONS,
        deny: ACTIONS,
        resource: { type: 'string' },
        condition: { type: 'object' },
        boundary: ACTIONS,
      },
      ['name'],
    ),
    200,
  ),
  forbiddenActions: ACTIONS,
  clusters: array(
    object(
      {
        name: NAME,
        tags: TEXTS,
        exec: object({
          kmsKey: { type: 'string' },
          logGroup: { type: 'string' },
          encrypted: { type: 'boolean' },
          bucket: { type: 'string' },
        }),
      },
      ['name'],
    ),
    1000,
  ),
  logGroups: array(
    object({ name: { type: 'string', minLength: 1 }, kmsKey: { type: 'string' } }, ['name']),
    1000,
  ),
  services: array(
    object(
      {
        name: NAME,
        cluster: NAME,
        network: NAME,
        desired: { type: 'integer', minimum: 0, maximum: 20_000 },
        exec: { type: 'boolean' },
        taskRole: { anyOf: [{ type: 'boolean' }, NAME] },
        executionRole: NAME,
        securityGroup: NAME,
        publicIp: { type: 'boolean' },
        definition: MEMBERS,
        members: MEMBERS,
        containers: { ...array(container, 10), minItems: 1 },
        tasks: array(tasks, 1000),
        events: array(object({ ago: SECONDS, text: { type: 'string' } }, ['text']), 100),
        tags: TEXTS,
      },
      ['name', 'cluster'],
    ),
  ),
  instances: array(
    object(
      {
        name: NAME,
        network: NAME,
        subnet: NAME,
        type: { type: 'string' },
        role: NAME,
        securityGroup: NAME,
        publicIp: { type: 'boolean' },
        keyName: { type: 'string' },
        spot: { enum: ['one-time', 'persistent'] },
        tags: TEXTS,
      },
      ['name'],
    ),
    100,
  ),
  databases: array(
    object(
      {
        id: NAME,
        engine: { enum: ['postgres', 'aurora-postgresql'] },
        network: NAME,
        database: NAME,
        username: NAME,
        password: { type: 'string', minLength: 1 },
        iamUsers: array(NAME, 20),
        sql: { type: 'string' },
        status: { type: 'string' },
        certificateDays: { type: 'integer', minimum: -10_000, maximum: 10_000 },
        forceTls: { type: 'boolean' },
        securityGroup: NAME,
      },
      ['id'],
    ),
    100,
  ),
  logs: array(
    object(
      {
        group: { type: 'string', minLength: 1 },
        stream: { type: 'string', minLength: 1 },
        events: array(object({ ago: SECONDS, message: { type: 'string' } }, ['message'])),
      },
      ['group', 'stream', 'events'],
    ),
    1000,
  ),
});

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

export interface WorldRole {
  readonly name: string;
  /** Service that may assume it; `ecs-tasks.amazonaws.com` unless given. */
  readonly trust?: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Of both; `*` unless given. */
  readonly resource?: string;
  /** Of what is allowed. */
  readonly condition?: Readonly<Record<string, unknown>>;
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
  /** Members of the task definition. */
  readonly definition?: Members;
  /** Members of the service. */
  readonly members?: Members;
  readonly containers?: readonly WorldContainer[];
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
