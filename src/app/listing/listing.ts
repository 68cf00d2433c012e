import {
  collect,
  describeAllServices,
  findCluster,
  findTasks,
  describeVisibleClusters,
  withNearest,
} from '../../connect/target/discover.ts';
import type { Container, Database, EcsPort, Task } from '../../connect/ports.ts';
import { ageText, readiness } from '../../connect/target/preflight.ts';
import { nameOf } from '../../connect/target/select.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { noMatch } from '../../core/errors.ts';
import type { Cell, Column } from '../../ui/table.ts';
import type { LsOptions } from '../../cli/commands/ls.ts';
import type { CommandContext } from '../../cli/context.ts';
import { wantedOf } from '../session/session-setup.ts';

/** A JSON object as `ls --json` prints it; absent values are null, so that the field list never varies. */
export type ListRecord = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface ListColumn extends Column {
  cell(record: ListRecord): Cell;
}

export interface Listing {
  readonly columns: readonly ListColumn[];
  readonly records: readonly ListRecord[];
}

export async function listing(kind: LsOptions['kind'], context: CommandContext): Promise<Listing> {
  const now = context.clock.now();
  const account = await context.account();
  switch (kind) {
    case 'clusters':
      return {
        columns: [
          text('name'),
          text('status'),
          number('activeServices', 'services'),
          number('runningTasks', 'tasks'),
        ],
        records: await clusters(await account.ecs()),
      };
    case 'services':
      return {
        columns: [
          text('name'),
          text('cluster'),
          text('status'),
          number('running'),
          number('desired'),
          { ...number('pending'), spare: 1 },
          yesNo('execEnabled', 'exec'),
          { ...text('launchType', 'launch type'), spare: 2 },
        ],
        records: await services(await account.ecs(), context),
      };
    case 'tasks':
      return {
        columns: [
          text('id'),
          text('service'),
          text('status'),
          { ...text('health'), spare: 1 },
          yesNo('execReady', 'exec ready'),
          { ...age('startedAt', 'age', now), spare: 2 },
          { ...text('privateIp', 'address'), spare: 3 },
          { ...text('taskDefinition', 'task definition'), spare: 4 },
        ],
        records: await tasks(await account.ecs(), context),
      };
    case 'containers':
      return {
        columns: [
          text('name'),
          { title: 'task', cell: (record) => String(record['task']).slice(0, 8) },
          text('service'),
          text('status'),
          text('health'),
          text('execAgent', 'exec agent'),
          { ...text('image'), shrink: true },
        ],
        records: await containers(await account.ecs(), context),
      };
    case 'databases':
      return {
        columns: [
          { ...text('id'), shrink: true },
          { ...text('engine'), spare: 4 },
          { ...text('status'), spare: 2 },
          // What it is looked up for: never shortened.
          text('host'),
          number('port'),
          { ...text('databaseName', 'database'), spare: 1 },
          { ...yesNo('iamAuthentication', 'iam'), spare: 3 },
        ],
        records: (await (await account.databases()).databases()).map(databaseRecord),
      };
  }
}

async function clusters(ecs: EcsPort): Promise<readonly ListRecord[]> {
  const names = await collect(ecs.clusterNames());
  const found = await describeVisibleClusters(ecs, names);
  return [...found]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map(({ name, arn, status, activeServices, runningTasks }) => ({
      name,
      arn,
      status,
      activeServices,
      runningTasks,
    }));
}

/** Of one cluster when it is named, else of all. */
async function clusterNames(ecs: EcsPort, context: CommandContext): Promise<readonly string[]> {
  const { cluster } = context.settings;
  return cluster === undefined ? [...(await collect(ecs.clusterNames()))].sort() : [nameOf(cluster)];
}

async function services(ecs: EcsPort, context: CommandContext): Promise<readonly ListRecord[]> {
  const perCluster: ListRecord[][] = [];
  for (const cluster of await clusterNames(ecs, context)) {
    const names = await collect(ecs.serviceNames(cluster)).catch(withNearest(ecs, cluster));
    const found = await describeAllServices(ecs, cluster, names);
    perCluster.push(
      [...found]
        .sort((a, b) => a.name.localeCompare(b.name))
        .map((service) => ({
          name: service.name,
          arn: service.arn,
          cluster,
          status: service.status,
          desired: service.desiredCount,
          running: service.runningCount,
          pending: service.pendingCount,
          launchType: service.launchType,
          execEnabled: service.execEnabled,
          taskDefinition: nameOf(service.taskDefinitionArn),
          createdAt: timestamp(service.createdAt),
        })),
    );
  }
  return perCluster.flat();
}

