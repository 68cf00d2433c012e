import { Command } from 'commander';

import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export type ConnectOptions = Readonly<Record<string, never>>;

export function connectCommand(invoke: Invoke, run: Run<ConnectOptions> = runConnect): Command {
  return new Command('connect')
    .description('pick a container, then a shell, its log, a port or a database (also without a command)')
    .addHelpText(
      'after',
      `
Cluster, service, task, container, action: type to filter, Enter to choose, Esc to go back. A question with \
one possible answer, or whose answer a flag gives, is not asked. Of a service of which nothing runs, the \
log and the reasons are offered.

Examples:
  $ fargate-connect
  $ fargate-connect connect --cluster prod --service orders-api`,
    )
    .action((_flags: unknown, command: Command) => invoke(run, {}, command));
}

/** Resolves with the exit status of what was picked. */
async function runConnect(_options: ConnectOptions, context: CommandContext): Promise<number> {
  const { connect } = await import('../../app/session/connect.ts');
  return connect(context, {
    async logs(wanted) {
      const { writeLogs } = await import('./logs.ts');
      // If no task of a service runs, there are no new log lines to follow.
      const follow = wanted.task !== undefined;
      const all = { since: undefined, grep: undefined, pattern: undefined, utc: false };
      await writeLogs(wanted, { ...all, follow }, context);
    },
    async reasons(wanted) {
      const [{ serviceHistory }, { writeHistory }] = await Promise.all([
        import('../../app/listing/service-history.ts'),
        import('../render/service-history.ts'),
      ]);
      writeHistory(await serviceHistory(wanted, context), context);
    },
  });
}
