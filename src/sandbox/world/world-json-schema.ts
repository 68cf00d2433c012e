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
    logPrefix: NAME,
    readonlyRoot: { type: 'boolean' },
    initProcess: { type: 'boolean' },
    secrets: TEXTS,
    members: MEMBERS,
  },
  ['name'],
);

const ACTIONS = array({ type: 'string', pattern: '^[a-z0-9-]+:[A-Za-z*]+$|^[*]$' }, 200);
const PERMISSIONS = {
  allow: ACTIONS,
  deny: ACTIONS,
  resource: { type: 'string' },
  condition: { type: 'object' },
} as const;
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
        securityGroups: array(
          object({ name: NAME, description: { type: 'string' }, ingress: rules, egress: rules }, ['name']),
          100,
        ),
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
        ...PERMISSIONS,
        policies: { type: 'object', additionalProperties: array(object(PERMISSIONS), 50) },
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
        family: NAME,
        definition: MEMBERS,
        members: MEMBERS,
        containers: { ...array(container, 10), minItems: 1 },
        injectedContainers: array(NAME, 10),
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
