import { Command } from 'commander';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

/** `forward list` and `forward stop`: the detached forwards of this person. */

interface StopOptions {
  /** Undefined = all. */
  readonly names: readonly string[] | undefined;
}

export function listDetachedCommand(invoke: Invoke, run: Run<object> = runList): Command {
  return new Command('list')
    .description('the detached forwards: state, connections, bytes')
    .action((_flags: unknown, command: Command) => invoke(run, {}, command));
}

export function stopDetachedCommand(invoke: Invoke, run: Run<StopOptions> = runStop): Command {
  return new Command('stop')
    .description('end detached forwards and their sessions')
    .argument('[name...]', 'as forward list shows them')
    .option('--all', 'all of them')
    .action((names: readonly string[], flags: { readonly all?: true }, command: Command) => {
      if (names.length === 0 && flags.all !== true)
        throw usage('bad-arguments', 'forward stop needs --all, or a name that forward list shows', {
          details: { instead: [['NAME'], ['--all']] },
        });
      if (names.length > 0 && flags.all === true)
        throw usage('bad-arguments', `--all includes ${names.join(', ')}`);
      return invoke(run, { names: flags.all === true ? undefined : [...new Set(names)] }, command);
    });
}

async function runList(_options: object, context: CommandContext): Promise<void> {
  const { settings, terminal } = context;
  const [{ listDetached }, { supervisorAccess }, { detachedTable, printDetached }] = await Promise.all([
    import('../../app/supervisor/supervisor-client.ts'),
    import('../supervisor/supervisor-access.ts'),
    import('../render/detached-forwards.ts'),
  ]);
  const forwards = await listDetached(supervisorAccess(context));
  terminal.stdout.write(
    settings.output === 'json'
      ? `${JSON.stringify(forwards.map(printDetached), null, 2)}\n`
      : detachedTable(forwards, {
          color: settings.color,
          width: terminal.stdoutIsTty ? terminal.size().columns : undefined,
        }),
  );
}

async function runStop({ names }: StopOptions, context: CommandContext): Promise<void> {
  const { settings, terminal, report } = context;
  const [{ stopDetached }, { supervisorAccess }, { printDetached }] = await Promise.all([
    import('../../app/supervisor/supervisor-client.ts'),
    import('../supervisor/supervisor-access.ts'),
    import('../render/detached-forwards.ts'),
  ]);
  const stopped = await stopDetached(names, supervisorAccess(context));
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify(stopped.map(printDetached), null, 2)}\n`);
    return;
  }
  const message =
    stopped.length === 0
      ? 'no detached forward runs'
      : `stopped: ${stopped.map(({ name }) => name).join(', ')}`;
  report({ type: 'note', level: 'info', code: 'forwards-stopped', message });
}
