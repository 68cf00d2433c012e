import { Command } from 'commander';

import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface VerifyRecordingOptions {
  readonly file: string;
  /** The hash that was printed when the session ended; undefined = only the file itself is checked. */
  readonly hash: string | undefined;
}

export function verifyRecordingCommand(
  invoke: Invoke,
  run: Run<VerifyRecordingOptions> = runVerifyRecording,
): Command {
  return new Command('verify-recording')
    .description('check that a recording of exec --record or shell --record is whole and was not changed')
    .argument('<file>', 'the recording')
    .option('--hash <hex>', 'the hash that was printed when the session ended')
    .addHelpText(
      'after',
      `
Each line of a recording is a part of a chain of hashes. Who changes a line can compute the chain anew, so keep the hash \
that is printed at the end of the session elsewhere, and give it with --hash.

Examples:
  $ fargate-connect verify-recording incident-42.cast
  $ fargate-connect verify-recording incident-42.cast --hash 9f86d081884c7d65…`,
    )
    .action((file: string, flags: { hash?: string }, command: Command) =>
      invoke(run, { file, hash: flags.hash }, command),
    );
}

async function runVerifyRecording(
  { file, hash }: VerifyRecordingOptions,
  { settings, terminal }: CommandContext,
): Promise<void> {
  const { verifyRecordingFile } = await import('../../app/session/recorded-session.ts');
  const found = await verifyRecordingFile(file, hash);
  terminal.stdout.write(
    settings.output === 'json'
      ? `${JSON.stringify({ file, ...found })}\n`
      : `${file} is whole: ${found.events} events in ${Math.round(found.seconds)} s, hash ${found.hash}\n`,
  );
}
