import type { AwsAccount } from '../../aws/account.ts';
import { inOrderOfUse, isUsedBy, type OfferedDatabase } from '../../connect/database/database-choice.ts';
import type { Database, EcsPort } from '../../connect/ports.ts';
import { findCluster, findTasks, type Wanted } from '../../connect/target/discover.ts';
import { databaseReach, sentenceOf } from '../../diagnose/network/database-reach.ts';
import { nameOfArn } from '../../core/arn.ts';
import type { SecurityGroup } from '../../provision/ports/network.ts';
import type { Needs } from '../collaborators.ts';
import type { DatabaseRequest } from './database-request.ts';
import { discoverDatabases } from './discovery.ts';
import { type NamedSource, namedBastionSources, readable } from './route-facts.ts';

/** Which databases a service or a bastion reaches, and which of them the task definition of the service names. */

export interface Offer {
  /** Every database, in the order in which it is offered. */
  readonly offered: readonly OfferedDatabase[];
  /** ARN of the task definition of the service, if IAM does not allow to read it. */
  readonly unread: string | undefined;
}

export async function offeredDatabases(
  request: Pick<DatabaseRequest, 'wanted' | 'name'>,
  deps: Needs<'account'>,
): Promise<Offer> {
  const account = await deps.account();
  return reachedDatabases(
    discoverDatabases(account).then(({ databases }) => databases),
    request,
    account,
  );
}

/**
 * The same for databases that are being listed: what the named service or task reaches, else what the running bastions
 * reach. Throws what finding the service throws.
 */
export async function reachedDatabases(
  listed: Promise<readonly Database[]>,
  { wanted, name }: Pick<DatabaseRequest, 'wanted' | 'name'>,
  account: Pick<AwsAccount, 'ecs' | 'ec2'>,
): Promise<Offer> {
  const [ecs, ec2] = await Promise.all([account.ecs(), account.ec2()]);
  const isNamed = (wanted.service ?? wanted.task) !== undefined;
  const [databases, used, bastions] = await Promise.all([
    listed,
    isNamed ? useOf(ecs, wanted) : undefined,
    isNamed ? [] : namedBastionSources(ec2, name),
  ]);
  const sources: readonly NamedSource[] = used === undefined ? bastions : [used.source];
  const ids = [
    ...databases.flatMap((each) => each.securityGroups),
    ...sources.flatMap((each) => each.groupIds),
  ];
  const groups =
    ids.length === 0 || sources.length === 0
      ? undefined
      : await readable(ec2.securityGroups({ ids: [...new Set(ids)] }));
  return {
    offered: inOrderOfUse(databases.map((each) => offer(each, used?.texts ?? [], sources, groups))),
    unread: used?.unread,
  };
}

function offer(
  database: Database,
  texts: readonly string[],
  sources: readonly NamedSource[],
  groups: readonly SecurityGroup[] | undefined,
): OfferedDatabase {
  const port = database.endpoints[0]?.port ?? 0;
  const reaches = sources.map((source) => ({
    from: source.name,
    reach: databaseReach({ ...database, port }, source, groups),
  }));
  const best =
    reaches.find(({ reach }) => reach.state === 'admitted') ??
    reaches.find(({ reach }) => reach.state === 'unknown') ??
    reaches[0];
  return {
    database,
    isUsed: isUsedBy(database, texts),
    reach: best?.reach.state ?? 'unknown',
    from: best?.from,
    missing: best?.reach.state === 'refused' ? sentenceOf(best.reach.missing) : undefined,
  };
}

interface ServiceUse {
  readonly source: NamedSource;
  /** Values of environment variables, and ARNs of secrets. */
  readonly texts: readonly string[];
  readonly unread: Offer['unread'];
}

/** Undefined for a task that belongs to no service: its security groups are not known. */
async function useOf(ecs: EcsPort, wanted: Wanted): Promise<ServiceUse | undefined> {
  const cluster = await findCluster(ecs, wanted);
  const service = wanted.service ?? (await findTasks(ecs, cluster, wanted))[0]?.serviceName;
  return service === undefined ? undefined : serviceUse(ecs, cluster, service);
}

/** Without the right to read the task definition, the service counts as naming no database. */
async function serviceUse(ecs: EcsPort, cluster: string, service: string): Promise<ServiceUse | undefined> {
  const [described] = await ecs.describeServices(cluster, [nameOfArn(service)]);
  if (described === undefined) return undefined;
  const [definition, address] = await Promise.all([
    readable(ecs.taskDefinition(described.taskDefinitionArn)),
    readable(firstAddress(ecs, cluster, described.name)),
  ]);
  return {
    source: {
      name: described.name,
      groupIds: described.securityGroups,
      ranges: [address === undefined ? '0.0.0.0/0' : `${address}/32`],
    },
    texts: (definition?.containers ?? []).flatMap((container) => container.settings ?? []),
    unread: definition === undefined ? described.taskDefinitionArn : undefined,
  };
}

/** The address of one running task; all tasks of a service have the same security groups. */
async function firstAddress(ecs: EcsPort, cluster: string, service: string): Promise<string | undefined> {
  for await (const page of ecs.taskArns(cluster, { service, desiredStatus: 'RUNNING' })) {
    const [arn] = page;
    if (arn === undefined) return undefined;
    const [task] = await ecs.describeTasks(cluster, [arn]);
    return task?.privateIp;
  }
  return undefined;
}