/** Running tasks: of the named service or task, else of the cluster, else of all clusters. */
async function foundTasks(ecs: EcsPort, context: CommandContext): Promise<readonly Task[]> {
  const wanted = wantedOf(context, undefined);
  if (wanted.service !== undefined || wanted.task !== undefined) {
    return findTasks(ecs, await findCluster(ecs, wanted), wanted);
  }
  const perCluster = await mapConcurrently(await clusterNames(ecs, context), async (cluster) => {
    const arns = await collect(ecs.taskArns(cluster, { desiredStatus: 'RUNNING' })).catch(
      withNearest(ecs, cluster),
    );
    return arns.length === 0 ? [] : ecs.describeTasks(cluster, arns);
  });
  return perCluster
    .flat()
    .sort((a, b) => (a.serviceName ?? '').localeCompare(b.serviceName ?? '') || a.id.localeCompare(b.id));
}

async function tasks(ecs: EcsPort, context: CommandContext): Promise<readonly ListRecord[]> {
  const now = context.clock.now();
  return (await foundTasks(ecs, context)).map((task) => ({
    id: task.id,
    arn: task.arn,
    cluster: nameOf(task.clusterArn),
    service: task.serviceName ?? null,
    status: task.lastStatus,
    health: task.healthStatus,
    execEnabled: task.execEnabled,
    execReady: task.containers.some((container) => readiness(task, container, undefined, now).ready),
    taskDefinition: nameOf(task.taskDefinitionArn),
    privateIp: task.privateIp ?? null,
    startedAt: timestamp(task.startedAt),
    containers: task.containers.map((container) => container.name),
  }));
}

async function containers(ecs: EcsPort, context: CommandContext): Promise<readonly ListRecord[]> {
  const found = await foundTasks(ecs, context);
  const { container: wanted } = context.settings;
  const all = found.flatMap((task) => task.containers.map((container) => ({ task, container })));
  const shown = wanted === undefined ? all : all.filter(({ container }) => container.name === wanted);
  if (wanted !== undefined && shown.length === 0) {
    throw noMatch('container-not-found', `no task has a container ${wanted}`, {
      details: { container: wanted },
    });
  }
  return shown.map(({ task, container }) => containerRecord(task, container, context.clock.now()));
}

function containerRecord(task: Task, container: Container, now: number): ListRecord {
  const state = readiness(task, container, undefined, now);
  return {
    name: container.name,
    task: task.id,
    cluster: nameOf(task.clusterArn),
    service: task.serviceName ?? null,
    image: container.image,
    status: container.lastStatus,
    health: container.healthStatus,
    runtimeId: container.runtimeId ?? null,
    execAgent: container.execAgent?.status ?? null,
    execReady: state.ready,
    target: state.ready ? state.target : null,
  };
}

function databaseRecord(database: Database): ListRecord {
  const [first] = database.endpoints;
  return {
    id: database.id,
    kind: database.kind,
    engine: database.engine,
    status: database.status,
    host: first?.host ?? null,
    port: first?.port ?? null,
    databaseName: database.databaseName ?? null,
    masterUsername: database.masterUsername ?? null,
    vpcId: database.vpcId ?? null,
    iamAuthentication: database.iamAuthentication,
    publiclyAccessible: database.publiclyAccessible,
    endpoints: database.endpoints.map(({ role, host, port }) => `${role} ${host}:${port}`),
  };
}

const timestamp = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

const plain = (value: ListRecord[string] | undefined): Cell =>
  value === null || value === undefined ? undefined : typeof value === 'number' ? value : String(value);

const text = (field: string, title = field): ListColumn => ({
  title,
  cell: (record) => plain(record[field]),
});

const number = (field: string, title = field): ListColumn => ({ ...text(field, title), align: 'right' });

const yesNo = (field: string, title: string): ListColumn => ({
  title,
  cell: (record) => (record[field] === true ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'dim' }),
});

const age = (field: string, title: string, now: number): ListColumn => ({
  title,
  align: 'right',
  cell: (record) => {
    const value = record[field];
    return typeof value === 'string' ? ageText(now - Date.parse(value)) : undefined;
  },
});
