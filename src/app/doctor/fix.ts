import { awsClock } from '../aws-clock.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import { newExecTask, planExecDeployment } from '../../connect/target/exec-deployment.ts';
import { nameOfArn } from '../../core/arn.ts';
import { sleep } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { Finding } from '../../diagnose/finding.ts';
import {
  type MissingRule,
  type MissingStatement,
  type SafeChange,
  safeChangesOf,
  type WantedDeployment,
} from '../../diagnose/safe-changes.ts';
import { legalTagValue } from '../../provision/bastion/given-tags.ts';
import { TAG } from '../../provision/bastion/names.ts';
import type { GroupRule } from '../../provision/ports/network.ts';
import type { Needs } from '../collaborators.ts';
import type { Diagnosis } from './diagnosis.ts';
import { statementPolicy } from './statement-policy.ts';

/**
 * Makes the changes of a diagnosis that only add something and can be taken back: a statement for the task role, rules
 * of security groups. A deployment is started only on request, after them, because it replaces the tasks.
 */

export type FixNeeds = Needs<'account' | 'clock' | 'report' | 'signal' | 'version'>;

export interface FixPlan {
  readonly changes: readonly SafeChange[];
  /** The findings that `changes` remove without new tasks. */
  readonly removes: readonly Finding['id'][];
  /** Undefined = none is needed, or none may be started from here. */
  readonly deployment: WantedDeployment | undefined;
  /** Why a deployment that is needed is not started. */
  readonly withheld: 'not-asked-for' | 'would-not-help' | undefined;
  /** Findings that stop new tasks, too. */
  readonly stopsNewTasks: readonly Finding[];
  /** Value of the tag on each rule. */
  readonly mark: string;
}

/** Only changes that take nothing away from others; without `redeploy` no deployment is part of the plan. */
export function planFix(diagnosis: Diagnosis, { redeploy }: { readonly redeploy: boolean }): FixPlan {
  const { changes, removes, deployment, stopsNewTasks } = safeChangesOf(
    diagnosis.findings.map(({ finding }) => finding),
    diagnosis.taskRole,
  );
  const withheld =
    deployment === undefined
      ? undefined
      : stopsNewTasks.length > 0
        ? 'would-not-help'
        : redeploy
          ? undefined
          : 'not-asked-for';
  return {
    changes,
    removes,
    deployment: withheld === undefined ? deployment : undefined,
    withheld,
    stopsNewTasks,
    mark: markOf(diagnosis.subject),
  };
}

/** The value of the tag on rules that are added for this subject, by which they are found again. */
export const markOf = ({
  bastion,
  cluster,
  database,
  from,
  service,
  task,
  to,
}: Diagnosis['subject']): string =>
  legalTagValue(
    service !== undefined
      ? `service ${cluster ?? ''}/${service}`
      : task !== undefined
        ? `task ${cluster ?? ''}/${task}`
        : database !== undefined
          ? `database ${database}`
          : bastion !== undefined
            ? `bastion ${bastion}`
            : `path ${from ?? ''} to ${to ?? ''}`,
  );

export type MadeChange =
  | {
      readonly kind: 'attach-statement';
      readonly role: string;
      /** Name of the inline policy. */
      readonly policy: string;
      readonly actions: readonly string[];
    }
  /** `existed` = there was such a rule already; it is not ours, and was not added again. */
  | (MissingRule & { readonly existed: boolean })
  | (WantedDeployment & {
      readonly kind: 'deployment';
      readonly deployment: string;
      /** The first new task that can be entered. */
      readonly task: string;
    });

export interface FixResult {
  readonly made: readonly MadeChange[];
  /** The diagnosis after the changes. */
  readonly diagnosis: Diagnosis;
}

/** IAM and EC2 show a change within seconds; new tasks replace the old ones within minutes. */
const VISIBLE_WITHIN_MS = 60_000;
const REPLACED_WITHIN_MS = 5 * 60_000;
const POLL_INTERVAL_MS = 2_000;

/** Findings that end when the new tasks have replaced the old ones. */
const OF_OLD_TASKS: readonly Finding['id'][] = ['exec-not-enabled', 'exec-agent-not-running'];

/**
 * Makes the changes, one step each, and repeats the diagnosis. Throws what the ports throw; the steps that were
 * reported as done stay made, and the next run finds what is left.
 */
