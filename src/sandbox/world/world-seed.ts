import { createHash } from 'node:crypto';
import { containsCidr, ipv4Range } from '../../core/cidr.ts';
import { usage } from '../../core/errors.ts';
import type {
  Seed,
  SeedDatabase,
  SeedNetworkAcl,
  SeedRole,
  SeedRule,
  SeedSecurityGroup,
  SeedService,
  SeedSubnet,
  SeedTag,
  SeedTask,
  SeedTaskDefinition,
  SeedVpc,
} from '../seed-shapes.ts';
import type {
  WorldCluster,
  WorldDatabase,
  WorldFile,
  WorldNetwork,
  WorldRole,
  WorldRule,
  WorldService,
  WorldTasks,
} from './world-schema.ts';

/** Turns a world file, or a generated world, into the seed of an account. */

const ids = (text: string): string => createHash('sha256').update(text).digest('hex');

const tagsOf = (tags: Readonly<Record<string, string>> = {}): readonly SeedTag[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));

interface Network {
  readonly vpc: SeedVpc;
  /** Where its services and databases are. */
  readonly subnets: readonly SeedSubnet[];
  /** The other subnets that are new with it. */
  readonly publicSubnets: readonly SeedSubnet[];
  /** The default security group. */
  readonly group: SeedSecurityGroup;
  /** By the names in the file. */
  readonly groups: ReadonlyMap<string, SeedSecurityGroup>;
  readonly endpoints: Seed['endpoints'];
  readonly acls: readonly SeedNetworkAcl[];
  /** The next free address of a subnet, starting from its low end. */
  readonly next: (subnet: SeedSubnet) => string;
}

const unknown = (file: string, what: string, name: string, known: readonly string[]): Error =>
  usage('bad-world', `${file}: there is no ${what} '${name}' (known: ${known.join(', ') || 'none'})`, {
    details: { file },
  });

/** Adds the contents of the file to the base world. Throws usage `bad-world` for names that do not exist. */
export function seedOfWorld(file: string, world: WorldFile, demo: Seed): Seed {
  const base: Seed = world.base === 'empty' ? emptied(demo) : demo;
  const networks = new Map([
    ...existingNetworks(base),
    ...(world.networks ?? []).map((network) => [network.name, newNetwork(base.region, network)] as const),
  ]);
  const networkOf = (name: string | undefined): Network => {
    const network = name === undefined ? [...networks.values()][0] : networks.get(name);
    if (network === undefined) throw unknown(file, 'network', name ?? '', [...networks.keys()]);
    return network;
  };
  const clusters = [...base.clusters, ...(world.clusters ?? []).map(clusterOf)];
  const services = (world.services ?? []).map((service) => {
    if (!clusters.some(({ name }) => name === service.cluster))
      throw unknown(
        file,
        'cluster',
        service.cluster,
        clusters.map(({ name }) => name),
      );
    return serviceOf(service, networkOf(service.network), base.accountId);
  });
  const databases = (world.databases ?? []).map((database) =>
    databaseOf(database, networkOf(database.network), base.region),
  );
  const made = [...networks.values()].filter(({ vpc }) => !base.vpcs.includes(vpc));
  return {
    ...base,
    vpcs: [...base.vpcs, ...made.map(({ vpc }) => vpc)],
    subnets: [
      ...base.subnets,
      ...made.flatMap(({ subnets, publicSubnets }) => [...subnets, ...publicSubnets]),
    ],
    securityGroups: [
      ...base.securityGroups,
      ...made.flatMap(({ group, groups }) => [group, ...groups.values()]),
    ],
    endpoints: [...base.endpoints, ...made.flatMap(({ endpoints }) => endpoints)],
    networkAcls: made.flatMap(({ acls }) => acls),
    roles: [...base.roles, ...(world.roles ?? []).map(roleOf)],
    logGroups: [
      ...(base.logGroups ?? []),
      ...(world.logGroups ?? []).map(({ name, kmsKey }) => ({
        name,
        ...(kmsKey === undefined ? {} : { kmsKeyId: kmsKey }),
      })),
    ],
    clusters,
    taskDefinitions: [...base.taskDefinitions, ...services.map(({ definition }) => definition)],
    services: [...base.services, ...services.map(({ service }) => service)],
    databases: [...base.databases, ...databases],
    logEvents: (world.logs ?? []).map(({ group, stream, events }) => ({
      group,
      stream,
      events: events.map(({ ago = 0, message }) => ({ secondsAgo: ago, message })),
    })),
  };
}

