import { Command } from 'commander';
import type { StatusRequest } from '../../app/bastion/status.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';

interface StatusFlags extends IamFlags {
  readonly name?: string;
  readonly allRegions?: boolean;
}

export function statusCommand(invoke: Invoke, run: Run<StatusRequest> = runStatus): Command {
  const command = new Command('status')
    .description('bastions: age, time left, sessions, cost so far')
    .option('--name <name>', 'only this bastion')
    .option('--all-regions', 'look in every region of the account');
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  $ fargate-connect status
  $ fargate-connect status --all-regions --json`,
    )
    .action((flags: StatusFlags, command: Command) =>
      invoke(
        run,
        { name: flags.name, allRegions: flags.allRegions === true, iam: iamFlagsOf(flags) },
        command,
      ),
    );
}

async function runStatus(request: StatusRequest, context: CommandContext): Promise<void> {
  const [{ bastionStatuses, requireComplete }, { writeStatuses }] = await Promise.all([
    import('../../app/bastion/status.ts'),
    import('../render/status-table.ts'),
  ]);
  const statuses = await bastionStatuses(request, context);
  writeStatuses(statuses, context);
  requireComplete(statuses);
}
