import { awsClock } from '../aws-clock.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import type { Task } from '../../connect/ports.ts';
import { findCluster, type Wanted } from '../../connect/target/discover.ts';
import {
  type ExecDeploymentPlan,
  newExecTask,
  planExecDeployment,
} from '../../connect/target/exec-deployment.ts';
import { nameOfArn } from '../../core/arn.ts';
import { describeDuration } from '../../core/duration.ts';
import { ToolError } from '../../core/errors.ts';
import { printPolicy } from '../../provision/policy/policy-kinds.ts';
import { readPolicy } from '../asset-files.ts';
import type { Needs } from '../collaborators.ts';
import { checkPolicy, requireGrants } from '../policy/policy-check.ts';

/** Enables ECS Exec for a service, which replaces its tasks. */

export type EnableExecNeeds = Needs<'account' | 'assets' | 'clock' | 'report' | 'signal'>;

/**
 * Reads what it would change, and checks that the role of the new tasks has the grants of ECS Exec. Throws what
 * `planExecDeployment` throws; `grants-missing` if the role lacks one; `access-denied` if IAM may not be asked.
 */
export async function planEnableExec(
  wanted: Wanted & { readonly service: string },
  { checksRole }: { readonly checksRole: boolean },
  deps: EnableExecNeeds,
): Promise<ExecDeploymentPlan> {
  const ecs = await (await deps.account()).ecs();
  const plan = await planExecDeployment(ecs, await findCluster(ecs, wanted), nameOfArn(wanted.service));
  if (checksRole && !plan.isEnabled) await checkTaskRole(plan, deps);
  return plan;
}

async function checkTaskRole({ taskRoleArn }: ExecDeploymentPlan, deps: EnableExecNeeds): Promise<void> {
  const template = await readPolicy(deps, 'task-role');
  const document = printPolicy('task-role', { 'task-role': template }, {});
  requireGrants(await checkPolicy(taskRoleArn, 'task-role', document, deps));
}

/** Reports what a new deployment changes, one note a line. */
export async function reportChange(
  { service, replaced }: ExecDeploymentPlan,
  deps: Needs<'account' | 'clock' | 'report'>,
): Promise<void> {
  const { name, execEnabled, minimumHealthyPercent: least, maximumPercent: most } = service;
  const now = awsClock(await deps.account(), deps.clock).now();
  const oldest = Math.max(0, ...replaced.map((task) => now - (task.startedAt ?? now)));
  const tasks = replaced.length === 1 ? '1 running task' : `${replaced.length} running tasks`;
  const lines = [
    execEnabled
      ? `service ${name} has ECS Exec enabled, but its tasks started before that`
      : `service ${name} has ECS Exec disabled`,
    `enabling it starts a new deployment: new tasks pull their images anew and replace ${tasks}${replaced.length === 0 ? '' : ` (up to ${describeDuration(oldest)} old)`}`,
    'what is in the memory and the files of the old tasks is lost, also what you want to look at',
    ...(least === undefined || most === undefined
      ? []
      : [`meanwhile ECS keeps ${least} % of the desired tasks healthy and runs ${most} % at most`]),
  ];
  for (const message of lines)
    deps.report({ type: 'note', level: 'info', code: 'exec-deployment-change', message });
}

/** Starts the deployment; resolves with its id. */
export async function startExecDeployment(
  { cluster, service }: ExecDeploymentPlan,
  deps: EnableExecNeeds,
): Promise<string> {
  const ecs = await (await deps.account()).ecs();
  const id = await ecs.deployWithExec(cluster, service.name);
  deps.report({
    type: 'note',
    level: 'info',
    code: 'exec-deployment-started',
    message: `deployment ${id} of ${service.name} has started`,
  });
  return id;
}

/** Waits until a new task can be entered. Throws what `newExecTask` throws. */
export async function waitForExecTask(
  plan: ExecDeploymentPlan,
  deploymentId: string,
  deps: EnableExecNeeds,
): Promise<Task> {
  const { clock, report, signal } = deps;
  const step = 'exec-deployment';
  const title = 'a new task starts, and the agent in it';
  report({ type: 'step-started', step, title });
  try {
    const account = await deps.account();
    const task = await newExecTask(plan, deploymentId, {
      ecs: await account.ecs(),
      judge: judgeContainer,
      clock: awsClock(account, clock),
      signal,
      onProgress: (detail) => report({ type: 'step-progress', step, detail }),
    });
    report({ type: 'step-done', step, title, detail: `task ${task.id.slice(0, 8)}` });
    return task;
  } catch (error) {
    const detail = error instanceof ToolError ? error.message : String(error);
    report({ type: 'step-failed', step, title, detail });
    throw error;
  }
}
