import type { EventEmitter } from 'node:events';
import { type Command, CommanderError } from 'commander';
import { withArnsChecked } from '../app/arn-scope.ts';
import type { AccountPlace } from '../app/collaborators.ts';
import type { AwsAccount } from '../aws/account.ts';
import type { Settings } from '../config/settings.ts';
import type { AccountCallbacks } from '../aws/client-config.ts';
import type { ChoiceHistory } from '../config/choice-history.ts';
import { resolveSettings, type Resolved } from '../config/resolve.ts';
import { CleanupScope } from '../core/cleanup.ts';
import { withDeadline } from '../core/clock.ts';
import { describeDuration } from '../core/duration.ts';
import { EXIT_STATUS, ToolError, failed, interrupted } from '../core/errors.ts';
import type { Report, ToolEvent } from '../core/events.ts';
import { createColors } from '../ui/colors.ts';
import { createReporter } from '../ui/create-reporter.ts';
import { createPrompter } from '../ui/inquirer-prompter.ts';
import type { Prompter } from '../ui/prompter.ts';
import { withoutPasswords } from '../ui/printable.ts';
import { guardTerminal, type GuardedTerminal } from '../ui/terminal.ts';
import type { AdviceContext, GivenFlags } from './advice/command-lines.ts';
import { assetFolder } from './assets.ts';
import type { Invoke, Run } from './command.ts';
import type { CliDeps, CommandContext } from './context.ts';
import { refuseContradictions, refuseSeveralPlaces } from './contradictions.ts';
import { reportOf } from './error-report.ts';
import { withOrigin } from './origins.ts';
import { COMMANDS, type CommandGroup, createProgram } from './program.ts';
import { adviceContextOf, asksForJson, typedFlags } from './shared-flags.ts';
import { isInterruption, SignalRouter, unlessCutOff } from './signal-router.ts';
import { hangupStatus, isHangup, streamFailed, type StreamName } from './stream-errors.ts';
import { commandNames, firstWordAt, refuseUnknownCommand, usageError } from './usage-errors.ts';

/** How long clean-up may take before the run ends without waiting for it. */
const CLEANUP_DEADLINE_MS = 20_000;
/** How long a command may take to end its session after a crash or when its terminal is gone. */
const WORK_END_MS = 5_000;
/** How long a command may continue after the first Ctrl-C before clean-up starts although the command still runs. */
const GRACE_MS = 10_000;

/** Runs one command line to its end and returns the exit status; never throws, never ends the process. */
export async function runCli(
  argv: readonly string[],
  deps: CliDeps,
  commands: readonly CommandGroup[] = COMMANDS,
): Promise<number> {
  return new CliRun(deps, commands, argv).finish();
}

/**
 * How a run ended: the command returned, an error was thrown, the terminal or the reader of the output is gone, or the
 * command did not stop in time.
 */
type Ending =
  | { readonly kind: 'overdue' }
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'hangup'; readonly exitStatus: number };

const errorOf = (error: unknown): Ending => ({ kind: 'error', error });

class CliRun {
  readonly #deps: CliDeps;
  readonly #commands: readonly CommandGroup[];
  readonly #scope = new CleanupScope();
  readonly #abort = new AbortController();
  readonly #router: SignalRouter;
  readonly #ended: Promise<Ending>;
  readonly #forced: Promise<'forced'>;
  #end: (ending: Ending) => void = () => undefined;
  #force: () => void = () => undefined;
  #style: { json: boolean; debug: boolean; color: boolean };
  #terminal: GuardedTerminal | undefined;
  #closeReporter: () => void = () => undefined;
  #status = 0;
  /** What is known of this run for advice; it is replaced once the command line has been parsed. */
  #advice: AdviceContext;
  #commandRuns = false;
  /** True after a signal has asked the run to stop. */
  #hasPrompted = false;

