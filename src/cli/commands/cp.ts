import { Command, InvalidArgumentError } from 'commander';
import type { CopyOptions } from '../../app/copy/copy.ts';
import { usage } from '../../core/errors.ts';
import { parseCopy } from '../../app/copy/copy-request.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { withDiagnosis } from '../failed-connect.ts';
import { serviceArgument } from '../contradictions.ts';

interface CopyFlags {
  readonly sessions: number;
  readonly unsafeLinks?: true;
}

const DEFAULT_SESSIONS = 2;
const MOST_SESSIONS = 16;

export function cpCommand(invoke: Invoke, run: Run<CopyOptions> = runCopy): Command {
  return new Command('cp')
    .description('files and folders into a container or out of it, through ECS Exec')
    .argument('<path...>', 'sources and, last, the target; SERVICE:PATH is a path in a container, - a stream')
    .option(
      '--sessions <n>',
      `sessions that read one large file at once, 1 to ${MOST_SESSIONS}; each is a process in the task`,
      parseSessions,
      DEFAULT_SESSIONS,
    )
    .option('--unsafe-links', 'also make links that lead outside of the folder that is copied here')
    .addHelpText(
      'after',
      `
A relative PATH begins in the working directory of the container. With --service or --task, :PATH is enough. A file \
has its final name only when it is complete and its SHA-256 was compared; mode and time are kept. After a cut the same \
command goes on from where it was. The image needs a shell and what BusyBox has; docs/cp.md says what each missing \
program costs.

Examples:
  $ fargate-connect cp fix.sql orders-api:/tmp/
  $ fargate-connect cp orders-api:/app/log/app.log .
  $ fargate-connect cp orders-api:/app/log ./log
  $ pg_dump orders | fargate-connect cp - orders-api:/tmp/orders.sql
  $ fargate-connect cp --sessions 4 :/tmp/heap.hprof heap.hprof --task 1f0e9d8c --container app`,
    )
    .action((words: readonly string[], flags: CopyFlags, command: Command) => {
      const request = parseCopy(
        words.map((word) => Buffer.from(word)),
        process.platform === 'win32',
      );
      serviceArgument(request.service === '' ? undefined : request.service, command);
      return invoke(
        run,
        { request, sessions: flags.sessions, keepLinks: flags.unsafeLinks === true },
        command,
      );
    });
}

function parseSessions(value: string): number {
  const sessions = Number(value);
  if (/^\d+$/.test(value) && sessions >= 1 && sessions <= MOST_SESSIONS) return sessions;
  throw new InvalidArgumentError(`It is a number from 1 to ${MOST_SESSIONS}.`);
}

async function runCopy(options: CopyOptions, context: CommandContext): Promise<void> {
  const { copyFiles } = await import('../../app/copy/copy.ts');
  const { settings, terminal } = context;
  const isJson = settings.output === 'json';
  const { request } = options;
  if (isJson && request.direction === 'down' && request.target.kind === 'stream')
    throw usage('conflicting-option', '--json and - as target both write to stdout', {
      details: { expected: 'without --json, or a file as target' },
    });
  await withDiagnosis('exec', context, async () => {
    for await (const copied of copyFiles(options, context))
      if (isJson) terminal.stdout.write(`${JSON.stringify(copied)}\n`);
  });
}
