import { Argument, Command } from 'commander';

import type { ListKind } from '../../app/listing/listing.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

const KINDS: readonly ListKind[] = ['clusters', 'services', 'tasks', 'containers', 'databases'];

export interface LsOptions {
  readonly kind: ListKind;
}

export function lsCommand(invoke: Invoke, run: Run<LsOptions> = runLs): Command {
  return new Command('ls')
    .description('list clusters, services, tasks, containers or databases')
    .addArgument(new Argument('<kind>', 'what to list').choices(KINDS))
    .addHelpText(
      'after',
      `
With --json, one array of objects on stdout; its field names are stable.

Examples:
  $ fargate-connect ls services --cluster prod
  $ fargate-connect ls tasks --service orders-api --json | jq -r '.[].id'`,
    )
    .action((kind: LsOptions['kind'], _flags: unknown, command: Command) => invoke(run, { kind }, command));
}

async function runLs({ kind }: LsOptions, context: CommandContext): Promise<void> {
  const [{ listing }, { writeListing }] = await Promise.all([
    import('../../app/listing/listing.ts'),
    import('../render/listing-table.ts'),
  ]);
  const { records, incomplete } = await listing(kind, context);
  writeListing(kind, records, context);
  if (incomplete !== undefined) throw incomplete;
}
