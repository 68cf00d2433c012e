import { Command, Option } from 'commander';

import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface ForwardOptions {
  /** As typed, `[bind:]local:host:remote` or `local:remote`. */
  readonly forwards: readonly string[];
  readonly via: 'auto' | 'task' | 'bastion';
  /** `HOST:PORT` or `PORT`; stdin and stdout instead of a listener. */
  readonly stdio: string | undefined;
  readonly service: string | undefined;
  /** Which bastion, for `--via bastion`. */
  readonly name: string | undefined;
  /** False with `--no-replace`. */
  readonly replace: boolean;
  /** A session document with host and port in it; `forwards` then are `[bind:]local`. */
  readonly document: string | undefined;
}

export function forwardCommand(invoke: Invoke, run: Run<ForwardOptions> = runForward): Command {
  return new Command('forward')
    .description('local ports to a task, or to hosts behind a task or the bastion')
    .argument('[service]', 'service whose task carries the connections')
    .option(
      '-L <spec>',
      '[bind:]local:host:remote, or local:remote for a port of the task itself; repeatable',
      addSpec,
    )
    .addOption(
      new Option('--via <way>', 'what carries the connections')
        .choices(['auto', 'task', 'bastion'])
        .default('auto'),
    )
    .option('--stdio <target>', 'HOST:PORT on stdin and stdout, for ssh -o ProxyCommand')
    .option('--document <name>', 'session document that has host and port in it; -L is [bind:]local then')
    .option('--name <bastion>', 'which bastion, when there are several')
    .option('--no-replace', 'launch no replacement of a spot bastion that EC2 takes back')
    .addHelpText(
      'after',
      `
Stays up until Ctrl-C, which is its regular end (exit 0; 130 before it was ready). With --json each listener that is \
ready is one line on stdout. Local port 0 takes any free port. --via auto: a task when a service or task is named, \
else the bastion.

Examples:
  $ fargate-connect forward orders-api -L 8080:80
  $ fargate-connect forward -L 5432:db.internal:5432 -L 6379:cache.internal:6379 --via bastion
  $ fargate-connect forward --document fargate-connect-orders-db -L 5432
  $ ssh -o ProxyCommand='fargate-connect forward --stdio %h:%p --via bastion' me@host.internal`,
    )
    .action(
      (
        service: string | undefined,
        flags: {
          L?: readonly string[];
          via: ForwardOptions['via'];
          stdio?: string;
          name?: string;
          replace: boolean;
          document?: string;
        },
        command: Command,
      ) =>
        invoke(
          run,
          {
            forwards: flags.L ?? [],
            via: flags.via,
            stdio: flags.stdio,
            service,
            name: flags.name,
            replace: flags.replace,
            document: flags.document,
          },
          command,
        ),
    );
}

const addSpec = (spec: string, all: readonly string[] | undefined): readonly string[] => [
  ...(all ?? []),
  spec,
];

/** Resolves with 0 when the person ended it after it was ready; throws `interrupted` before that. */
async function runForward(options: ForwardOptions, context: CommandContext): Promise<number> {
  const { parseForward, parseListener, parseTarget } = await import('../../connect/forward/forward-spec.ts');
  if (options.stdio === undefined && options.forwards.length === 0) {
    throw usage('forward-needed', 'nothing to forward', {
      hints: [
        '-L 8080:80   # a port of the task',
        '-L 5432:db.internal:5432   # a host behind it',
        '--stdio HOST:PORT',
      ],
    });
  }
  if (options.stdio !== undefined && options.forwards.length > 0) {
    throw usage('bad-arguments', '--stdio and -L exclude each other');
  }
  if (options.stdio !== undefined && options.document !== undefined) {
    throw usage('bad-arguments', '--stdio names host and port, and so does a --document', {
      hints: [`fargate-connect forward --document ${options.document} -L 0`],
    });
  }
  // All that the command line alone can get wrong is said before AWS is asked anything.
  const target = options.stdio === undefined ? undefined : parseTarget(options.stdio);
  const specs = options.forwards.map(options.document === undefined ? parseForward : parseListener);
  const { forwardStdio, runForwards } = await import('../../app/forward/forwards.ts');
  return target === undefined ? runForwards(specs, options, context) : forwardStdio(target, options, context);
}
