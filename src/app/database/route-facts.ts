import { awsClock } from '../aws-clock.ts';
import type { BastionFacts, Reach, RouteFacts, TaskFacts } from '../../connect/database/route-choice.ts';
import type { Database, DatabaseEndpoint, EcsPort, Service, Task } from '../../connect/ports.ts';
import {
  collect,
  describeAllServices,
  findCluster,
  findTasks,
  type Wanted,
} from '../../connect/target/discover.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import { type DatabaseReach, databaseReach, sentenceOf } from '../../diagnose/network/database-reach.ts';
import type { ConnectionSource } from '../../diagnose/network/admission.ts';
import { nameOfArn } from '../../core/arn.ts';
import { ToolError } from '../../core/errors.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { findBastions } from '../../provision/bastion/inventory.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { SecurityGroup } from '../../provision/ports/network.ts';
import type { Needs } from '../collaborators.ts';

/** Reads what `--via auto` decides on: the bastions, the service, and the security groups between them and a database. */

export interface GatheredRoute {
  readonly facts: RouteFacts;
  /** The service or task that would carry the connections. */
  readonly wanted: Wanted;
  /** The bastion that would. */
  readonly bastionName: string | undefined;
  /** The rules that are missing, one sentence each. */
  readonly missing: readonly string[];
}

interface Candidate {
  readonly service: Service;
  readonly tasks: readonly Task[];
}

/**
 * What the caller may not read is `unknown`, or counts as absent. If no service is named and no bastion reaches the
 * database, the services of the cluster are tried. Throws what finding a named service or task throws.
 */
export async function gatherRoute(
  database: Pick<Database, 'securityGroups'>,
  endpoint: Pick<DatabaseEndpoint, 'port'>,
  request: { readonly wanted: Wanted; readonly name: string | undefined },
  deps: Needs<'account' | 'clock'>,
): Promise<GatheredRoute> {
  const account = await deps.account();
  const [ecs, ec2] = await Promise.all([account.ecs(), account.ec2()]);
  const { wanted, name } = request;
  const isNamed = (wanted.service ?? wanted.task) !== undefined;
  const [bastions, named] = await Promise.all([
    readable(findBastions(ec2, name === undefined ? {} : { name })),
    isNamed ? namedCandidate(ecs, wanted) : undefined,
  ]);
  const running = (bastions ?? []).filter(({ state }) => state === 'running');
  const known = new Map<string, SecurityGroup>();
  const groupsOf = async (ids: readonly string[]): Promise<readonly SecurityGroup[] | undefined> => {
    const unknown = [...new Set([...database.securityGroups, ...ids])].filter((id) => !known.has(id));
    if (unknown.length > 0) {
      const read = await readable(ec2.securityGroups({ ids: unknown }));
      if (read === undefined) return undefined;
      for (const group of read) known.set(group.id, group);
    }
    return [...known.values()];
  };
  const reachOf = async (source: ConnectionSource | undefined): Promise<DatabaseReach> =>
    databaseReach({ ...database, port: endpoint.port }, source, await groupsOf(source?.groupIds ?? []));

  await groupsOf([
    ...running.flatMap(({ groupIds = [] }) => groupIds),
    ...(named?.service.securityGroups ?? []),
  ]);
  const bastion = await bestBastion(running, reachOf);
  const cluster = named === undefined ? undefined : nameOfArn(named.service.clusterArn);
  const ofNamed = named === undefined ? undefined : await reachOf(sourceOf(named));
  const isBastionUsable = bastion !== undefined && bastion.reach.state !== 'refused';
  const found =
    isNamed || isBastionUsable || name !== undefined ? undefined : await searchServices(ecs, wanted, reachOf);
  const candidate = named ?? found?.candidate;
  const reach = ofNamed ?? found?.reach;
  const task =
    candidate === undefined
      ? undefined
      : taskFacts(candidate, isNamed, reach, awsClock(account, deps.clock).now());
  return {
    facts: {
      task,
      bastion:
        bastion === undefined
          ? undefined
          : ({
              name: bastion.bastion.name,
              isNamed: name !== undefined,
              reach: bastion.reach.state,
            } satisfies BastionFacts),
      loggingDemanded:
        task !== undefined && bastion !== undefined && cluster !== undefined
          ? await recordsExec(ecs, cluster)
          : false,
    },
    wanted:
      found === undefined
        ? wanted
        : {
            ...wanted,
            cluster: nameOfArn(found.candidate.service.clusterArn),
            service: found.candidate.service.name,
          },
    bastionName: name ?? bastion?.bastion.name,
    missing: [reach, bastion?.reach].flatMap((each) =>
      each?.state === 'refused' ? [sentenceOf(each.missing)] : [],
    ),
  };
}

/** Undefined when IAM denies the call. */
export async function readable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ToolError && error.code === 'access-denied') return undefined;
    throw error;
  }
}