export async function applyFix(
  plan: FixPlan,
  diagnose: () => Promise<Diagnosis>,
  deps: FixNeeds,
): Promise<FixResult> {
  const made: MadeChange[] = [];
  for (const change of plan.changes)
    made.push(
      change.kind === 'attach-statement'
        ? await attach(change, deps)
        : await addRule(change, plan.mark, deps),
    );
  let diagnosis = await repeated(plan.removes, VISIBLE_WITHIN_MS, diagnose, deps);
  if (plan.deployment !== undefined) {
    made.push(await deploy(plan.deployment, deps));
    diagnosis = await repeated(OF_OLD_TASKS, REPLACED_WITHIN_MS, diagnose, deps);
  }
  return { made, diagnosis };
}

async function step<T>(name: string, title: string, deps: FixNeeds, work: () => Promise<T>): Promise<T> {
  const { report } = deps;
  report({ type: 'step-started', step: name, title });
  try {
    const result = await work();
    report({ type: 'step-done', step: name, title });
    return result;
  } catch (error) {
    const detail = error instanceof ToolError ? error.message : String(error);
    report({ type: 'step-failed', step: name, title, detail });
    throw error;
  }
}

function attach({ role, statement }: MissingStatement, deps: FixNeeds): Promise<MadeChange> {
  const { actions } = statement;
  const { document, name } = statementPolicy('Allow', statement);
  return step(`attach ${name}`, `attach the inline policy ${name} to role ${role}`, deps, async () => {
    await (await (await deps.account()).iam()).putRolePolicy(role, name, document);
    return { kind: 'attach-statement', role, policy: name, actions };
  });
}

function addRule(rule: MissingRule, mark: string, deps: FixNeeds): Promise<MadeChange> {
  const { direction, group, peers, port } = rule;
  return step(`rule ${JSON.stringify(rule)}`, ruleTitle(rule), deps, async () => {
    const ec2 = await (await deps.account()).ec2();
    const added = await ec2.addRules({
      groupId: group,
      egress: direction === 'egress',
      rules: peers.map((peer) => ruleOf(port, peer)),
      // EC2 allows fewer characters in a description than in a tag.
      description: `added by fargate-connect for ${mark}`.slice(0, 255),
      tags: { [TAG.doctor]: mark, [TAG.version]: deps.version },
    });
    return { ...rule, existed: !added };
  });
}

/** The rule as one line: what it admits, where. */
export const ruleTitle = ({ direction, group, peers, port }: MissingRule): string =>
  direction === 'ingress'
    ? `add a rule to ${group} that admits TCP port ${port} from ${peers.join(', ')}`
    : `add a rule to ${group} that allows TCP port ${port} to ${peers.join(', ')}`;

function ruleOf(port: number, peer: string): GroupRule {
  const rule = { protocol: 'tcp', fromPort: port, toPort: port };
  if (peer.startsWith('sg-')) return { ...rule, groupId: peer };
  if (peer.startsWith('pl-')) return { ...rule, prefixListId: peer };
  return { ...rule, cidr: peer.includes('/') ? peer : `${peer}/${peer.includes(':') ? 128 : 32}` };
}

function deploy(
  { cluster, service: name }: WantedDeployment,
  deps: FixNeeds,
): Promise<Extract<MadeChange, { readonly kind: 'deployment' }>> {
  const { clock, report, signal } = deps;
  const key = `deployment ${name}`;
  return step(key, `start a new deployment of ${name} with ECS Exec enabled`, deps, async () => {
    const account = await deps.account();
    const ecs = await account.ecs();
    const plan = await planExecDeployment(ecs, cluster, nameOfArn(name));
    const deployment = await ecs.deployWithExec(plan.cluster, plan.service.name);
    const task = await newExecTask(plan, deployment, {
      ecs,
      judge: judgeContainer,
      clock: awsClock(account, clock),
      signal,
      onProgress: (detail) => report({ type: 'step-progress', step: key, detail }),
    });
    return { kind: 'deployment', cluster, service: plan.service.name, deployment, task: task.id };
  });
}

/** The diagnosis as soon as none of these findings is left, or as it is after the deadline. */
async function repeated(
  ids: readonly Finding['id'][],
  deadlineMs: number,
  diagnose: () => Promise<Diagnosis>,
  { clock, report, signal }: FixNeeds,
): Promise<Diagnosis> {
  const name = `diagnosis after ${ids.join(' ')}`;
  const title = 'diagnose again';
  report({ type: 'step-started', step: name, title });
  const end = clock.now() + deadlineMs;
  for (;;) {
    const diagnosis = await diagnose();
    const left = diagnosis.findings.filter(({ finding }) => ids.includes(finding.id));
    if (left.length === 0 || clock.now() >= end) {
      report({ type: 'step-done', step: name, title });
      return diagnosis;
    }
    report({ type: 'step-progress', step: name, detail: left[0]?.sentence ?? '' });
    await sleep(clock, POLL_INTERVAL_MS, signal);
  }
}
