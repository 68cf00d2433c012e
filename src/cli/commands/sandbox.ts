import { singleQuoted } from '../../core/shell-words.ts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { failed } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { requirePackages } from '../sandbox-packages.ts';

export interface SandboxCommandOptions {
  /** 0 = any free port. */
  readonly port: number;
  readonly faults: readonly string[];
  readonly agentPace: 'fast' | 'official';
  /** Traits of the official agent that the sandbox's agent does without. */
  readonly agentWithout: readonly string[];
  /** Every shell and command session is encrypted with KMS. */
  readonly demandEncryption: boolean;
}

export function sandboxCommand(invoke: Invoke, run: Run<SandboxCommandOptions> = runSandbox): Command {
  return new Command('sandbox')
    .description('run the embedded AWS on 127.0.0.1 until Ctrl-C')
    .option('--port <number>', 'port to listen on, 0 for any free one', portNumber, 0)
    .option('--fault <spec>', 'inject a fault; repeatable', collect)
    .addOption(
      new Option('--agent-pace <pace>', 'how the SSM agent behaves in time')
        .choices(['fast', 'official'])
        .default('fast'),
    )
    .option(
      '--without-agent-trait <trait>',
      'make the agent do without a trait of the official one; repeatable',
      collect,
    )
    .option('--demand-encryption', 'encrypt every shell and command session with KMS', false)
    .addHelpText(
      'after',
      `
Prints the environment that points AWS clients at the sandbox; with --json, one line {"endpoint":…,"env":{…}}.

Examples:
  $ fargate-connect sandbox > sandbox.env
  $ source sandbox.env                           in another shell, then:
  $ fargate-connect ls services --cluster demo`,
    )
    .action(
      (
        flags: {
          port: number;
          fault?: readonly string[];
          agentPace: 'fast' | 'official';
          withoutAgentTrait?: readonly string[];
          demandEncryption: boolean;
        },
        command: Command,
      ) => {
        const { port, fault = [], agentPace, withoutAgentTrait = [], demandEncryption } = flags;
        return invoke(
          run,
          { port, faults: fault, agentPace, agentWithout: withoutAgentTrait, demandEncryption },
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

async function runSandbox(options: SandboxCommandOptions, context: CommandContext): Promise<number> {
  const { missingPackages } = await import('../../sandbox/packages.ts');
  requirePackages(await missingPackages());
  const [{ startSandbox }, { parseAgentTraits }] = await Promise.all([
    import('../../sandbox/sandbox.ts'),
    import('../../sandbox/agent/agent-traits.ts'),
  ]);
  const sandbox = await startSandbox({
    port: options.port,
    faults: options.faults,
    agentPace: options.agentPace,
    agentWithout: parseAgentTraits(options.agentWithout),
    demandEncryption: options.demandEncryption,
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
      message: `sandbox on ${sandbox.endpoint}; paste the lines above into another shell; Ctrl-C ends it`,
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

/** For `eval` and `source`. A profile or session token left over from real work would win over the sandbox's keys. */
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
