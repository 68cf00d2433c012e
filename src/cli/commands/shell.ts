import { Command } from 'commander';

import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface ShellOptions {
  /** Of the bastion; undefined = the newest one. */
  readonly name: string | undefined;
  /** Program and arguments; empty = a shell. */
  readonly command: readonly string[];
}

export function shellCommand(invoke: Invoke, run: Run<ShellOptions> = runShell): Command {
  return new Command('shell')
    .description('a Session Manager shell on the bastion, or a command there')
    .argument('[command...]', 'after --: program and arguments, passed on exactly as given')
    .usage('[flags] [-- command...]')
    .option('--name <bastion>', 'which bastion, when there are several')
    .addHelpText(
      'after',
      `
~. at the start of a line ends a stuck session; ~? lists the escapes.
A command has no terminal and no stdin; its stdout, stderr and exit status are ours. 255 means that the connection \
failed.

Examples:
  $ fargate-connect shell
  $ fargate-connect shell -- ecs_connect.sh --help
  $ echo 'ecs_connect.sh orders-api' | fargate-connect shell`,
    )
    .action((words: readonly string[], flags: { name?: string }, command: Command) =>
      invoke(run, { name: flags.name, command: words }, command),
    );
}

/** Resolves with the command's exit status; after a shell with 0: Session Manager transmits no exit status of a shell. */
async function runShell(options: ShellOptions, context: CommandContext): Promise<number> {
  if (options.command.length > 0) return runOnBastion(options, context);
  const { report, settings, signal, signals, terminal } = context;
  const [{ findBastion, onceOnline }, { watchForNotice }, { shellRequest }, setup] = await Promise.all([
    import('../../app/bastion/bastion-target.ts'),
    import('../../app/bastion/bastion-notice.ts'),
    import('../../connect/session/session-documents.ts'),
    import('../../app/session/session-setup.ts'),
  ]);
  if (settings.transport === 'plugin') {
    const { findPlugin, runPluginShell } = await import('../../connect/plugin/plugin-transport.ts');
    const plugin = await findPlugin(context.env);
    const bastion = await findBastion(context, options.name);
    const { instanceId } = bastion;
    const ssm = await (await context.account()).ssm();
    const session = await onceOnline(bastion, context, () => ssm.startSession(shellRequest(instanceId)));
    const call = await setup.pluginCall(context, session, instanceId);
    const release = signals.on('SIGINT', () => undefined);
    await runPluginShell(plugin, call, signal).finally(release);
    return 0;
  }
  const [{ runShellSession }, deps, bastion] = await Promise.all([
    import('../../connect/session/shell-session.ts'),
    setup.channelDeps(context),
    findBastion(context, options.name),
  ]);
  const { instanceId } = bastion;
  const watch = await watchForNotice(bastion, context);
  context.scope.add(() => watch.close());
  const ssm = await (await context.account()).ssm();
  // A bastion on its last two minutes is better known before anything is typed.
  const [session] = await Promise.all([
    onceOnline(bastion, context, () => ssm.startSession(shellRequest(instanceId))),
    watch.look(),
  ]);
  return runShellSession({ session, target: instanceId, deps, terminal, signals, signal, report });
}

async function runOnBastion(options: ShellOptions, context: CommandContext): Promise<number> {
  const { settings, signal, signals, terminal } = context;
  if (settings.transport === 'plugin') {
    throw usage('plugin-unsupported', 'the plugin hands on neither stderr nor the exit status of a command', {
      hints: ['leave --transport plugin away'],
    });
  }
  const [
    { findBastion, onceOnline },
    { watchForNotice },
    { commandRequest },
    { quoteWords },
    { runBastionCommand },
    setup,
  ] = await Promise.all([
    import('../../app/bastion/bastion-target.ts'),
    import('../../app/bastion/bastion-notice.ts'),
    import('../../connect/session/session-documents.ts'),
    import('../../connect/session/shell-words.ts'),
    import('../../connect/session/bastion-command.ts'),
    import('../../app/session/session-setup.ts'),
  ]);
  const bastion = await findBastion(context, options.name);
  const { instanceId } = bastion;
  const watch = await watchForNotice(bastion, context);
  context.scope.add(() => watch.close());
  const ssm = await (await context.account()).ssm();
  const [session] = await Promise.all([
    onceOnline(bastion, context, () =>
      ssm.startSession(commandRequest(instanceId, quoteWords(options.command))),
    ),
    watch.look(),
  ]);
  return runBastionCommand({
    session,
    target: instanceId,
    deps: await setup.channelDeps(context),
    stdout: terminal.stdout,
    stderr: terminal.stderr,
    signals,
    signal,
  }).catch((error: unknown) => {
    throw setup.asTransportStatus(error);
  });
}
