import { Command, Option } from 'commander';
import type { DownRequest } from '../../app/bastion/take-down.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';

interface DownFlags extends IamFlags {
  readonly name: string;
  readonly all?: boolean;
  readonly force?: boolean;
}

export function downCommand(invoke: Invoke, run: Run<DownRequest> = runDown): Command {
  const command = new Command('down')
    .description('delete everything that up made, found by tags; verify; name what is left')
    .option('--name <name>', 'name of the bastion', 'default')
    .addOption(new Option('--all', 'every bastion of this account and region').conflicts('name'))
    .option('--force', "also while other people's sessions are open, or cannot be seen");
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Works from any machine and after any crash; running it twice does no harm. It exits 5 if something is left, and names it.

Examples:
  $ fargate-connect down
  $ fargate-connect down --name orders --yes
  $ fargate-connect down --all`,
    )
    .action((flags: DownFlags, command: Command) =>
      invoke(
        run,
        { name: flags.name, all: flags.all === true, force: flags.force === true, iam: iamFlagsOf(flags) },
        command,
      ),
    );
}

async function runDown(request: DownRequest, context: CommandContext): Promise<void> {
  const { sweepEphemeral } = await import('../../app/bastion/sweep.ts');
  await downOf(request, context);
  await sweepEphemeral(request.iam, context);
}

async function downOf(request: DownRequest, context: CommandContext): Promise<void> {
  const [{ findForDown, planTeardown, takeDown }, text] = await Promise.all([
    import('../../app/bastion/take-down.ts'),
    import('../render/down-text.ts'),
  ]);
  const found = await findForDown(request, context);
  if (found.full.length === 0) {
    text.writeNothing(request, found, context);
    return;
  }
  const planned = await planTeardown(found, request, context);
  text.reportTeardown(planned, found, context);
  const taken = await takeDown(found, planned, context);
  text.writeTakenDown(taken, found, context);
  if (taken.problem !== undefined) throw taken.problem;
}
