import { Argument, Command } from 'commander';

import type { ListKind } from '../../app/listing/listing.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';

const KINDS: readonly LsOptions['kind'][] = [
  'clusters',
  'services',
  'tasks',
  'containers',
  'databases',
  'events',
];

export interface LsOptions {
  /** `events` are the events of one service. */
  readonly kind: ListKind | 'events';
  /** For tasks: lists those that stopped, with the reason, instead of those that run. */
  readonly stopped: boolean;
}

export function lsCommand(invoke: Invoke, run: Run<LsOptions> = runLs): Command {
  return new Command('ls')
    .description('list clusters, services, tasks, containers, databases, or events of a service')
    .addArgument(new Argument('<kind>', 'what to list').choices(KINDS))
    .argument('[service]', 'of this service only; same as --service')
    .option('--stopped', 'tasks that stopped within the last hour, and why')
    .addHelpText(
      'after',
      `
With --json, one array of objects on stdout; its field names are stable.

Examples:
  $ fargate-connect ls services --cluster prod
  $ fargate-connect ls tasks --stopped --cluster prod
  $ fargate-connect ls events orders-api --cluster prod
  $ fargate-connect ls tasks --service orders-api --json | jq -r '.[].id'`,
    )
    .action(
      (
        kind: LsOptions['kind'],
        service: string | undefined,
        flags: { readonly stopped?: true },
        command: Command,
      ) => {
        serviceArgument(service, command);
        const stopped = flags.stopped === true;
        if (stopped && kind !== 'tasks')
          throw usage('invalid-argument', `--stopped belongs to tasks, not to ${kind}`, {
            details: { expected: 'ls tasks --stopped' },
          });
        return invoke(run, { kind, stopped }, command);
      },
    );
}

async function runLs({ kind, stopped }: LsOptions, context: CommandContext): Promise<void> {
  if (kind === 'events' || stopped) return runHistory(kind, context);
  const [{ listing }, { writeListing }] = await Promise.all([
    import('../../app/listing/listing.ts'),
    import('../render/listing-table.ts'),
  ]);
  const { records, incomplete } = await listing(kind, context);
  writeListing(kind, records, context);
  if (incomplete !== undefined) throw incomplete;
}

async function runHistory(kind: LsOptions['kind'], context: CommandContext): Promise<void> {
  const [{ wantedOf }, { serviceEvents, stoppedTasks }, { writeEvents, writeStoppedTasks }] =
    await Promise.all([
      import('../../app/session/session-setup.ts'),
      import('../../app/listing/service-history.ts'),
      import('../render/service-history.ts'),
    ]);
  const wanted = wantedOf(context.settings);
  if (kind === 'events') writeEvents(await serviceEvents(wanted, context), context);
  else writeStoppedTasks(await stoppedTasks(wanted, context), context);
}
