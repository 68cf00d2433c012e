import { Command } from 'commander';

import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface ShellOptions {
  /** Of the bastion; undefined = the newest one. */
  readonly name: string | undefined;
}

export function shellCommand(invoke: Invoke, run: Run<ShellOptions> = runShell): Command {
  return new Command('shell')
    .description('a Session Manager shell on the bastion')
    .option('--name <bastion>', 'which bastion, when there are several')
    .addHelpText(
      'after',
      `
~. at the start of a line ends a stuck session; ~? lists the escapes.

Examples:
  $ fargate-connect shell
  $ echo 'ecs_connect.sh orders-api' | fargate-connect shell`,
    )
    .action((flags: { name?: string }, command: Command) => invoke(run, { name: flags.name }, command));
}

/** Resolves with 0 when the shell has ended: Session Manager transmits no exit status of a shell. */
export async function runShell(options: ShellOptions, context: CommandContext): Promise<number> {
  const { report, settings, signal, signals, terminal } = context;
  const [{ findBastion }, { shellRequest }, setup] = await Promise.all([
    import('../bastion-target.ts'),
    import('../../connect/session-documents.ts'),
    import('../session-setup.ts'),
  ]);
  if (settings.transport === 'plugin') {
    const { findPlugin, runPluginShell } = await import('../../connect/plugin-transport.ts');
    const plugin = await findPlugin(context.env);
    const { instanceId } = await findBastion(context, options.name);
    const session = await (await (await context.account()).ssm()).startSession(shellRequest(instanceId));
    const call = await setup.pluginCall(context, session, instanceId);
    const release = signals.on('SIGINT', () => undefined);
    await runPluginShell(plugin, call, signal).finally(release);
    return 0;
  }
  const [{ runShellSession }, deps, { instanceId }] = await Promise.all([
    import('../../connect/shell-session.ts'),
    setup.channelDeps(context),
    findBastion(context, options.name),
  ]);
  const session = await (await (await context.account()).ssm()).startSession(shellRequest(instanceId));
  return runShellSession({ session, target: instanceId, deps, terminal, signals, signal, report });
}
