import { nameOfArn } from '../../core/arn.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { textFact } from '../../core/facts/fact.ts';
import { ToolError } from '../../core/errors.ts';
import { bastionFindings } from '../../diagnose/bastion/running.ts';
import { definitionFindings, type JudgedTask, platformFindings } from '../../diagnose/ecs/exec-definition.ts';
import { taskRoleFindings } from '../../diagnose/ecs/task-role.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { AwsAccount } from '../../aws/account.ts';
import { bastionOf } from '../../provision/bastion/inventory.ts';
import { TAG } from '../../provision/bastion/names.ts';
import { awsClock } from '../aws-clock.ts';
import type { Needs } from '../collaborators.ts';
import { type DescribedFinding, diagnosisOf } from './diagnosis.ts';
import { Readable } from './readable.ts';
import { containerFindings, redeployOf, roleInquiry, withController } from './service-doctor.ts';

/**
 * Finds why a session could not start, for its target only, after the connection has failed. It makes only calls that
 * the policy document of the failed command grants; a call that is denied or fails leaves its findings out.
 */

/** The command that failed; its policy document decides which calls are made. */
export type FailedCommand = 'exec' | 'forward' | 'shell';

type FailedConnectNeeds = Needs<'account' | 'assets' | 'clock' | 'signal'>;

/** The person waits for the error meanwhile. */
const DEADLINE_MS = 2_000;

/** Errors that say that a session could not start because of the state of its target. */
const FAILED_CONNECTS: ReadonlySet<string> = new Set([
  'container-not-running',
  'exec-agent-not-running',
  'exec-not-enabled',
  'target-not-connected',
]);

export interface AfterFailure {
  readonly findings: readonly DescribedFinding[];
  /** Name of the role that the task has; undefined = not known, or the target is no task. */
  readonly taskRole?: string | undefined;
}

/**
 * The findings that stop sessions to the target of the error `thrown`, in the order in which to act. Empty for errors
 * of other kinds, after two seconds, and as soon as the person presses Ctrl-C; never rejects.
 */
export async function findingsAfter(
  thrown: unknown,
  command: FailedCommand,
  deps: FailedConnectNeeds,
): Promise<AfterFailure> {
  const { clock, signal } = deps;
  const nothing = { findings: [] };
  if (!(thrown instanceof ToolError) || !FAILED_CONNECTS.has(thrown.code) || signal.aborted) return nothing;
  const target = targetOf(thrown);
  if (target === undefined) return nothing;
  const found =
    'instanceId' in target
      ? findingsOfBastion(target.instanceId, deps).then((findings) => ({ findings }))
      : findingsOfTask(target, command, deps);
  const answered = new AbortController();
  try {
    return await Promise.race([described(found), overdue(clock, AbortSignal.any([signal, answered.signal]))]);
  } finally {
    answered.abort();
  }
}

/** The findings as sentences; none if a call fails. */
async function described(found: Promise<FoundAtTarget>): Promise<AfterFailure> {
  try {
    const { findings, taskRole } = await found;
    return { findings: diagnosisOf({}, findings).findings, taskRole };
  } catch {
    return { findings: [] };
  }
}

/** Resolves with no findings after the deadline, or when the signal aborts. */
async function overdue(clock: Clock, signal: AbortSignal): Promise<AfterFailure> {
  try {
    await sleep(clock, DEADLINE_MS, signal);
  } catch {
    // The same answer: nobody waits for the findings any more.
  }
  return { findings: [] };
}

interface FoundAtTarget {
  readonly findings: readonly Finding[];
  readonly taskRole?: string | undefined;
}

interface FailedTask {
  readonly cluster: string;
  readonly task: string;
  readonly container: string | undefined;
}

