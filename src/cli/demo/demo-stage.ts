import { quoteWord } from '../../core/shell-words.ts';
import { PassThrough, Writable } from 'node:stream';
import { createColors } from '../../ui/colors.ts';
import { printable } from '../../ui/printable.ts';
import type { Signals } from '../../app/collaborators.ts';
import type { CliDeps, CommandContext } from '../context.ts';

type SignalName = Parameters<Signals['on']>[0];

/** Runs the tool's own command lines against the sandbox and shows them as a person types them. */
export interface Stage {
  /** One line of narration, on stderr. */
  say(text: string): void;
  /**
   * Shows a command line and runs it to its end, on the person's own terminal if there is one. Returns the exit status.
   */
  run(args: readonly string[]): Promise<number>;
  /**
   * Shows a command line and starts it without waiting for its end; each line of its stdout is shown and passed to
   * `onLine`.
   */
  start(args: readonly string[], onLine: (line: string) => void): Running;
  /** The same, on the person's terminal and without the command line, which the person has typed. */
  runTyped(args: readonly string[]): Promise<number>;
  /** The same, in the background: neither the command line nor its stdout is shown. */
  startTyped(args: readonly string[], onLine: (line: string) => void): Running;
  readonly context: CommandContext;
}

export interface Running {
  readonly status: Promise<number>;
  /** Stops the command as Ctrl-C does. */
  stop(): void;
}

/** A longer line is shown completely, but `onLine` gets only its end. */
const MAX_LINE = 64 * 1024;

export function createStage(
  context: CommandContext,
  world: { readonly env: Readonly<Record<string, string>>; readonly folder: string },
): Stage {
  const env = tourEnv(context.env, world);
  const colors = createColors(context.settings.color);
  const { stderr } = context.terminal;

  const shown = (args: readonly string[]): readonly string[] => {
    stderr.write(`\n${colors.bold(`$ ${commandLine(args)}`)}\n`);
    return args;
  };
  const start = (args: readonly string[], stdout: Writable, interactive: boolean): Running => {
    context.signal.throwIfAborted();
    const own = new OwnSignals(context.signals);
    const deps: CliDeps = {
      env,
      cwd: world.folder,
      terminal: interactive
        ? context.terminal
        : {
            ...context.terminal,
            stdin: new PassThrough().end(),
            stdout,
            stdinIsTty: false,
            stdoutIsTty: false,
          },
      clock: context.clock,
      random: context.random,
      signals: own,
      async openAccount(settings, callbacks) {
        const { openAwsAccount } = await import('../../aws/open-account.ts');
        return openAwsAccount(settings, env, callbacks);
      },
      version: context.version,
    };
    const status = import('../run-cli.ts').then(({ runCli }) => runCli(args, deps));
    return { status, stop: () => own.raise('SIGINT') };
  };

  return {
    context,
    say: (text) => void stderr.write(`${text}\n`),
    async run(args) {
      const stdout = new LineWriter(context.terminal.stdout, () => undefined);
      return start(shown(args), stdout, context.settings.input).status;
    },
    start: (args, onLine) => start(shown(args), new LineWriter(context.terminal.stdout, onLine), false),
    runTyped: (args) => start(args, context.terminal.stdout, true).status,
    startTyped: (args, onLine) => start(args, new LineWriter(undefined, onLine), false),
  };
}

/** The sandbox's environment, without the person's own AWS and fargate-connect settings. */
function tourEnv(
  env: CliDeps['env'],
  world: { readonly env: Readonly<Record<string, string>>; readonly folder: string },
): Readonly<Record<string, string | undefined>> {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(AWS_|ECS_CLUSTER$|FARGATE_CONNECT_|XDG_CONFIG_HOME$)/.test(name),
  );
  return { ...Object.fromEntries(kept), XDG_CONFIG_HOME: world.folder, ...world.env };
}

/** The command line as a person types it, quoted where a shell requires it. */
export function commandLine(args: readonly string[]): string {
  return ['fargate-connect', ...args.map(quoteWord)].map(printable).join(' ');
}

/** Forwards bytes, if there is a target, and calls `onLine` with each complete line. */
class LineWriter extends Writable {
  readonly #target: Writable | undefined;
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(target: Writable | undefined, onLine: (line: string) => void) {
    super({ decodeStrings: true });
    this.#target = target;
    this.#onLine = onLine;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const text = chunk.toString('utf8');
    const lines = `${this.#rest}${text}`.slice(-MAX_LINE).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    if (this.#target === undefined) done();
    else this.#target.write(chunk, done);
  }
}

/** The signals of the person and those that the tour sends. */
class OwnSignals implements Signals {
  readonly #outer: Signals;
  readonly #listeners = new Map<SignalName, Set<() => void>>();

  constructor(outer: Signals) {
    this.#outer = outer;
  }

  on(name: SignalName, listener: () => void): () => void {
    const removeOuter = this.#outer.on(name, listener);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      removeOuter();
      listeners.delete(listener);
    };
  }

  raise(name: SignalName): void {
    for (const listener of Array.from(this.#listeners.get(name) ?? [])) listener();
  }
}
