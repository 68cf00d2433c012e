import { inOrderOfUse, isUsedBy, type OfferedDatabase } from '../../connect/database/database-choice.ts';
import type { Database, EcsPort } from '../../connect/ports.ts';
import { findCluster, findTasks, type Wanted } from '../../connect/target/discover.ts';
import { databaseEntries } from '../../connect/target/picker.ts';
import type { ConnectionSource } from '../../diagnose/network/admission.ts';
import { databaseReach, sentenceOf } from '../../diagnose/network/database-reach.ts';
import { nameOfArn } from '../../core/arn.ts';
import { interrupted, usage } from '../../core/errors.ts';
import type { SecurityGroup } from '../../provision/ports/network.ts';
import { BACK } from '../../ui/prompter.ts';
import type { Needs } from '../collaborators.ts';
import type { DatabaseRequest } from './database-request.ts';
import { discoverDatabases } from './discovery.ts';
import { bastionSources, readable } from './route-facts.ts';

type ChoiceNeeds = Needs<'account' | 'prompter' | 'report', 'input'>;

/**
 * Asks for a database: first those that the task definition of the named service mentions, then those that the service
 * or a bastion reaches; those that cannot be reached are shown with the rule that is missing, and cannot be chosen.
 * Throws `database-needed` where no question may be asked, with the ids in this order; `interrupted`.
 */
export async function chooseDatabase(
  request: Pick<DatabaseRequest, 'wanted' | 'name'>,
  deps: ChoiceNeeds,
): Promise<string> {
  const { offered, unread } = await offeredDatabases(request, deps);
  if (unread !== undefined)
    deps.report({
      type: 'note',
      level: 'warning',
      code: 'task-definition-unread',
      message: `the databases that the task definition names are not known: ecs:DescribeTaskDefinition is not allowed for ${nameOfArn(unread)} (policy db grants it)`,
    });
  const candidates = offered.filter(({ reach }) => reach !== 'refused').map(({ database }) => database.id);
  if (!deps.settings.input) throw usage('database-needed', 'which database?', { details: { candidates } });
  const chosen = await deps.prompter.select<string>({
    message: 'database',
    flag: undefined,
    choices: databaseEntries(offered).map((entry) => ({ ...entry, value: entry.value.id })),
  });
  if (chosen === BACK) throw interrupted();
  return chosen;
}

export interface Offer {
  /** Every database, in the order in which it is offered. */
  readonly offered: readonly OfferedDatabase[];
  /** ARN of the task definition of the service, if IAM does not allow to read it. */
  readonly unread: string | undefined;
}

export async function offeredDatabases(
  { wanted, name }: Pick<DatabaseRequest, 'wanted' | 'name'>,
  deps: Needs<'account'>,
): Promise<Offer> {
  const account = await deps.account();
  const [ecs, ec2] = await Promise.all([account.ecs(), account.ec2()]);
  const isNamed = (wanted.service ?? wanted.task) !== undefined;
  const [{ databases }, used, bastions] = await Promise.all([
    discoverDatabases(account),
    isNamed ? useOf(ecs, wanted) : undefined,
    isNamed ? [] : bastionSources(ec2, name),
  ]);
  const sources: readonly ConnectionSource[] = used === undefined ? bastions : [used.source];
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
  sources: readonly ConnectionSource[],
  groups: readonly SecurityGroup[] | undefined,
): OfferedDatabase {
  const port = database.endpoints[0]?.port ?? 0;
  const reaches = sources.map((source) => databaseReach({ ...database, port }, source, groups));
  const best =
    reaches.find(({ state }) => state === 'admitted') ??
    reaches.find(({ state }) => state === 'unknown') ??
    reaches[0];
  return {
    database,
    isUsed: isUsedBy(database, texts),
    reach: best?.state ?? 'unknown',
    missing: best?.state === 'refused' ? sentenceOf(best.missing) : undefined,
  };
}

interface ServiceUse {
  readonly source: ConnectionSource;
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