const clusterOf = ({ name, tags, exec }: WorldCluster): Seed['clusters'][number] => ({
  name,
  tags: tagsOf(tags),
  ...(exec?.kmsKey === undefined ? {} : { kmsKeyId: exec.kmsKey }),
  ...(exec?.logGroup === undefined && exec?.bucket === undefined
    ? {}
    : {
        logging: {
          ...(exec.logGroup === undefined ? {} : { cloudWatchLogGroupName: exec.logGroup }),
          ...(exec.bucket === undefined ? {} : { s3BucketName: exec.bucket }),
          cloudWatchEncryptionEnabled: exec.encrypted === true,
          s3EncryptionEnabled: false,
        },
      }),
});

function roleOf({ name, trust, allow, deny, resource = '*', condition, boundary }: WorldRole): SeedRole {
  const statement = (Effect: 'Allow' | 'Deny', Action: readonly string[] | undefined, more: object = {}) =>
    Action === undefined ? [] : [{ Effect, Action, Resource: resource, ...more }];
  const statements = [
    ...statement('Allow', allow, condition === undefined ? {} : { Condition: condition }),
    ...statement('Deny', deny),
  ];
  const Version = '2012-10-17';
  const trusted = { Service: trust ?? 'ecs-tasks.amazonaws.com' };
  return {
    name,
    path: '/',
    trust: { Version, Statement: [{ Effect: 'Allow', Principal: trusted, Action: 'sts:AssumeRole' }] },
    inlinePolicies: statements.length === 0 ? {} : { [name]: { Version, Statement: statements } },
    ...(boundary === undefined
      ? {}
      : { boundary: { Version, Statement: [{ Effect: 'Allow', Action: boundary, Resource: '*' }] } }),
  };
}

/** Network and roles are kept, because tasks cannot run without them. */
const emptied = (seed: Seed): Seed => ({
  ...seed,
  clusters: [],
  taskDefinitions: [],
  services: [],
  databases: [],
  proxies: [],
  caches: [],
  secrets: [],
});

/** The networks by the names in their tags. */
function existingNetworks(seed: Seed): readonly (readonly [string, Network])[] {
  const taken = new Set([
    ...seed.services.flatMap(({ tasks }) => tasks.map(({ privateIp }) => privateIp)),
    ...seed.databases.map(({ privateIp }) => privateIp),
  ]);
  return seed.vpcs.flatMap((vpc) => {
    const name = vpc.tags.find(({ key }) => key === 'Name')?.value;
    const subnets = seed.subnets.filter(({ vpcId }) => vpcId === vpc.id);
    const group = seed.securityGroups.find((item) => item.vpcId === vpc.id && item.name === 'default');
    if (name === undefined || group === undefined) return [];
    const privateOnes = subnets.filter(({ route }) => route !== 'internet-gateway');
    const groups = new Map(
      seed.securityGroups.filter((item) => item.vpcId === vpc.id).map((item) => [item.name, item]),
    );
    const network = { vpc, subnets: privateOnes, publicSubnets: [], group, groups, endpoints: [], acls: [] };
    return [[name, { ...network, next: addresses(taken) }] as const];
  });
}

