import { Argument, Command } from 'commander';

import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

const KINDS = ['clusters', 'services', 'tasks', 'containers', 'databases'] as const;

export interface LsOptions {
  readonly kind: (typeof KINDS)[number];
}

export function lsCommand(invoke: Invoke, run: Run<LsOptions> = runLs): Command {
  return new Command('ls')
    .description('what there is: clusters, services, tasks, containers, databases')
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

async function runLs(options: LsOptions, context: CommandContext): Promise<void> {
  const { settings, terminal } = context;
  const { listing } = await import('../../app/listing/listing.ts');
  const { columns, records } = await listing(options.kind, context);
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
    return;
  }
  const { renderTable } = await import('../../ui/table.ts');
  const rows = records.map((record) => columns.map((column) => column.cell(record)));
  terminal.stdout.write(
    renderTable(columns, rows, {
      color: settings.color,
      width: terminal.stdoutIsTty ? terminal.size().columns : undefined,
    }),
  );
}
