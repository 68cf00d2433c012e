import { Command } from 'commander';
import { accountPlaces, signIns } from '../../app/account-places.ts';
import type { AccountPlace } from '../../app/collaborators.ts';
import type { StatusRequest } from '../../app/bastion/status.ts';
import { usage } from '../../core/errors.ts';
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
  $ fargate-connect status --all-regions --json
  $ fargate-connect status --profile dev,prod --region eu-west-1,us-east-1`,
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
  const places = accountPlaces(context.settings);
  if (places.length > 1) return runStatusOfPlaces(request, places, context);
  const [{ bastionStatuses, requireComplete }, { writeStatuses }] = await Promise.all([
    import('../../app/bastion/status.ts'),
    import('../render/status-table.ts'),
  ]);
  const statuses = await bastionStatuses(request, context);
  writeStatuses(statuses, context);
  requireComplete(statuses);
}

async function runStatusOfPlaces(
  request: StatusRequest,
  places: readonly AccountPlace[],
  context: CommandContext,
): Promise<void> {
  const { region } = context.settings;
  if (request.allRegions && region?.includes(',') === true)
    throw usage('conflicting-option', '--all-regions and several regions exclude each other', {
      details: { expected: `give one of them: --all-regions or --region ${region}` },
    });
  const [{ statusOfPlaces }, { requireComplete }, { writeRefused, writeStatuses }] = await Promise.all([
    import('../../app/bastion/status-of-places.ts'),
    import('../../app/bastion/status.ts'),
    import('../render/status-table.ts'),
  ]);
  const statuses = await statusOfPlaces(request, await signIns(places, context), context);
  writeStatuses(statuses, context);
  writeRefused(statuses, context);
  requireComplete(statuses);
}