function newNetwork(region: string, world: WorldNetwork): Network {
  const { name, cidr, subnets, endpoints = [], securityGroups = [], acls = [] } = world;
  const id = (prefix: string, text: string): string => `${prefix}-0${ids(text).slice(0, 16)}`;
  const vpc: SeedVpc = { id: id('vpc', name), cidr, isDefault: false, tags: tagsOf({ Name: name }) };
  const seedSubnets = subnets.map((subnet) => ({
    id: id('subnet', `${name}/${subnet.name}`),
    vpcId: vpc.id,
    zone: `${region}${subnet.zone ?? 'a'}`,
    cidr: subnet.cidr,
    tags: tagsOf({ Name: subnet.name }),
    route: subnet.route ?? ('nat-gateway' as const),
    mapPublicIp: subnet.route === 'internet-gateway',
  }));
  const privateOnes = seedSubnets.filter(({ route }) => route !== 'internet-gateway');
  const given = seedSubnets.filter(({ route }) => route === 'internet-gateway');
  // A NAT gateway works in a public subnet only.
  const natCidr = lastBlock(cidr);
  const lacksPublic = given.length === 0 && privateOnes.some(({ route }) => route === 'nat-gateway');
  const publicOnes: readonly SeedSubnet[] =
    lacksPublic && natCidr !== undefined && !subnets.some((subnet) => containsCidr(subnet.cidr, natCidr))
      ? [
          {
            id: id('subnet', `${name}//nat`),
            vpcId: vpc.id,
            zone: `${region}a`,
            cidr: natCidr,
            tags: tagsOf({ Name: `${name}-nat` }),
            route: 'internet-gateway',
            mapPublicIp: true,
          },
        ]
      : given;
  const all = { protocol: '-1' as const, fromPort: -1, toPort: -1 };
  const group: SeedSecurityGroup = {
    id: id('sg', name),
    vpcId: vpc.id,
    name: 'default',
    description: 'default VPC security group',
    tags: [],
    ingress: [{ ...all, cidr }],
    egress: [{ ...all, cidr: '0.0.0.0/0' }],
  };
  const groupId = (group: string): string => id('sg', `${name}/${group}`);
  const rule = (of: WorldRule): SeedRule => ({
    ...(of.port === undefined ? all : { protocol: 'tcp', fromPort: of.port, toPort: of.port }),
    ...(of.group === undefined ? { cidr: of.cidr ?? '0.0.0.0/0' } : { groupId: groupId(of.group) }),
  });
  const groups = securityGroups.map((of): SeedSecurityGroup => ({
    id: groupId(of.name),
    vpcId: vpc.id,
    name: of.name,
    description: of.name,
    tags: [],
    ingress: (of.ingress ?? []).map(rule),
    egress: (of.egress ?? [{}]).map(rule),
  }));
  return {
    vpc,
    subnets: privateOnes.length === 0 ? seedSubnets : privateOnes,
    publicSubnets: privateOnes.length === 0 ? [] : publicOnes,
    group,
    groups: new Map(groups.map((of) => [of.name, of])),
    acls: acls.map((acl) => ({
      id: id('acl', `${name}/${acl.name}`),
      vpcId: vpc.id,
      subnetIds: subnets.flatMap((subnet, index) =>
        subnet.acl === acl.name ? [seedSubnets[index]?.id ?? ''] : [],
      ),
      entries: acl.entries.map(({ number, direction, action, ports, cidr: range = '0.0.0.0/0' }) => {
        const [from = '0', to = from] = ports?.split('-') ?? ['0', '65535'];
        return {
          number,
          egress: direction === 'out',
          allow: action === 'allow',
          protocol: ports === undefined ? ('-1' as const) : ('tcp' as const),
          fromPort: Number(from),
          toPort: Number(to),
          cidr: range,
        };
      }),
    })),
    endpoints: endpoints
      .map((of) => (typeof of === 'string' ? { service: of } : of))
      .map(({ service, privateDns = true, securityGroup, allow }) => ({
        id: id('vpce', `${name}/${service}`),
        vpcId: vpc.id,
        service,
        type: 'Interface' as const,
        subnetIds: seedSubnets.map((subnet) => subnet.id),
        securityGroupIds: [securityGroup === undefined ? group.id : groupId(securityGroup)],
        privateDns,
        ...(allow === undefined ? {} : { allowedActions: allow }),
      })),
    next: addresses(new Set()),
  };
}

