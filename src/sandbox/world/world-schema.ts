/** JSON schema of a world file (docs/sandbox-world.md). */

const NAME = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$' } as const;
const TEXTS = { type: 'object', additionalProperties: { type: 'string' } } as const;
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
  },
  ['name'],
);

const tasks = object({
  count: { type: 'integer', minimum: 1, maximum: 20_000 },
  state: { enum: ['PENDING', 'RUNNING', 'STOPPED'] },
  health: { enum: ['HEALTHY', 'UNHEALTHY', 'UNKNOWN'] },
  agent: { enum: ['PENDING', 'RUNNING', 'STOPPED'] },
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
});

export const WORLD_SCHEMA = object({
  base: { enum: ['demo', 'empty'] },
  networks: array(
    object(
      {
        name: NAME,
        cidr: { type: 'string', pattern: String.raw`^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$` },
        subnets: array(
          object(
            {
              name: NAME,
              zone: { enum: ['a', 'b', 'c'] },
              cidr: { type: 'string', pattern: String.raw`^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$` },
              route: { enum: ['nat-gateway', 'internet-gateway', 'none'] },
            },
            ['name', 'cidr'],
          ),
          200,
        ),
        endpoints: array({ enum: ['ssm', 'ssmmessages', 'ec2messages', 'ecs', 'logs'] }, 10),
      },
      ['name', 'cidr', 'subnets'],
    ),
    20,
  ),
  clusters: array(object({ name: NAME, tags: TEXTS }, ['name']), 1000),
  services: array(
    object(
      {
        name: NAME,
        cluster: NAME,
        network: NAME,
        desired: { type: 'integer', minimum: 0, maximum: 20_000 },
        exec: { type: 'boolean' },
        taskRole: { type: 'boolean' },
        containers: { ...array(container, 10), minItems: 1 },
        tasks: array(tasks, 1000),
        events: array(object({ ago: SECONDS, text: { type: 'string' } }, ['text']), 100),
        tags: TEXTS,
      },
      ['name', 'cluster'],
    ),
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
  readonly clusters?: readonly { readonly name: string; readonly tags?: Readonly<Record<string, string>> }[];
  readonly services?: readonly WorldService[];
  readonly databases?: readonly WorldDatabase[];
  readonly logs?: readonly WorldLog[];
}

export interface WorldNetwork {
  readonly name: string;
  readonly cidr: string;
  readonly subnets: readonly {
    readonly name: string;
    readonly zone?: 'a' | 'b' | 'c';
    readonly cidr: string;
    readonly route?: 'nat-gateway' | 'internet-gateway' | 'none';
  }[];
  readonly endpoints?: readonly string[];
}

export interface WorldService {
  readonly name: string;
  readonly cluster: string;
  readonly network?: string;
  readonly desired?: number;
  readonly exec?: boolean;
  /** Without a task role, ECS Exec is not possible. */
  readonly taskRole?: boolean;
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
}

export interface WorldTasks {
  readonly count?: number;
  readonly state?: 'PENDING' | 'RUNNING' | 'STOPPED';
  readonly health?: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN';
  readonly agent?: 'PENDING' | 'RUNNING' | 'STOPPED';
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

export interface WorldDatabase {
  readonly id: string;
  readonly engine?: 'postgres' | 'aurora-postgresql';
  readonly network?: string;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly iamUsers?: readonly string[];
  readonly sql?: string;
}

export interface WorldLog {
  readonly group: string;
  readonly stream: string;
  readonly events: readonly { readonly ago?: number; readonly message: string }[];
}
