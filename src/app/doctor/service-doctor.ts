import { awsClock } from '../aws-clock.ts';
import type { AwsAccount } from '../../aws/account.ts';
import { findCluster, type Wanted, withNearest } from '../../connect/target/discover.ts';
import { containersOf } from '../../connect/target/side-cars.ts';
import { waitsFor, whyStopped } from '../../connect/target/stop-reason.ts';
import type { Service, Task } from '../../connect/ports.ts';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import { noMatch, usage } from '../../core/errors.ts';
import { containerFinding } from '../../diagnose/ecs/container.ts';
import { noTaskFixes } from '../../diagnose/ecs/no-task.ts';
import {
  clusterFindings,
  definitionFindings,
  type JudgedTask,
  type LogGroupFact,
  platformFindings,
} from '../../diagnose/ecs/exec-definition.ts';
import { type RolesJudged, taskRoleFindings } from '../../diagnose/ecs/task-role.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Change } from '../../diagnose/change.ts';
import { grantFindings } from '../../diagnose/iam/grant-findings.ts';
import { isRight } from '../../diagnose/iam/grants.ts';
import type { NetworkPath } from '../../diagnose/network/hops.ts';
import { judgePaths } from '../../diagnose/network/path.ts';
import { type PathSource } from '../../diagnose/network/path-ends.ts';
import { pathFindings } from '../../diagnose/network/path-findings.ts';
import type { ExecConfiguration, ExecTaskDefinition } from '../../provision/ports/diagnosis.ts';
import type { Needs } from '../collaborators.ts';
import { type Diagnosis, diagnosisOf } from './diagnosis.ts';
import { callerQuestions, principalArn, taskRoleQuestions } from './exec-grants.ts';
import { judgePlugin } from './plugin-finding.ts';
import { Readable } from './readable.ts';
import { requesterOf, roleFacts, simulate } from './role-facts.ts';
import { vpcFacts } from './vpc-facts.ts';

/** Finds every cause that stops ECS Exec into the containers of a service or a task. */

export type DoctorNeeds = Needs<'account' | 'assets' | 'clock'>;

/**
 * `wanted` names a service or a task. Throws what `findCluster` throws, `service-not-found`, `task-not-found`, and the
 * errors of the calls except denials, which become findings.
 */
export async function diagnoseExec(
  wanted: Wanted,
  deps: DoctorNeeds & Needs<'env', 'transport'>,
): Promise<Diagnosis> {
  const account = await deps.account();
  const readable = new Readable();
  const found = await findSubject(account, wanted);
  const { cluster, last, service, task, why } = found;
  const subject = { cluster, service: service?.name, task: task?.id, container: wanted.container };
  const definitionArn = task?.taskDefinitionArn ?? service?.taskDefinitionArn;
  if (definitionArn === undefined) return diagnosisOf(subject, []);
  const diagnosis = await account.diagnosis();
  const [definition, config] = await Promise.all([
    diagnosis.taskDefinition(definitionArn),
    readable.or('the configuration of the cluster', diagnosis.execConfiguration(cluster)),
  ]);
  const noTask: readonly Finding[] =
    task?.lastStatus === 'RUNNING' || service === undefined
      ? []
      : [
          {
            id: 'no-running-task',
            severity: 'blocking',
            evidence: { cluster, service: service.name, desired: service.desiredCount, why },
            fixes: noTaskFixes(cluster, service, last, definition),
          },
        ];
  const containers = definition.containers.filter(
    ({ name }) => wanted.container === undefined || name === wanted.container,
  );
  const redeploy = redeployOf(cluster, service, task);
  // A service without a task is judged by what its next task would be.
  const judged: JudgedTask = {
    task: task ?? plannedTask(cluster, service, definition),
    definition,
    redeploy,
  };
  const [roleFindings, caller, network, logGroup, plugin] = await Promise.all([
    judgeRoles(account, judged, config, deps),
    judgeCaller(account, judged, containers[0]?.name ?? '', config, readable),
    judgeNetwork(account, judged, service, config, readable),
    logGroupFact(account, config, readable),
    judgePlugin(deps),
  ]);
  const names = containers.map(({ name }) => name);
  const findings = [
    ...plugin.findings,
    ...noTask,
    ...caller,
    ...(task === undefined || noTask.length > 0
      ? []
      : containerFindings(task, wanted, service, awsClock(account, deps.clock).now())),
    ...(task === undefined ? [] : platformFindings(judged)),
    ...roleFindings,
    ...definitionFindings(judged, containers),
    ...(config === undefined ? [] : clusterFindings(cluster, config, logGroup, names, service?.name)),
    ...network.findings,
    ...readable.findings(),
  ];
  return {
    ...diagnosisOf(subject, withController(findings, service), network.paths),
    taskRole: task?.taskRoleOverride ?? definition.taskRoleArn,
  };
}

