import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { PluginCall } from '../../connect/plugin/plugin-transport.ts';
import type { Container, SessionStart, Task } from '../../connect/ports.ts';
import type { ResolveOptions } from '../../connect/target/resolve.ts';
import { interrupted, ToolError, usage } from '../../core/errors.ts';
import { BACK } from '../../ui/prompter.ts';
import type { CommandContext } from '../../cli/context.ts';

/** What exec, shell, forward and connect share: from a command's context to what connect/ wants. */

export function wantedOf(context: CommandContext, service: string | undefined): Wanted {
  const { settings } = context;
  return {
    cluster: settings.cluster,
    service: service ?? settings.service,
    task: settings.task,
    container: settings.container,
  };
}

export async function resolveOptions(
  context: CommandContext,
  purpose: ResolveOptions['purpose'],
): Promise<ResolveOptions> {
  const { clock, random, report, settings, signal } = context;
  const account = await context.account();
  return {
    ecs: await account.ecs(),
    clock,
    random,
    report,
    signal,
    purpose,
    ...(settings.input ? { chooseContainer: (task: Task) => chooseContainer(context, task) } : {}),
  };
}

async function chooseContainer(context: CommandContext, task: Task): Promise<Container> {
  const { containerEntries } = await import('../../connect/target/picker.ts');
  const chosen = await context.prompter.select<Container>({
    message: `container of task ${task.id.slice(0, 8)}`,
    flag: '--container',
    choices: containerEntries(task, context.clock.now()),
  });
  if (chosen === BACK) throw interrupted();
  return chosen;
}

export async function channelDeps(context: CommandContext): Promise<ChannelDeps> {
  const [account, { createOpenSocket }] = await Promise.all([
    context.account(),
    import('../../connect/channel/message-socket.ts'),
  ]);
  const { clock, env, random, report, settings } = context;
  return {
    ssm: await account.ssm(),
    kms: () => account.kms(),
    signer: await account.signer(),
    openSocket: createOpenSocket(env, clock),
    clock,
    random,
    report,
    payloadSize: settings.payloadSize,
    ...(settings.debug
      ? {
          debug: (message: string) => report({ type: 'note', level: 'info', code: 'data-channel', message }),
        }
      : {}),
  };
}

export async function pluginCall(
  context: CommandContext,
  session: SessionStart,
  target: string,
): Promise<PluginCall> {
  const account = await context.account();
  return {
    session,
    target,
    region: account.region,
    // The credentials go along in the environment; naming the profile too would make the plugin look them up again.
    profile: undefined,
    ssmEndpoint: await account.ssmEndpoint(),
    env: { ...context.env, ...(await account.credentialEnv()) },
  };
}

/** ssh's convention: not the command's status, the connection failed. */
const TRANSPORT_STATUS = 255;

/** Where the exit status is a remote command's, trouble on the way to it must not look like one. */
export function asTransportStatus(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.role !== 'transport') return error;
  const { role, code, message, hints, details, cause } = error;
  return new ToolError(role, code, message, { hints, details, cause, exitStatus: TRANSPORT_STATUS });
}

/** For commands that need a service or a task and could not ask. */
export const serviceNeeded = (command: string): Error =>
  usage('service-needed', `${command} needs a service or a task`, {
    hints: [
      `fargate-connect ${command} SERVICE`,
      `fargate-connect ${command} --task ID`,
      'fargate-connect ls services',
    ],
  });