/** The last /28 of a range. */
function lastBlock(cidr: string): string | undefined {
  const range = ipv4Range(cidr);
  if (range === undefined || range.size < 16) return undefined;
  const value = range.first + range.size - 16;
  return `${[value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')}/28`;
}

/** Returns the free addresses of a subnet from the fifth on (AWS reserves the first four), each once. */
function addresses(taken: ReadonlySet<string>): Network['next'] {
  const used = new Map<string, number>();
  return (subnet) => {
    const range = ipv4Range(subnet.cidr);
    const first = range?.first ?? 0;
    for (let offset = used.get(subnet.id) ?? 10; ; offset++) {
      const value = first + offset;
      const address = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
      used.set(subnet.id, offset + 1);
      if (!taken.has(address)) return address;
    }
  };
}

function serviceOf(
  world: WorldService,
  network: Network,
  accountId: string,
): { readonly service: SeedService; readonly definition: SeedTaskDefinition } {
  const { name, cluster, exec = true, containers = [{ name: 'app' }] } = world;
  const role = (roleName: string): string => `arn:aws:iam::${accountId}:role/${roleName}`;
  const definition: SeedTaskDefinition = {
    family: `${cluster}-${name}`,
    revision: 1,
    cpu: '256',
    memory: '512',
    taskRoleArn:
      world.taskRole === false
        ? undefined
        : role(typeof world.taskRole === 'string' ? world.taskRole : 'demo-exec-task'),
    executionRoleArn: role(world.executionRole ?? 'demo-task-execution'),
    ...(world.definition === undefined ? {} : { members: world.definition }),
    containers: containers.map((container) => ({
      name: container.name,
      image: container.image ?? `${name}:1`,
      essential: container.essential ?? true,
      command: [],
      environment: container.environment ?? {},
      secretNames: Object.keys(container.secrets ?? {}),
      ...(container.secrets === undefined ? {} : { secretSources: container.secrets }),
      ports: container.ports ?? [],
      initProcess: container.initProcess ?? true,
      ...(container.members === undefined ? {} : { members: container.members }),
      readonlyRoot: container.readonlyRoot ?? false,
      ...(container.logGroup === undefined ? {} : { logGroup: container.logGroup }),
    })),
  };
  const groups = world.tasks ?? [{}];
  const tasks = groups.flatMap((group, row) =>
    Array.from({ length: group.count ?? 1 }, (_, index) =>
      taskOf(`${cluster}/${name}/${row}/${index}`, group, definition, exec, network, index),
    ),
  );
  return {
    definition,
    service: {
      name,
      cluster,
      taskDefinition: `${definition.family}:1`,
      desiredCount: world.desired ?? tasks.filter(({ stopped }) => stopped === undefined).length,
      execEnabled: exec,
      subnets: network.subnets.map(({ id }) => id),
      securityGroups: [securityGroupOf(world.securityGroup, network).id],
      publicIp: world.publicIp ?? false,
      ...(world.members === undefined ? {} : { members: world.members }),
      tasks,
      tags: tagsOf(world.tags),
      events: (world.events ?? []).map(({ ago = 0, text }) => ({ secondsAgo: ago, text })),
    },
  };
}

function securityGroupOf(name: string | undefined, network: Network): SeedSecurityGroup {
  if (name === undefined) return network.group;
  const group = network.groups.get(name);
  if (group === undefined)
    throw usage(
      'bad-world',
      `there is no security group '${name}' in the network (known: ${[...network.groups.keys()].join(', ') || 'none'})`,
    );
  return group;
}