/** A task that belongs to no service has no known groups; a service without running tasks has no known address. */
async function namedCandidate(ecs: EcsPort, wanted: Wanted): Promise<Candidate | undefined> {
  const cluster = await findCluster(ecs, wanted);
  const tasks = await findTasks(ecs, cluster, wanted).catch((error: unknown) => {
    if (error instanceof ToolError && error.code === 'no-running-task') return [];
    throw error;
  });
  const service = wanted.service === undefined ? tasks[0]?.serviceName : nameOfArn(wanted.service);
  if (service === undefined) return undefined;
  const [described] = await ecs.describeServices(cluster, [service]);
  return described === undefined ? undefined : { service: described, tasks };
}

const sourceOf = ({ service, tasks }: Candidate): ConnectionSource => {
  const address = tasks[0]?.privateIp;
  // Without an address no rule for a range is known to apply, which `0.0.0.0/0` expresses.
  return {
    groupIds: service.securityGroups,
    ranges: [address === undefined ? '0.0.0.0/0' : `${address}/32`],
  };
};

/** Where connections through a bastion come from; undefined where AWS did not say it. */
const sourceOfBastion = ({ groupIds, privateIp }: Bastion): ConnectionSource | undefined =>
  groupIds === undefined || privateIp === undefined || privateIp.includes(':')
    ? undefined
    : { groupIds, ranges: [`${privateIp}/32`] };

/** Where connections come from, with the name of the service, or `bastion NAME`. */
export interface NamedSource extends ConnectionSource {
  readonly name: string;
}

/** Of the named bastion, or of all that run; empty where IAM does not allow to list them. */
export async function namedBastionSources(
  ec2: Ec2Port,
  name: string | undefined,
): Promise<readonly NamedSource[]> {
  const found = await readable(findBastions(ec2, name === undefined ? {} : { name }));
  return (found ?? []).flatMap((bastion) => {
    const source = sourceOfBastion(bastion);
    return source === undefined ? [] : { ...source, name: `bastion ${bastion.name}` };
  });
}

async function bestBastion(
  running: readonly Bastion[],
  reachOf: (source: ConnectionSource | undefined) => Promise<DatabaseReach>,
): Promise<{ readonly bastion: Bastion; readonly reach: DatabaseReach } | undefined> {
  const judged = [];
  for (const bastion of running) {
    judged.push({ bastion, reach: await reachOf(sourceOfBastion(bastion)) });
  }
  return judged.find(({ reach }) => reach.state === 'admitted') ?? judged[0];
}

/** In a larger cluster the person names the service. */
const MOST_SERVICES = 50;

/** The first service of the cluster, by name, that has ECS Exec and running tasks and reaches the database. */
async function searchServices(
  ecs: EcsPort,
  wanted: Wanted,
  reachOf: (source: ConnectionSource | undefined) => Promise<DatabaseReach>,
): Promise<{ readonly candidate: Candidate; readonly reach: DatabaseReach } | undefined> {
  const cluster = wanted.cluster === undefined ? await onlyCluster(ecs) : nameOfArn(wanted.cluster);
  if (cluster === undefined) return undefined;
  const names = await readable(collect(ecs.serviceNames(cluster)));
  if (names === undefined || names.length === 0 || names.length > MOST_SERVICES) return undefined;
  const services = await describeAllServices(ecs, cluster, names);
  const able = services
    .filter(({ execEnabled, runningCount }) => execEnabled && runningCount > 0)
    .toSorted((a, b) => a.name.localeCompare(b.name));
  for (const service of able) {
    const groupsAlone = { service, tasks: [] };
    const byGroups = await reachOf(sourceOf(groupsAlone));
    if (byGroups.state === 'unknown') return undefined;
    const tasks = await findTasks(ecs, cluster, { ...wanted, cluster, service: service.name }).catch(
      () => [],
    );
    const candidate = { service, tasks };
    const reach = byGroups.state === 'admitted' ? byGroups : await reachOf(sourceOf(candidate));
    if (reach.state === 'admitted' && tasks.length > 0) return { candidate, reach };
  }
  return undefined;
}

async function onlyCluster(ecs: EcsPort): Promise<string | undefined> {
  const names = await readable(collect(ecs.clusterNames()));
  return names?.length === 1 ? names[0] : undefined;
}

function taskFacts(
  { service, tasks }: Candidate,
  isNamed: boolean,
  reach: DatabaseReach | undefined,
  now: number,
): TaskFacts {
  const verdicts = tasks.flatMap((task) =>
    task.containers.map((container) => judgeContainer(task, container, undefined, now)),
  );
  const isStarting = verdicts.some((verdict) => !verdict.ready && verdict.mayStart);
  const state: Reach = reach?.state ?? 'unknown';
  return {
    service: service.name,
    isNamed,
    // A task keeps the setting of the time when it started.
    execEnabled: tasks.length === 0 ? service.execEnabled : tasks.some(({ execEnabled }) => execEnabled),
    agent: verdicts.some(({ ready }) => ready) ? 'running' : isStarting ? 'starting' : 'none',
    reach: state,
  };
}

async function recordsExec(ecs: EcsPort, cluster: string): Promise<boolean> {
  const clusters = await readable(ecs.describeClusters([cluster]));
  return clusters?.[0]?.recordsExec === true;
}
