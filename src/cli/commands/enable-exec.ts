import { Command } from 'commander';

import type { ExecDeploymentPlan } from '../../connect/target/exec-deployment.ts';
import { interrupted, usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';

export interface EnableExecOptions {
  readonly wait: boolean;
  readonly checksRole: boolean;
}

export function enableExecCommand(invoke: Invoke, run: Run<EnableExecOptions> = runEnableExec): Command {
  return new Command('enable-exec')
    .description('enable ECS Exec for a service: a new deployment replaces its tasks')
    .argument('[service]', 'service that has it disabled, or whose tasks are older than that setting')
    .option('--wait', 'wait until a new task can be entered')
    .option('--no-role-check', 'do not ask IAM whether the task role has the grants of ECS Exec')
    .addHelpText(
      'after',
      `
A new deployment pulls the images anew and replaces all tasks; what is in their memory and files is lost. It says so and asks \
before it starts; a script gives --yes. If it is enabled already, nothing is changed. Deployments by CODE_DEPLOY or \
an external controller have to be started there.

Examples:
  $ fargate-connect enable-exec orders-api
  $ fargate-connect enable-exec orders-api --cluster prod --yes --wait
  $ fargate-connect policy enable-exec --cluster prod`,
    )
    .action((service: string | undefined, flags: { wait?: true; roleCheck: boolean }, command: Command) => {
      serviceArgument(service, command);
      return invoke(run, { wait: flags.wait === true, checksRole: flags.roleCheck }, command);
    });
}

async function runEnableExec(options: EnableExecOptions, context: CommandContext): Promise<void> {
  const [{ wantedOf }, enabling] = await Promise.all([
    import('../../app/session/session-setup.ts'),
    import('../../app/session/enable-exec.ts'),
  ]);
  const wanted = wantedOf(context.settings);
  const { service } = wanted;
  if (service === undefined) throw usage('service-needed', 'enable-exec needs a service');
  const plan = await enabling.planEnableExec({ ...wanted, service }, options, context);
  if (plan.isEnabled) {
    const message = `ECS Exec is enabled for ${plan.service.name}, and for each of its tasks`;
    context.report({ type: 'note', level: 'info', code: 'exec-enabled-already', message });
    write(plan, { deployment: null, task: null }, context);
    return;
  }
  await enabling.reportChange(plan, context);
  const isWanted = await context.prompter.confirm({
    message: `start a new deployment of ${plan.service.name} with ECS Exec enabled?`,
    flag: '--yes',
  });
  if (!isWanted) throw interrupted('nothing was changed');
  const deployment = await enabling.startExecDeployment(plan, context);
  const task = options.wait ? await enabling.waitForExecTask(plan, deployment, context) : undefined;
  write(plan, { deployment, task: task?.id ?? null }, context);
}

interface Outcome {
  /** Null = there was nothing to change. */
  readonly deployment: string | null;
  /** The first new task that can be entered; null = not waited for. */
  readonly task: string | null;
}

/** One JSON object on stdout; the text form has said everything on stderr. */
function write(
  { cluster, service, replaced }: ExecDeploymentPlan,
  { deployment, task }: Outcome,
  { settings, terminal }: CommandContext,
): void {
  if (settings.output !== 'json') return;
  const replaces = deployment === null ? [] : replaced.map(({ id }) => id);
  terminal.stdout.write(
    `${JSON.stringify({ cluster, service: service.name, deployment, replaces, task }, null, 2)}\n`,
  );
}
