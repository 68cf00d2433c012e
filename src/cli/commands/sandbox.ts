import { singleQuoted } from '../../core/shell-words.ts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { failed } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { NO_CONFINEMENT, whereShellsRun } from '../sandbox-confinement.ts';
import { requirePackages } from '../sandbox-packages.ts';

export interface SandboxCommandOptions {
  /** 0 = any free port. */
  readonly port: number;
  readonly faults: readonly string[];
  readonly agentPace: 'fast' | 'official';
  /** Features of the official agent that the sandbox's agent should lack. */
  readonly agentWithout: readonly string[];
  /** True = every shell and command session is encrypted with KMS. */
  readonly demandEncryption: boolean;
  /** A world file; undefined = the built-in world. */
  readonly world: string | undefined;
  /** Number of generated services and tasks in addition to the world; 0 = none. */
  readonly services: number;
  readonly tasks: number;
  readonly latencyMs: number;
  /** True = containers run in their own namespaces, where the system supports it. */
  readonly confinement: boolean;
  /** API calls per second; undefined = no limit. */
  readonly callsPerSecond: number | undefined;
}

export function sandboxCommand(invoke: Invoke, run: Run<SandboxCommandOptions> = runSandbox): Command {
  return new Command('sandbox')
    .description('run the embedded AWS on 127.0.0.1 until Ctrl-C')
    .option('--port <number>', 'port to listen on, 0 for any free one', portNumber, 0)
    .option('--fault <spec>', 'inject a fault; repeatable', collect)
    .addOption(
      new Option('--agent-pace <pace>', 'how fast the SSM agent sends')
        .choices(['fast', 'official'])
        .default('fast'),
    )
    .option(
      '--without-agent-trait <trait>',
      'make the agent do without a trait of the official one; repeatable',
      collect,
    )
    .option('--demand-encryption', 'encrypt every shell and command session with KMS', false)
    .option('--world <file>', 'start with what a YAML file describes (docs/sandbox-world.md)')
    .option('--services <number>', 'generate so many ECS services in cluster large', countOf(20_000), 0)
    .option('--tasks <number>', 'generate so many ECS tasks, spread over the services', countOf(100_000), 0)
    .option('--latency <ms>', 'make every API call take at least that long', countOf(60_000), 0)
    .option('--rate <number>', 'API calls a second, for each service, before AWS refuses; e.g. 20/s', rate)
    .option('--no-confinement', NO_CONFINEMENT)
    .addHelpText(
      'after',
      `
Prints the environment that points AWS clients at the sandbox; with --json, one line {"endpoint":…,"env":{…}}.

Its shells run on this machine: those of bastions with your rights, those of containers in Linux namespaces \
where that works. Do not run in them what you would not run in your own shell.

Examples:
  $ fargate-connect sandbox > sandbox.env
  $ source sandbox.env                           in another shell, then:
  $ fargate-connect ls services --cluster demo
  $ fargate-connect sandbox --services 5000 --tasks 20000 --latency 60 --rate 20/s`,
    )
    .action(
      (
        flags: {
          port: number;
          fault?: readonly string[];
          agentPace: 'fast' | 'official';
          withoutAgentTrait?: readonly string[];
          demandEncryption: boolean;
          world?: string;
          services: number;
          tasks: number;
          confinement: boolean;
          latency: number;
          rate?: number;
        },
        command: Command,
      ) => {
        const { fault = [], withoutAgentTrait = [], world, latency, rate: callsPerSecond, ...rest } = flags;
        return invoke(
          run,
          {
            ...rest,
            faults: fault,
            agentWithout: withoutAgentTrait,
            world,
            latencyMs: latency,
            callsPerSecond,
          },
          command,
        );
      },
    );
}

const collect = (spec: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  spec,
];

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

const countOf =
  (most: number) =>
  (text: string): number => {
    const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (!(count <= most)) throw new InvalidArgumentError(`A whole number from 0 to ${most} is expected.`);
    return count;
  };

/** `20` or `20/s`. */
function rate(text: string): number {
  const match = /^(\d{1,5}(?:\.\d{1,3})?)(?:\/s)?$/.exec(text);
  if (match === null || Number(match[1]) === 0)
    throw new InvalidArgumentError('A number of calls a second is expected, e.g. 20/s.');
  return Number(match[1]);
}

async function runSandbox(options: SandboxCommandOptions, context: CommandContext): Promise<number> {
  const { missingPackages } = await import('../../sandbox/packages.ts');
  requirePackages(await missingPackages());
  const [{ startSandbox }, { parseAgentTraits }, { loadWorld }] = await Promise.all([
    import('../../sandbox/sandbox.ts'),
    import('../../sandbox/agent/agent-traits.ts'),
    import('../../sandbox/world/load-world.ts'),
  ]);
  const sandbox = await startSandbox({
    port: options.port,
    faults: options.faults,
    agentPace: options.agentPace,
    agentWithout: parseAgentTraits(options.agentWithout),
    demandEncryption: options.demandEncryption,
    seed: loadWorld({ file: options.world, services: options.services, tasks: options.tasks }),
    latencyMs: options.latencyMs,
    confine: options.confinement,
    ...(options.callsPerSecond === undefined ? {} : { callsPerSecond: options.callsPerSecond }),
  }).catch((error: unknown) => {
    throw isPortTrouble(error) ? portTaken(options.port, error) : error;
  });
  context.scope.add(() => sandbox.close());
  const { stdout } = context.terminal;
  if (context.settings.output === 'json') {
    stdout.write(`${JSON.stringify({ endpoint: sandbox.endpoint, env: sandbox.env })}\n`);
  } else {
    stdout.write(exportLines(sandbox.env));
    context.report({
      type: 'note',
      level: 'info',
      code: 'sandbox-ready',
      message: `sandbox on ${sandbox.endpoint}; paste the lines above into another shell; Ctrl-C ends it. ${whereShellsRun(sandbox.isConfined)}`,
    });
  }
  await untilAborted(context.signal);
  return 0;
}

const isPortTrouble = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES');

const portTaken = (port: number, cause: unknown): Error =>
  failed('sandbox-port', `cannot listen on 127.0.0.1:${port}, it is taken or not allowed`, {
    details: { port },
    cause,
  });

/**
 * Lines for `eval` and `source`. They unset variables too: a profile or session token left over from real work would
 * take precedence over the sandbox's keys.
 */
export function exportLines(env: Readonly<Record<string, string>>): string {
  const lines = Object.entries(env).map(([name, value]) => `export ${name}=${singleQuoted(value)}`);
  return `${[...lines, 'unset AWS_PROFILE AWS_SESSION_TOKEN'].join('\n')}\n`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