function taskOf(
  path: string,
  of: WorldTasks,
  definition: SeedTaskDefinition,
  serviceExec: boolean,
  network: Network,
  index: number,
): SeedTask {
  const id = ids(path).slice(0, 32);
  const { state = 'RUNNING', age = 3600, health = 'UNKNOWN', exec = serviceExec } = of;
  const subnet = network.subnets[index % network.subnets.length];
  const hasRun = state !== 'PENDING' && of.stopCode !== 'TaskFailedToStart';
  return {
    id,
    containers: definition.containers.map(({ name }, position) => ({
      name,
      runtimeId: hasRun ? `${id}-${1_000_000_000 + position}` : undefined,
      lastStatus: state,
      health,
      agent: exec ? (of.agent ?? state) : undefined,
      ...(of.exitCode === undefined ? {} : { exitCode: of.exitCode }),
      ...(of.reason === undefined ? {} : { reason: of.reason }),
      ...(of.agentReason === undefined ? {} : { agentReason: of.agentReason }),
    })),
    ...(of.members === undefined ? {} : { members: of.members }),
    lastStatus: state,
    execEnabled: exec,
    startedSecondsAgo: age,
    privateIp: subnet === undefined ? '10.255.255.255' : network.next(subnet),
    subnetId: subnet?.id ?? '',
    ...(state === 'STOPPED'
      ? {
          stopped: {
            code: of.stopCode ?? 'EssentialContainerExited',
            reason: of.stoppedReason ?? 'Essential container in task exited',
            secondsAgo: Math.min(of.stoppedAgo ?? 60, age),
          },
        }
      : {}),
  };
}

function databaseOf(world: WorldDatabase, network: Network, region: string): SeedDatabase {
  const { id, engine = 'postgres' } = world;
  const subnet = network.subnets[0];
  const zone = `w0r1d2345678.${region}.rds.amazonaws.com`;
  return {
    id,
    engine,
    engineVersion: '18.6',
    host: engine === 'postgres' ? `${id}.${zone}` : `${id}.cluster-${zone}`,
    port: 5432,
    privateIp: subnet === undefined ? '10.255.255.254' : network.next(subnet),
    databaseName: world.database ?? 'app',
    masterUsername: world.username ?? 'app',
    ...(world.password === undefined ? {} : { masterPassword: world.password }),
    vpcId: network.vpc.id,
    subnetIds: network.subnets.map((item) => item.id),
    securityGroupIds: [securityGroupOf(world.securityGroup, network).id],
    iamAuthentication: world.iamUsers !== undefined,
    ...(world.iamUsers === undefined ? {} : { iamUsers: world.iamUsers }),
    sql: world.sql ?? '',
    ...(world.status === undefined ? {} : { status: world.status }),
    ...(world.certificateDays === undefined ? {} : { certificateDays: world.certificateDays }),
  };
}

const KINDS = ['api', 'worker', 'web', 'cron', 'consumer', 'gateway', 'indexer', 'exporter'];
const AREAS =
  'orders billing catalog search payments shipping inventory accounts fraud pricing reviews returns loyalty notifications sessions reports ledger media support taxes'.split(
    ' ',
  );

/**
 * The world that `--services` and `--tasks` request, in a cluster and a network of its own: with names as teams use
 * them, and with some unhealthy tasks.
 */
export function generatedWorld(services: number, tasks: number): WorldFile {
  const [area, kind] = [AREAS.length, KINDS.length];
  return {
    networks: [
      {
        name: 'large',
        cidr: '10.128.0.0/9',
        subnets: [
          { name: 'large-a', zone: 'a', cidr: '10.128.0.0/15' },
          { name: 'large-b', zone: 'b', cidr: '10.130.0.0/15' },
          { name: 'large-c', zone: 'c', cidr: '10.132.0.0/15' },
        ],
      },
    ],
    clusters: [{ name: 'large' }],
    services: Array.from({ length: services }, (_, index) => {
      const turn = Math.floor(index / (area * kind));
      const count = Math.floor(tasks / services) + (index < tasks % services ? 1 : 0);
      const name = `${AREAS[index % area]}-${KINDS[Math.floor(index / area) % kind]}${turn === 0 ? '' : `-${turn + 1}`}`;
      const health = index % 50 === 7 ? 'UNHEALTHY' : 'HEALTHY';
      return {
        name,
        cluster: 'large',
        network: 'large',
        containers: [{ name: 'app', image: `${name}:1.${index % 40}`, ports: [8080] }],
        tasks: count === 0 ? [] : [{ count, health, age: 600 + ((index * 7919) % 2_000_000) }],
      };
    }),
  };
}
