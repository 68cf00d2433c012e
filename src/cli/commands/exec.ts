import { Command } from 'commander';

import type { TaskOutputs } from '../../app/session/exec-in-tasks.ts';
import type { ExecRequest } from '../../app/session/exec.ts';
import type { RecordingRequest } from '../../app/session/recorded-session.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';
import { addRecordingFlags, type RecordingFlags, recordingOf } from '../recording-flags.ts';
import { diagnosed, withDiagnosis } from '../failed-connect.ts';
import { wordsAfterDashes } from '../missing-dashes.ts';

interface ExecFlags extends RecordingFlags {
  /** Undefined without `-i` and `--no-stdin`. */
  readonly stdin?: boolean;
  /** Undefined without `-t` and `--no-tty`. */
  readonly tty?: boolean;
  readonly all?: true;
  readonly keepAlive?: true;
}

export interface ExecOptions extends ExecRequest {
  /** Undefined = the session is not recorded. */
  readonly record: RecordingRequest | undefined;
}

export function execCommand(invoke: Invoke, run: Run<ExecOptions> = runExec): Command {
  const command = new Command('exec')
    .description('a shell or a command in a container, through ECS Exec')
    .argument('[service]', 'service whose best task is used (docs/exec.md); --task names one')
    .argument('[command...]', 'after --: program and arguments, passed on exactly as given')
    .usage('[service] [flags] [-- command...]')
    .option('-i, --stdin', 'pass stdin on, which is the default; without -t the command gets pipes')
    .option('-t, --tty', 'give the command a terminal, which is the default where stdin and stdout are one')
    .option('--no-tty', 'give the command pipes, also on a terminal')
    .option('--no-stdin', 'do not read stdin; the command gets an empty one')
    .option('--keep-alive', 'keep the session of an idle shell; otherwise ECS Exec ends it after 20 minutes')
    .option('--all', 'run the command in every running task of the service, up to 20 at a time');
  return addRecordingFlags(command)
    .addHelpText(
      'after',
      `
With a command, exec ends with the command's exit status; 255 means that the connection failed. Without a terminal, or with --no-tty, \
the command gets pipes: stdout and stderr arrive unchanged and apart, and stdin is passed on to its end. With a \
terminal they come out together. A program that opens /dev/tty itself, to ask for a password, needs --tty.
With --all, or --task with several ids, each line of output begins with the id of its task, and exec ends with the worst \
status. With --json, each task becomes one object on stdout.
On a terminal, ~. at the start of a line ends a stuck session; ~? lists the escapes.

Examples:
  $ fargate-connect exec orders-api
  $ fargate-connect exec orders-api --container app -- printenv DATABASE_URL
  $ cat fix.sql | fargate-connect exec orders-api -- psql
  $ fargate-connect exec orders-api --no-tty -- git log
  $ fargate-connect exec orders-api --all -- cat /proc/loadavg`,
    )
    .action((service: string | undefined, rest: readonly string[], flags: ExecFlags, command: Command) => {
      const typed = [...(service === undefined ? [] : [service]), ...rest];
      const { before, after } = wordsAfterDashes(typed, command);
      serviceArgument(before[0], command);
      return invoke(
        run,
        {
          service: before[0],
          command: after,
          stdin: flags.stdin,
          all: flags.all === true,
          keepAlive: flags.keepAlive === true,
          record: recordingOf(flags),
          tty: flags.tty ?? (flags.stdin === true ? false : undefined),
        },
        command,
      );
    });
}

/** Of several tasks with the same error, the first one is diagnosed. */
function withFindings(outputs: TaskOutputs, context: CommandContext): TaskOutputs {
  const codes = new Set<string>();
  return {
    open: (task) => outputs.open(task),
    async ended(result) {
      const { error } = result;
      if (error === undefined || codes.has(error.code)) return outputs.ended(result);
      codes.add(error.code);
      return outputs.ended({ ...result, error: await diagnosed('exec', context, error) });
    },
  };
}

/** Resolves with the command's own exit status; without a command with 0 when the shell has ended. */
async function runExec({ record, ...request }: ExecOptions, context: CommandContext): Promise<number> {
  const { execInContainer } = await import('../../app/session/exec.ts');
  const work = (deps: CommandContext): Promise<number> =>
    withDiagnosis('exec', deps, () =>
      execInContainer(request, deps, async () => {
        const { createTaskOutputs } = await import('../render/task-outputs.ts');
        return withFindings(createTaskOutputs(deps), deps);
      }),
    );
  if (record === undefined) return work(context);
  const { recorded } = await import('../../app/session/recorded-session.ts');
  // The words of the command may hold a secret.
  return recorded(record, `exec ${request.service ?? context.settings.service ?? ''}`.trim(), context, work);
}