interface Subject {
  readonly cluster: string;
  readonly service: Service | undefined;
  /** A running task if there is one, else one that has not started yet, else one that stopped. */
  readonly task: Task | undefined;
  /** Why no task runs. */
  readonly why: string | undefined;
  /** The task that stopped last, if none runs. */
  readonly last: Task | undefined;
}

/** The service and the task that somebody names. Throws as `diagnoseExec` does. */
export async function findSubject(account: AwsAccount, wanted: Wanted): Promise<Subject> {
  const ecs = await account.ecs();
  const cluster = await findCluster(ecs, wanted);
  if (wanted.task !== undefined) {
    const id = nameOfArn(wanted.task);
    const [task] = await ecs.describeTasks(cluster, [id]);
    if (task === undefined)
      throw noMatch('task-not-found', `no task ${id} in cluster ${cluster}`, {
        details: { task: id, cluster },
      });
    const name = task.serviceName;
    const [service] = name === undefined ? [] : await ecs.describeServices(cluster, [name]);
    return { cluster, service, task, why: undefined, last: undefined };
  }
  if (wanted.service === undefined) throw usage('service-needed', 'doctor needs a service or a task');
  const name = nameOfArn(wanted.service);
  const [[service], running] = await Promise.all([
    ecs.describeServices(cluster, [name]),
    collect(ecs.taskArns(cluster, { service: name, desiredStatus: 'RUNNING' })),
  ]).catch(withNearest(ecs, cluster));
  if (service === undefined)
    return withNearest(
      ecs,
      cluster,
    )(
      noMatch('service-not-found', `no service ${name} in cluster ${cluster}`, {
        details: { cluster, service: name },
      }),
    );
  const tasks = running.length === 0 ? [] : await ecs.describeTasks(cluster, running);
  const task = worstRunning(tasks);
  if (task !== undefined) return { cluster, service, task, why: undefined, last: undefined };
  const pending = tasks[0];
  const stopped = await collect(ecs.taskArns(cluster, { service: name, desiredStatus: 'STOPPED' }));
  const ended = stopped.length === 0 ? [] : await ecs.describeTasks(cluster, stopped);
  const last = ended.toSorted((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0))[0];
  const why =
    last === undefined
      ? pending === undefined
        ? undefined
        : `waits for ${waitsFor(pending) ?? 'its start'}`
      : whyStopped(last);
  return { cluster, service, task: pending, why, last };
}

