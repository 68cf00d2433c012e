import { Command } from 'commander';
import type { ConnectPlaces, ConnectRun } from '../../app/session/connect.ts';
import { ToolError } from '../../core/errors.ts';

import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { diagnosed } from '../failed-connect.ts';

export interface ConnectOptions {
  /** What the picker searches at first; `-` = the last choice. */
  readonly search: string | undefined;
  /** False = earlier choices are neither shown nor kept. */
  readonly history: boolean;
}

export function connectCommand(invoke: Invoke, run: Run<ConnectOptions> = runConnect): Command {
  return new Command('connect')
    .description('pick a container, then a shell, its log, a port or a database (also without a command)')
    .argument('[search]', 'search this in all clusters; - repeats the last choice')
    .option('--no-history', 'neither show nor keep what was chosen')
    .addHelpText(
      'after',
      `
Cluster, service, task, container, action: type to filter, Enter to choose, Esc to go back. A question with \
one possible answer, or whose answer a flag gives, is not asked. Of a service of which nothing runs, the \
log and the reasons are offered. Ctrl-P changes the profile, Ctrl-R the region.

Examples:
  $ fargate-connect
  $ fargate-connect connect orders/app
  $ fargate-connect -                            the last choice again
  $ fargate-connect connect --cluster prod --service orders-api
  $ fargate-connect connect --profile dev,prod   one list of both accounts`,
    )
    .action((search: string | undefined, { history }: { readonly history: boolean }, command: Command) =>
      invoke(run, { search, history }, command),
    );
}

/** Resolves with the exit status of what was picked. */
async function runConnect({ search, history }: ConnectOptions, context: CommandContext): Promise<number> {
  const [{ connect }, { choiceHistory }, { pickerAccounts }] = await Promise.all([
    import('../../app/session/connect.ts'),
    import('../../config/choice-history.ts'),
    import('../../app/listing/picker-accounts.ts'),
  ]);
  const choices = history ? await context.history() : choiceHistory(undefined);
  // A failure is diagnosed in the account of the choice.
  let chosen = context;
  const places: ConnectPlaces = {
    ...(await pickerAccounts(context)),
    at(place) {
      chosen = context.at(place);
      return runIn(chosen);
    },
  };
  try {
    return await connect(search, choices, runIn(context), places);
  } catch (error) {
    throw error instanceof ToolError ? await diagnosed('exec', chosen, error) : error;
  }
}

const runIn = (context: CommandContext): ConnectRun => ({
  deps: context,
  show: {
    async logs(wanted) {
      const { writeLogs } = await import('./logs.ts');
      // If no task of a service runs, there are no new log lines to follow.
      const follow = wanted.task !== undefined;
      const all = { since: undefined, grep: undefined, pattern: undefined, utc: false };
      await writeLogs(wanted, { ...all, follow }, context);
    },
    async database(host, wanted) {
      const { runDb, THROUGH_PICKED_TASK } = await import('./db.ts');
      return runDb({ ...THROUGH_PICKED_TASK, id: host }, context, wanted);
    },
    async reasons(wanted) {
      const [{ awsClock }, { serviceHistory }, { writeHistory }] = await Promise.all([
        import('../../app/aws-clock.ts'),
        import('../../app/listing/service-history.ts'),
        import('../render/service-history.ts'),
      ]);
      const history = await serviceHistory(wanted, context);
      const now = awsClock(await context.account(), context.clock).now();
      writeHistory(history, now, context);
    },
  },
});