  constructor(deps: CliDeps, commands: readonly CommandGroup[], argv: readonly string[]) {
    this.#deps = deps;
    this.#commands = commands;
    this.#style = { json: asksForJson(argv), debug: false, color: false };
    this.#advice = { command: undefined, given: {}, argv };
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#forced = new Promise((resolve) => {
      this.#force = () => resolve('forced');
    });
    this.#router = new SignalRouter(deps.signals, () => this.#onSignal());
  }

  async finish(): Promise<number> {
    const unwatch = this.#watchEdges();
    try {
      const work = this.#parseAndRun()
        .then(() => this.#outputWritten())
        .then(
          (): Ending => ({ kind: 'done' }),
          (error: unknown) => errorOf(unlessCutOff(error, this.#abort.signal)),
        );
      const ending = await Promise.race([work, this.#ended, this.#forced]);
      if (ending === 'forced') return EXIT_STATUS.interrupted;
      if (ending.kind !== 'done' && ending.kind !== 'overdue') await this.#waitForWork(work);
      const cleanup = await Promise.race([this.#cleanUp(), this.#forced]);
      this.#restoreScreen();
      if (cleanup === 'forced') return EXIT_STATUS.interrupted;
      switch (ending.kind) {
        case 'hangup':
          return ending.exitStatus;
        case 'overdue':
          return this.#say(cleanup.kind === 'error' ? cleanup.error : interrupted());
        case 'error':
          // After Ctrl-C only the resources that clean-up could not remove are reported; the person knows that they
          // pressed Ctrl-C.
          return await this.#say(
            isInterruption(ending.error) && cleanup.kind === 'error' ? cleanup.error : ending.error,
          );
        case 'done':
          return cleanup.kind === 'error' ? await this.#say(cleanup.error) : this.#status;
      }
    } finally {
      unwatch();
      this.#router.close();
      this.#restoreScreen();
    }
  }

  /**
   * After a crash or a hang-up the command itself still runs, and only the command can end its session. It may be doing
   * so already: the terminal of a process whose parent has ended fails while the session is being terminated.
   */
  async #waitForWork(work: Promise<unknown>): Promise<void> {
    this.#abort.abort(interrupted());
    let cancel: () => void = () => undefined;
    const timedOut = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.timer(WORK_END_MS, resolve);
    });
    await Promise.race([work, timedOut, this.#forced]);
    cancel();
  }

  #cleanUp(): Promise<Ending> {
    return withDeadline(this.#deps.clock, CLEANUP_DEADLINE_MS, this.#scope.close(), () =>
      failed('cleanup-timeout', `clean-up did not finish within ${describeDuration(CLEANUP_DEADLINE_MS)}`),
    ).then((): Ending => ({ kind: 'done' }), errorOf);
  }

  #restoreScreen(): void {
    this.#closeReporter();
    this.#terminal?.restore();
  }

  /** Prints the error and returns its exit status. */
  async #say(error: unknown): Promise<number> {
    // After Ctrl-C, an error of an aborted library call is only a consequence of the interruption.
    const echo = this.#hasPrompted && !(error instanceof ToolError);
    const { terminal } = this.#deps;
    const columns = terminal.stderrIsTty ? terminal.size().columns : undefined;
    const report = await reportOf(echo ? interrupted() : error, { ...this.#style, columns }, this.#advice);
    terminal.stderr.write(report.text);
    return report.exitStatus;
  }

  /** The first signal asks the command to stop; the second one ends the run without waiting for the command. */
  #onSignal(): void {
    if (this.#abort.signal.aborted || !this.#commandRuns) {
      this.#force();
      return;
    }
    this.#hasPrompted = true;
    this.#abort.abort(interrupted());
    this.#scope.add(this.#deps.clock.timer(GRACE_MS, () => this.#end({ kind: 'overdue' })));
  }

  /** Resolves when everything on stdout was handed to the system; what cannot be written ends the run as a failure. */
  #outputWritten(): Promise<void> {
    const { stdout } = this.#deps.terminal;
    return new Promise((resolve) => {
      stdout.write('', (error) => {
        // The stream emits the error a moment later, and then the listener of `#watchEdges` ends the run with it.
        if (error) setImmediate(resolve);
        else resolve();
      });
    });
  }

  /** Uncaught errors and broken streams end the run like errors of the command: with clean-up and at most one message. */
  #watchEdges(): () => void {
    const { terminal, uncaught } = this.#deps;
    const watch = (name: StreamName, stream: EventEmitter): (() => void) => {
      const onError = (error: NodeJS.ErrnoException): void =>
        this.#end(
          isHangup(error)
            ? { kind: 'hangup', exitStatus: hangupStatus(name, error) }
            : errorOf(streamFailed(name, error)),
        );
      stream.on('error', onError);
      return () => stream.removeListener('error', onError);
    };
    const removers = [
      watch('stdout', terminal.stdout),
      watch('stderr', terminal.stderr),
      watch('stdin', terminal.stdin),
      uncaught?.((error) => this.#end(errorOf(error))),
    ];
    return () => {
      for (const remove of removers) remove?.();
    };
  }

  async #parseAndRun(): Promise<void> {
    const { argv } = this.#advice;
    const { terminal, version } = this.#deps;
    const invoke: Invoke = (run, options, command, names = []) => this.#invoke(run, options, command, names);
    const program = createProgram({
      invoke,
      commands: this.#commands,
      version,
      write: (text) => terminal.stdout.write(text),
      columns: terminal.stdoutIsTty ? Math.min(terminal.size().columns, 100) : 100,
    });
    this.#advice = { ...this.#advice, command: typedCommand(argv, program) };
    const words = await this.#withoutConnection(argv, program);
    this.#advice = { ...this.#advice, argv: words };
    refuseUnknownCommand(words, program);
    try {
      await program.parseAsync([...words], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode !== 0) throw usageError(error, words, program);
    }
  }

  /** `orders …`, where a config file has a connection of exactly that name, becomes the command that opens it. */
  async #withoutConnection(argv: readonly string[], program: Command): Promise<readonly string[]> {
    const at = firstWordAt(argv, program);
    const commands = ['help', ...commandNames(program)];
    if (at === undefined || commands.includes(argv[at] ?? '')) return argv;
    const { expandConnection } = await import('./connection-command.ts');
    return expandConnection(argv, at, this.#deps, commands);
  }

  async #invoke<O>(run: Run<O>, options: O, command: Command, names: readonly string[]): Promise<void> {
    const { terminal, env, cwd, clock } = this.#deps;
    const flags = typedFlags(command);
    refuseContradictions(flags);
    const [resolved, { adviceFor }, { CommandLines }] = await Promise.all([
      resolveSettings({
        flags,
        names,
        env,
        cwd,
        stdinIsTty: terminal.stdinIsTty,
        stdoutIsTty: terminal.stdoutIsTty,
        stderrIsTty: terminal.stderrIsTty,
      }),
      import('./advice/advice.ts'),
      import('./advice/command-lines.ts'),
    ]);
    const { settings, stderrColor } = resolved;
    this.#advice = adviceContextOf(command, this.#advice.argv);
    refuseSeveralPlaces(settings, command.name());
    this.#style = { json: settings.output === 'json', debug: settings.debug, color: stderrColor };
    const reporter = createReporter({
      terminal,
      clock,
      output: settings.output,
      quiet: settings.quiet,
      debug: settings.debug,
      color: stderrColor,
    });
    this.#closeReporter = () => reporter.close();
    const terminalToRestore = guardTerminal(terminal, () => reporter.suspend());
    this.#terminal = terminalToRestore;
    if (settings.debug) reportProvenance(resolved, reporter.report);
    const prompter = createPrompter({
      terminal: terminalToRestore,
      colors: createColors(stderrColor),
      input: settings.input,
      yes: settings.yes,
      signal: this.#abort.signal,
      suspend: () => reporter.suspend(),
      ...(isPlain(env) ? {} : { screen: { clock, signals: this.#router } }),
    });
    const report: Report = (event) =>
      reporter.report(withHints(event, (note) => adviceFor(note.code, note.details ?? {}, this.#advice)));
    const callbacks: AccountCallbacks = {
      report,
      signal: this.#abort.signal,
      askMfaCode: settings.input ? (device, profile) => askMfaCode(prompter, device, profile) : undefined,
    };
    const contextOf = (current: Settings): CommandContext => {
      let account: Promise<AwsAccount> | undefined;
      const open = (place: Partial<AccountPlace>): Promise<AwsAccount> =>
        this.#deps.openAccount({ ...current, ...place }, callbacks);
      const checked = (place: Partial<AccountPlace>): Promise<AwsAccount> =>
        open(place).then((opened) => withArnsChecked(opened, current));
      return {
        env,
        history: () => openHistory(env),
        cwd,
        clock,
        random: this.#deps.random,
        version: this.#deps.version,
        terminal: terminalToRestore,
        signals: this.#router,
        settings: current,
        report,
        prompter,
        account: () => (account ??= checked({})),
        accountIn: (region) => open({ region }),
        accountAt: checked,
        at: (place) => {
          const { given } = this.#advice;
          this.#advice = { ...this.#advice, given: { ...given, ...definedOf(place) } };
          return contextOf({ ...current, ...place });
        },
        advice: (code, facts) => adviceFor(code, facts, this.#advice),
        commandLines: new CommandLines(this.#advice),
        startDetached: this.#deps.startDetached,
        startPiped: this.#deps.startPiped,
        signal: this.#abort.signal,
        scope: this.#scope,
        assets: assetFolder,
      };
    };
    const context = contextOf(settings);
    this.#commandRuns = true;
    const status = await run(options, context).catch((error: unknown) => {
      throw withOrigin(error, resolved);
    });
    this.#status = typeof status === 'number' ? status : 0;
  }
}

/** `policy diff` of `policy diff --nope`; undefined where the first word is no command. */
function typedCommand([word, ...rest]: readonly string[], command: Command): string | undefined {
  const named = command.commands.find((each) => each.name() === word);
  if (named === undefined) return undefined;
  return [named.name(), typedCommand(rest, named) ?? []].flat().join(' ');
}

const definedOf = ({ profile, region }: AccountPlace): GivenFlags => ({
  ...(profile === undefined ? {} : { profile }),
  ...(region === undefined ? {} : { region }),
});

/** A terminal that cannot move its cursor, or a person who uses a screen reader. */
const isPlain = (env: CliDeps['env']): boolean =>
  env['TERM'] === 'dumb' || isOn(env['FARGATE_CONNECT_PLAIN']);

const isOn = (value = ''): boolean => !['', '0', 'false', 'no'].includes(value.toLowerCase());

async function openHistory(env: CliDeps['env']): Promise<ChoiceHistory> {
  const [{ choiceHistory }, { stateFolder }] = await Promise.all([
    import('../config/choice-history.ts'),
    import('../config/state-folder.ts'),
  ]);
  const isKept = !isOn(env['FARGATE_CONNECT_NO_HISTORY']);
  return choiceHistory(isKept ? stateFolder(env, process.platform) : undefined);
}

/** Adds to a note the lines to type next. */
function withHints(event: ToolEvent, hintsOf: (note: Note) => readonly string[]): ToolEvent {
  if (event.type !== 'note') return event;
  const hints = hintsOf(event);
  return hints.length === 0 ? event : { ...event, hints };
}

type Note = Extract<ToolEvent, { readonly type: 'note' }>;

/** No flag answers this question, because a code is valid for half a minute only. */
const askMfaCode = (prompter: Prompter, device: string, profile: string): Promise<string> =>
  prompter.text({
    message: `code of ${device} (profile ${profile})`,
    flag: '--profile',
    validate: (code) => (/^\d{6}$/.test(code) ? undefined : 'six digits'),
  });

function reportProvenance({ settings, provenance }: Resolved, report: Report): void {
  for (const [name, from] of Object.entries(provenance)) {
    const value = settings[name as keyof typeof settings];
    if (from === 'default' || value === undefined) continue;
    const text =
      typeof value === 'object'
        ? value
            .map((each) =>
              'name' in each ? each.name : 'id' in each ? each.id : `${each.key}=${each.value}`,
            )
            .join(', ')
        : String(value);
    const message = withoutPasswords(`${name} = ${text} (${from})`);
    report({ type: 'note', level: 'info', code: 'setting', message });
  }
}
