import { once } from 'node:events';
import { Command } from 'commander';

import type { LogsRequest } from '../../app/logs/logs.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { parseDuration } from '../../core/duration.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';

export interface LogsOptions extends LogsRequest {
  /** Times in UTC instead of the local zone. */
  readonly utc: boolean;
}

interface LogsFlags {
  readonly follow?: true;
  readonly since?: string;
  readonly grep?: string;
  readonly ignoreCase?: true;
  readonly filterPattern?: string;
  readonly utc?: true;
}

/** CloudWatch Logs keeps nothing longer than ten years. */
const LONGEST_MS = 3_653 * 86_400_000;

export function logsCommand(invoke: Invoke, run: Run<LogsOptions> = runLogs): Command {
  return new Command('logs')
    .description("the log of a service's containers, running or stopped, from CloudWatch Logs")
    .argument('[service]', 'service whose tasks are read; --task and --container narrow it down')
    .option('-f, --follow', 'go on with what is written from now on; new tasks join by themselves')
    .option('--since <duration>', 'from so long ago: 45s, 15m, 8h, 2d (default: 15m)')
    .option('--grep <regex>', 'only events that the regular expression of JavaScript matches')
    .option('-i, --ignore-case', 'let --grep match upper and lower case alike')
    .option('--filter-pattern <pattern>', 'only events that AWS finds by its own filter pattern')
    .option('--utc', 'times in UTC, not in the local time zone')
    .addHelpText(
      'after',
      `
Group, stream and region are those of the task definition (log driver awslogs). Where no task runs, the log of the tasks \
that stopped last is printed from their start, and why they stopped. --grep is applied here and reads everything; \
--filter-pattern is applied by AWS: quicker on a large log, with its own rules. With --json, one object a line.

Examples:
  $ fargate-connect logs orders-api --follow
  $ fargate-connect logs orders-api --since 2h --grep 'timeout|refused' --ignore-case
  $ fargate-connect logs --task 1f0e9d8c --container app --json | jq -r .message`,
    )
    .action((service: string | undefined, flags: LogsFlags, command: Command) => {
      serviceArgument(service, command);
      return invoke(run, optionsOf(flags), command);
    });
}

function optionsOf(flags: LogsFlags): LogsOptions {
  if (flags.ignoreCase === true && flags.grep === undefined)
    throw usage('invalid-argument', '--ignore-case belongs to --grep, which is not given', {
      details: { expected: '--grep REGEX --ignore-case' },
    });
  return {
    follow: flags.follow === true,
    since: flags.since === undefined ? undefined : sinceOf(flags.since),
    grep: flags.grep === undefined ? undefined : regexOf(flags.grep, flags.ignoreCase === true),
    pattern: flags.filterPattern,
    utc: flags.utc === true,
  };
}

function sinceOf(value: string): number {
  const since = parseDuration(value);
  if (since !== undefined && since > 0 && since <= LONGEST_MS) return since;
  const known = since === undefined ? {} : { between: ['1s', '3653d'] as const };
  throw usage('duration', `--since ${value} is ${since === undefined ? 'not a duration' : 'out of range'}`, {
    details: { flag: '--since', value, ...known },
  });
}

function regexOf(source: string, ignoreCase: boolean): RegExp {
  try {
    return new RegExp(source, ignoreCase ? 'i' : '');
  } catch (error) {
    throw usage('invalid-argument', `--grep ${source} is no regular expression`, {
      details: {
        expected: 'a regular expression; \\ before . * + ? ( ) [ ] { } ^ $ | means the character itself',
      },
      cause: error,
    });
  }
}

async function runLogs(options: LogsOptions, context: CommandContext): Promise<void> {
  const { wantedOf } = await import('../../app/session/session-setup.ts');
  const wanted = wantedOf(context.settings);
  if (wanted.service !== undefined || wanted.task !== undefined) {
    const { withWholeName } = await import('../../app/listing/whole-name.ts');
    return withWholeName(wanted, 'service', context, (whole) => writeLogs(whole, options, context));
  }
  if (!context.settings.input) throw usage('service-needed', 'logs needs a service or a task');
  const { pickService } = await import('../../app/listing/pick.ts');
  return writeLogs(
    { ...(await pickService(context, wanted)), container: wanted.container },
    options,
    context,
  );
}

/** Prints the log to stdout; ends at the end of the log, or throws the reason of the run's signal. */
export async function writeLogs(
  wanted: Wanted,
  options: LogsOptions,
  context: CommandContext,
): Promise<void> {
  const [{ readLogs }, { LogRenderer }] = await Promise.all([
    import('../../app/logs/logs.ts'),
    import('../render/log-lines.ts'),
  ]);
  const { clock, settings, signal, terminal } = context;
  const renderer = new LogRenderer({
    json: settings.output === 'json',
    isTty: terminal.stdoutIsTty,
    color: settings.color,
    utc: options.utc,
    now: clock.now(),
  });
  for await (const lines of readLogs(wanted, options, context)) {
    // If the reader of the pipe is slower than AWS, the next page waits for it.
    if (!terminal.stdout.write(renderer.render(lines))) await once(terminal.stdout, 'drain', { signal });
  }
}
