import { Command } from 'commander';

import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export type ConnectOptions = Readonly<Record<string, never>>;

export function connectCommand(invoke: Invoke, run: Run<ConnectOptions> = runConnect): Command {
  return new Command('connect')
    .description('pick a container, then a shell, a port or a database (also without a command)')
    .addHelpText(
      'after',
      `
Cluster, service, task, container, action: type to filter, Enter to choose, Esc to go back. A question with \
one possible answer, or whose answer a flag gives, is not asked.

Examples:
  $ fargate-connect
  $ fargate-connect connect --cluster prod --service orders-api`,
    )
    .action((_flags: unknown, command: Command) => invoke(run, {}, command));
}

/** Resolves with the exit status of what was picked. */
async function runConnect(_options: ConnectOptions, context: CommandContext): Promise<number> {
  const { connect } = await import('../../app/session/connect.ts');
  return connect(context);
}
