import { Command } from 'commander';

import type { BastionSessionRequest } from '../../app/session/bastion-session.ts';
import type { RecordingRequest } from '../../app/session/recorded-session.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { withDiagnosis } from '../failed-connect.ts';
import { addRecordingFlags, type RecordingFlags, recordingOf } from '../recording-flags.ts';

export interface ShellOptions extends BastionSessionRequest {
  /** Undefined = the session is not recorded. */
  readonly record: RecordingRequest | undefined;
}

export function shellCommand(invoke: Invoke, run: Run<ShellOptions> = runShell): Command {
  const command = new Command('shell')
    .description('a Session Manager shell on the bastion, or a command there')
    .argument('[command...]', 'after --: program and arguments, passed on exactly as given')
    .usage('[flags] [-- command...]')
    .option('--name <bastion>', 'which bastion, when there are several');
  return addRecordingFlags(command)
    .addHelpText(
      'after',
      `
~. at the start of a line ends a stuck session; ~? lists the escapes.
A command has no terminal and no stdin; shell passes on its stdout, stderr and exit status. 255 means that the connection \
failed.

Examples:
  $ fargate-connect shell
  $ fargate-connect shell -- ecs_connect.sh --help
  $ echo 'ecs_connect.sh orders-api' | fargate-connect shell`,
    )
    .action((words: readonly string[], flags: RecordingFlags & { name?: string }, command: Command) =>
      invoke(run, { name: flags.name, command: words, record: recordingOf(flags) }, command),
    );
}

/** Resolves with the exit status for our process. */
async function runShell({ record, ...request }: ShellOptions, context: CommandContext): Promise<number> {
  const { openBastionSession } = await import('../../app/session/bastion-session.ts');
  const work = (deps: CommandContext): Promise<number> =>
    withDiagnosis('shell', deps, () => openBastionSession(request, deps));
  if (record === undefined) return work(context);
  const { recorded } = await import('../../app/session/recorded-session.ts');
  return recorded(record, 'shell', context, work);
}