/** Undefined if the error does not name its target. */
function targetOf({ details }: ToolError): FailedTask | { readonly instanceId: string } | undefined {
  const target = textFact(details, 'target');
  if (/^i-[0-9a-f]+$/.test(target)) return { instanceId: target };
  // The target of a session into a task, which `containerTarget` writes.
  const ofSession = /^ecs:(?<cluster>.+)_(?<task>[^_]+)_[^_]+$/.exec(target)?.groups;
  const cluster = textFact(details, 'cluster') || ofSession?.['cluster'];
  const task = textFact(details, 'task') || ofSession?.['task'];
  if (cluster === undefined || task === undefined) return undefined;
  return { cluster, task, container: textFact(details, 'container') || undefined };
}

async function findingsOfTask(
  { cluster, task: id, container }: FailedTask,
  command: FailedCommand,
  deps: FailedConnectNeeds,
): Promise<FoundAtTarget> {
  const account = await deps.account();
  const ecs = await account.ecs();
  const wanted = { cluster, service: undefined, task: id, container };
  const [task] = await ecs.describeTasks(cluster, [id]);
  if (task === undefined) return { findings: [] };
  const { serviceName } = task;
  const services =
    serviceName === undefined
      ? []
      : await new Readable().or('the service', ecs.describeServices(cluster, [serviceName]));
  const service = services?.[0];
  const state = containerFindings(task, wanted, service, awsClock(account, deps.clock).now());
  // The documents for forwards do not grant ecs:DescribeTaskDefinition.
  const { findings, taskRole }: FoundAtTarget =
    command === 'exec'
      ? await definitionCauses(account, { cluster, task, service, container }, deps)
      : { findings: [] };
  const all = withController([...state, ...findings], service);
  return { findings: all.filter(({ severity }) => severity === 'blocking'), taskRole };
}

/** What the task definition and the platform show; nothing is asked of IAM. */
async function definitionCauses(
  account: AwsAccount,
  {
    cluster,
    task,
    service,
    container,
  }: Pick<JudgedTask, 'task'> & {
    readonly cluster: string;
    readonly service: Parameters<typeof withController>[1];
    readonly container: string | undefined;
  },
  deps: FailedConnectNeeds,
): Promise<FoundAtTarget> {
  const diagnosis = await account.diagnosis();
  const readable = new Readable();
  const [definition, config] = await Promise.all([
    readable.or('the task definition', diagnosis.taskDefinition(task.taskDefinitionArn)),
    readable.or('the configuration of the cluster', diagnosis.execConfiguration(cluster)),
  ]);
  if (definition === undefined) return { findings: [] };
  const judged: JudgedTask = { task, definition, redeploy: redeployOf(cluster, service, task) };
  const { taskRoleArn, ...inquiry } = await roleInquiry(account, judged, config, deps);
  const containers = definition.containers.filter(
    ({ name }) => container === undefined || name === container,
  );
  const findings = [
    ...platformFindings(judged),
    ...(taskRoleArn === undefined
      ? taskRoleFindings({ ...judged, ...inquiry, taskRole: undefined, executionRole: undefined })
      : []),
    ...definitionFindings(judged, containers),
  ];
  return { findings, taskRole: taskRoleArn === undefined ? undefined : nameOfArn(taskRoleArn) };
}

async function findingsOfBastion(instanceId: string, deps: FailedConnectNeeds): Promise<readonly Finding[]> {
  const account = await deps.account();
  const [ec2, nodesPort] = await Promise.all([account.ec2(), account.nodes()]);
  const [[instance], nodes] = await Promise.all([
    ec2.instances({ ids: [instanceId] }),
    nodesPort.nodes([instanceId]),
  ]);
  if (instance?.tags[TAG.bastion] === undefined) return [];
  const bastion = bastionOf(instance);
  return bastionFindings(
    {
      ...bastion,
      installs: bastion.cluster !== undefined,
      agent: nodes.find((node) => node.instanceId === instanceId) ?? null,
      isInterrupted: undefined,
      replacement: undefined,
      // Its grant is not in the documents for sessions.
      consoleOutput: undefined,
    },
    awsClock(account, deps.clock).now(),
  );
}