async function collect(pages: AsyncIterable<readonly string[]>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

/** Tasks of a service can differ while it is deployed; the one that cannot be entered is the one to explain. */
function worstRunning(tasks: readonly Task[]): Task | undefined {
  const running = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const newest = running.toSorted((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
  const cannot = newest.find(
    (task) => !task.execEnabled || task.containers.some(({ execAgent }) => execAgent?.status !== 'RUNNING'),
  );
  return cannot ?? newest[0];
}

/** The deployment that replaces the task; undefined for a task that belongs to no service. */
export function redeployOf(
  cluster: string,
  service: Service | undefined,
  task: Task | undefined,
): JudgedTask['redeploy'] {
  const name = service?.name ?? task?.serviceName;
  return name === undefined ? undefined : { kind: 'redeploy-service', cluster, service: name };
}

function plannedTask(cluster: string, service: Service | undefined, definition: ExecTaskDefinition): Task {
  return {
    arn: '',
    id: service?.name ?? '',
    clusterArn: cluster,
    serviceName: service?.name,
    lastStatus: 'PROVISIONING',
    desiredStatus: 'RUNNING',
    healthStatus: 'UNKNOWN',
    execEnabled: service?.execEnabled ?? false,
    createdAt: undefined,
    startedAt: undefined,
    stoppedReason: undefined,
    stopCode: undefined,
    stoppedAt: undefined,
    taskDefinitionArn: definition.arn,
    launchType: service?.launchType ?? 'UNKNOWN',
    platformVersion: undefined,
    platformFamily: definition.operatingSystem,
    privateIp: undefined,
    subnetId: service?.subnets[0],
    containers: [],
  };
}

/** What stops a session into the named container, or into each container of the application. */
export function containerFindings(
  task: Task,
  wanted: Wanted,
  service: Service | undefined,
  now: number,
): readonly Finding[] {
  const { container: wantedName } = wanted;
  const containers =
    wantedName === undefined
      ? containersOf(task).application
      : task.containers.filter(({ name }) => name === wantedName);
  const found = containers.flatMap((container) => containerFinding(task, container, service, now) ?? []);
  // A task that is off is off for each of its containers.
  return found.filter(
    (finding, index) =>
      (finding.id !== 'exec-not-enabled' && finding.id !== 'task-not-running') ||
      found.findIndex(({ id }) => id === finding.id) === index,
  );
}

/** What a task role is asked for; calls nothing of AWS. `taskRoleArn` is undefined if the task has none. */
export async function roleInquiry(
  account: Pick<AwsAccount, 'region'>,
  { definition, task }: JudgedTask,
  config: ExecConfiguration | undefined,
  deps: Needs<'assets'>,
): Promise<Pick<RolesJudged, 'wanted' | 'requester'> & { readonly taskRoleArn: string | undefined }> {
  const place = parseArn(definition.arn);
  const taskRoleArn = task.taskRoleOverride ?? definition.taskRoleArn;
  const requester = {
    ...requesterOf(taskRoleArn ?? '', account.region),
    accountId: place?.account ?? '',
  };
  const none = {
    kmsKeyId: undefined,
    logging: 'DEFAULT',
    logGroup: undefined,
    logGroupMustBeEncrypted: false,
    bucket: undefined,
  } as const;
  const wanted = await taskRoleQuestions(config ?? none, requester, place?.partition ?? 'aws', deps);
  return { taskRoleArn, wanted, requester };
}

async function judgeRoles(
  account: AwsAccount,
  judged: JudgedTask,
  config: ExecConfiguration | undefined,
  deps: DoctorNeeds,
): Promise<readonly Finding[]> {
  const { taskRoleArn, wanted, requester } = await roleInquiry(account, judged, config, deps);
  const taskRole = taskRoleArn === undefined ? undefined : await roleFacts(account, taskRoleArn, wanted);
  const lacks = taskRole?.points?.every(isRight) !== true;
  const { executionRoleArn } = judged.definition;
  const other = lacks && executionRoleArn !== undefined && executionRoleArn !== taskRoleArn;
  const executionRole = other ? await roleFacts(account, executionRoleArn, wanted) : undefined;
  return taskRoleFindings({ ...judged, taskRole, executionRole, wanted, requester });
}

async function judgeCaller(
  account: AwsAccount,
  { task }: JudgedTask,
  container: string,
  config: ExecConfiguration | undefined,
  readable: Readable,
): Promise<readonly Finding[]> {
  if (task.arn === '') return [];
  const what = 'whether you may call ecs:ExecuteCommand';
  const arn = await readable.or(what, principalArn(account));
  if (arn === undefined) return [];
  const questions = callerQuestions(task.arn, task.clusterArn, container, config?.kmsKeyId);
  const points = await readable.or(what, simulate(account, arn, questions));
  return points === undefined ? [] : grantFindings(arn, points);
}

async function logGroupFact(
  account: AwsAccount,
  config: ExecConfiguration | undefined,
  readable: Readable,
): Promise<LogGroupFact> {
  if (config?.logging !== 'OVERRIDE' || config.logGroup === undefined) return 'missing';
  const diagnosis = await account.diagnosis();
  const { logGroup } = config;
  const found = await readable.or(
    `whether the log group ${logGroup} exists`,
    diagnosis.logGroup(logGroup).then((group) => group ?? ('missing' as const)),
  );
  return found ?? 'unread';
}

/** The paths from the task to the services that its exec agent calls. */
async function judgeNetwork(
  account: AwsAccount,
  { task }: JudgedTask,
  service: Service | undefined,
  config: ExecConfiguration | undefined,
  readable: Readable,
): Promise<JudgedNetwork> {
  const { subnetId } = task;
  if (subnetId === undefined) return NO_NETWORK;
  const [ec2, diagnosis] = await Promise.all([account.ec2(), account.diagnosis()]);
  const what = 'the network path';
  const [subnets, interfaces] = await Promise.all([
    readable.or(what, ec2.subnets({ ids: [subnetId] })),
    task.interfaceId === undefined
      ? []
      : readable.or('the public address of the task', diagnosis.interfaces({ ids: [task.interfaceId] })),
  ]);
  const subnet = subnets?.[0];
  if (subnet === undefined) return NO_NETWORK;
  // ECS Exec does not work there, whatever its routes are (docs/reference/ecs-exec.md §1).
  if (subnet.cidr === undefined) {
    const evidence = { task: task.id, subnet: subnet.id };
    return {
      paths: [],
      findings: [{ id: 'task-without-ipv4', severity: 'blocking', evidence, fixes: [] }],
    };
  }
  const [own] = interfaces ?? [];
  const groupIds = own?.groupIds ?? service?.securityGroups ?? [];
  const facts = await vpcFacts(account, subnet.vpcId, groupIds, readable);
  if (facts === undefined) return NO_NETWORK;
  const source: PathSource = {
    name: task.arn === '' ? `service ${task.id}` : `task ${task.id.slice(0, 8)}`,
    subnet,
    ...(task.privateIp === undefined ? {} : { address: { ipv4: task.privateIp, ipv6: own?.ipv6 } }),
    publicIp: own === undefined ? service?.publicIp : own.publicIp !== undefined,
    groupIds,
  };
  const services = [
    'ssmmessages',
    ...(config?.kmsKeyId === undefined ? [] : ['kms']),
    ...(config?.logging === 'OVERRIDE' && config.logGroup !== undefined ? ['logs'] : []),
  ];
  const paths = services.flatMap((name) =>
    judgePaths(
      source,
      { kind: 'aws-service', name: `${name}.${account.region}.amazonaws.com`, service: name },
      { source: facts, target: undefined, peerings: [] },
    ),
  );
  return { paths, findings: pathFindings(paths) };
}

interface JudgedNetwork {
  readonly paths: readonly NetworkPath[];
  readonly findings: readonly Finding[];
}
const NO_NETWORK: JudgedNetwork = { paths: [], findings: [] };

/** Other deployment controllers replace tasks by themselves, so that a redeployment gets instructions only. */
export function withController(
  findings: readonly Finding[],
  service: Service | undefined,
): readonly Finding[] {
  const controller = service?.deploymentController;
  if (controller === undefined || controller === 'ECS') return findings;
  const withTheController = (change: Change): Change =>
    change.kind === 'redeploy-service' ? { ...change, controller } : change;
  return findings.map((finding): Finding => ({
    ...finding,
    fixes: finding.fixes.map((fix) => fix.map(withTheController)),
  }));
}
