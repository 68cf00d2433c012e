import { Command } from 'commander';
import type { SignIns } from '../../app/account-places.ts';
import type { StatusRequest } from '../../app/bastion/status.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { wholeSeconds } from '../whole-seconds.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';

/** A round of `status` makes more calls than one of `ls`, and a bastion changes more slowly. */
const WATCH_SECONDS = 10;

export interface StatusOptions extends StatusRequest {
  /** Seconds between two rounds of `--watch`; undefined = one round. */
  readonly watch: number | undefined;
}

interface StatusFlags extends IamFlags {
  readonly name?: string;
  readonly allRegions?: boolean;
  readonly watch?: number | true;
}

export function statusCommand(invoke: Invoke, run: Run<StatusOptions> = runStatus): Command {
  const command = new Command('status')
    .description('bastions: age, time left, sessions, cost so far')
    .option('--name <name>', 'only this bastion')
    .option('--all-regions', 'look in every region of the account')
    .option('--watch [seconds]', 'look again every 10 seconds until Ctrl-C', wholeSeconds);
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  $ fargate-connect status
  $ fargate-connect status --watch
  $ fargate-connect status --all-regions --json
  $ fargate-connect status --profile dev,prod --region eu-west-1,us-east-1`,
    )
    .action((flags: StatusFlags, command: Command) =>
      invoke(
        run,
        {
          name: flags.name,
          allRegions: flags.allRegions === true,
          iam: iamFlagsOf(flags),
          watch: flags.watch === true ? WATCH_SECONDS : flags.watch,
        },
        command,
      ),
    );
}

async function runStatus({ watch, ...request }: StatusOptions, context: CommandContext): Promise<void> {
  if (watch === undefined) return printStatus(request, context);
  const { repeatOnScreen } = await import('../render/watch.ts');
  return repeatOnScreen(watch, context, (round) => printStatus(request, round));
}

async function printStatus(request: StatusRequest, context: CommandContext): Promise<void> {
  const { accountPlaces, signIns } = await import('../../app/account-places.ts');
  const places = accountPlaces(context.settings);
  if (places.length > 1) return runStatusOfPlaces(request, () => signIns(places, context), context);
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
  signIn: () => Promise<SignIns>,
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
  const statuses = await statusOfPlaces(request, await signIn(), context);
  writeStatuses(statuses, context);
  writeRefused(statuses, context);
  requireComplete(statuses);
}
