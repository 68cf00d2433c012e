import { usage } from '../../core/errors.ts';
import type {
  Seed,
  SeedDatabase,
  SeedInstance,
  SeedRole,
  SeedService,
  SeedTask,
  SeedTaskDefinition,
} from '../seed-shapes.ts';
import type {
  WorldCluster,
  WorldDatabase,
  WorldFile,
  WorldInstance,
  WorldPermissions,
  WorldRole,
  WorldService,
  WorldTasks,
} from './world-schema.ts';
import { digitsOf, tagsOf } from './seed-values.ts';
import { existingNetworks, type Network, newNetwork, securityGroupOf } from './world-networks.ts';

/** Turns a world file, or a generated world, into the seed of an account. */

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
  const instances = (world.instances ?? []).map((instance) =>
    instanceOf(file, instance, networkOf(instance.network)),
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
    roles: [
      ...base.roles.filter(({ name }) => !(world.roles ?? []).some((role) => role.name === name)),
      ...(world.roles ?? []).map(roleOf),
    ],
    ...(world.forbiddenActions === undefined ? {} : { forbiddenActions: world.forbiddenActions }),
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
    instances: [...(base.instances ?? []), ...instances],
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

function statementsOf({ allow, deny, resource = '*', condition }: WorldPermissions): readonly object[] {
  const statement = (Effect: 'Allow' | 'Deny', Action: readonly string[] | undefined, more: object = {}) =>
    Action === undefined ? [] : [{ Effect, Action, Resource: resource, ...more }];
  return [
    ...statement('Allow', allow, condition === undefined ? {} : { Condition: condition }),
    ...statement('Deny', deny),
  ];
}

function roleOf({ name, trust, policies = {}, boundary, ...own }: WorldRole): SeedRole {
  const Version = '2012-10-17';
  const inlinePolicies = Object.entries({ [name]: [own], ...policies })
    .map(([policy, permissions]) => [policy, permissions.flatMap(statementsOf)] as const)
    .filter(([, statements]) => statements.length > 0)
    .map(([policy, statements]) => [policy, { Version, Statement: statements }] as const);
  const trusted = { Service: trust ?? 'ecs-tasks.amazonaws.com' };
  return {
    name,
    path: '/',
    trust: { Version, Statement: [{ Effect: 'Allow', Principal: trusted, Action: 'sts:AssumeRole' }] },
    inlinePolicies: Object.fromEntries(inlinePolicies),
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
  searchDomains: [],
  secrets: [],
});

function serviceOf(
  world: WorldService,
  network: Network,
  accountId: string,
): { readonly service: SeedService; readonly definition: SeedTaskDefinition } {
  const { name, cluster, exec = true, containers = [{ name: 'app' }], injectedContainers = [] } = world;
  const role = (roleName: string): string => `arn:aws:iam::${accountId}:role/${roleName}`;
  const definition: SeedTaskDefinition = {
    family: world.family ?? `${cluster}-${name}`,
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
      ...(container.logPrefix === undefined ? {} : { logPrefix: container.logPrefix }),
    })),
  };
  const names = [...definition.containers.map((container) => container.name), ...injectedContainers];
  const groups = world.tasks ?? [{}];
  const tasks = groups.flatMap((group, row) =>
    Array.from({ length: group.count ?? 1 }, (_, index) =>
      taskOf(`${cluster}/${name}/${row}/${index}`, group, names, exec, network, index),
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

function taskOf(
  path: string,
  of: WorldTasks,
  containers: readonly string[],
  serviceExec: boolean,
  network: Network,
  index: number,
): SeedTask {
  const id = digitsOf(path).slice(0, 32);
  const { state = 'RUNNING', age = 3600, health = 'UNKNOWN', exec = serviceExec } = of;
  const subnet = network.subnets[index % network.subnets.length];
  const hasRun = state !== 'PENDING' && of.stopCode !== 'TaskFailedToStart';
  return {
    id,
    containers: containers.map((name, position) => ({
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

function instanceOf(file: string, world: WorldInstance, network: Network): SeedInstance {
  const { name, role, publicIp = false, keyName, spot, type = 't3.micro' } = world;
  const subnets = [...network.subnets, ...network.publicSubnets];
  const nameOf = ({ tags }: (typeof subnets)[number]): string =>
    tags.find(({ key }) => key === 'Name')?.value ?? '';
  const subnet =
    world.subnet === undefined ? subnets[0] : subnets.find((each) => nameOf(each) === world.subnet);
  if (subnet === undefined) throw unknown(file, 'subnet', world.subnet ?? '', subnets.map(nameOf));
  const digits = digitsOf(`instance/${name}`);
  return {
    id: `i-0${digits.slice(0, 16)}`,
    subnetId: subnet.id,
    privateIp: network.next(subnet),
    ...(publicIp ? { publicIp: '198.51.100.250' } : {}),
    securityGroupIds: [securityGroupOf(world.securityGroup, network).id],
    instanceType: type,
    ...(keyName === undefined ? {} : { keyName }),
    ...(role === undefined ? {} : { roleName: role }),
    ...(spot === undefined ? {} : { spotRequest: { id: `sir-${digits.slice(0, 8)}`, type: spot } }),
    tags: tagsOf({ Name: name, ...world.tags }),
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
    ...(world.forceTls === undefined ? {} : { forceTls: world.forceTls }),
    ...(world.certificateDays === undefined ? {} : { certificateDays: world.certificateDays }),
  };
}
