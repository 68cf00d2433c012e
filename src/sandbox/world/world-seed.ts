import { createHash } from 'node:crypto';
import { ipv4Range } from '../../core/cidr.ts';
import { usage } from '../../core/errors.ts';
import type {
  Seed,
  SeedDatabase,
  SeedSecurityGroup,
  SeedService,
  SeedSubnet,
  SeedTag,
  SeedTask,
  SeedTaskDefinition,
  SeedVpc,
} from '../seed-shapes.ts';
import type { WorldDatabase, WorldFile, WorldNetwork, WorldService, WorldTasks } from './world-schema.ts';

/** Turns a world file, or a generated world, into the seed of an account. */

const ids = (text: string): string => createHash('sha256').update(text).digest('hex');

const tagsOf = (tags: Readonly<Record<string, string>> = {}): readonly SeedTag[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));

interface Network {
  readonly vpc: SeedVpc;
  readonly subnets: readonly SeedSubnet[];
  readonly group: SeedSecurityGroup;
  readonly endpoints: Seed['endpoints'];
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
  const clusters = [
    ...base.clusters,
    ...(world.clusters ?? []).map(({ name, tags }) => ({ name, tags: tagsOf(tags) })),
  ];
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
    subnets: [...base.subnets, ...made.flatMap(({ subnets }) => subnets)],
    securityGroups: [...base.securityGroups, ...made.map(({ group }) => group)],
    endpoints: [...base.endpoints, ...made.flatMap(({ endpoints }) => endpoints)],
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
    return [[name, { vpc, subnets: privateOnes, group, endpoints: [], next: addresses(taken) }] as const];
  });
}

function newNetwork(region: string, { name, cidr, subnets, endpoints = [] }: WorldNetwork): Network {
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
  return {
    vpc,
    subnets: seedSubnets,
    group,
    endpoints: endpoints.map((service) => ({
      id: id('vpce', `${name}/${service}`),
      vpcId: vpc.id,
      service,
      type: 'Interface' as const,
      subnetIds: seedSubnets.map((subnet) => subnet.id),
      securityGroupIds: [group.id],
      privateDns: true,
    })),
    next: addresses(new Set()),
  };
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
    taskRoleArn: world.taskRole === false ? undefined : role('demo-exec-task'),
    executionRoleArn: role('demo-task-execution'),
    containers: containers.map((container) => ({
      name: container.name,
      image: container.image ?? `${name}:1`,
      essential: container.essential ?? true,
      command: [],
      environment: container.environment ?? {},
      secretNames: [],
      ports: container.ports ?? [],
      initProcess: true,
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
      securityGroups: [network.group.id],
      publicIp: false,
      tasks,
      tags: tagsOf(world.tags),
      events: (world.events ?? []).map(({ ago = 0, text }) => ({ secondsAgo: ago, text })),
    },
  };
}

function taskOf(
  path: string,
  of: WorldTasks,
  definition: SeedTaskDefinition,
  exec: boolean,
  network: Network,
  index: number,
): SeedTask {
  const id = ids(path).slice(0, 32);
  const { state = 'RUNNING', age = 3600, health = 'UNKNOWN' } = of;
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
    })),
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
    securityGroupIds: [network.group.id],
    iamAuthentication: world.iamUsers !== undefined,
    ...(world.iamUsers === undefined ? {} : { iamUsers: world.iamUsers }),
    sql: world.sql ?? '',
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
