import { setMaxListeners } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { failed, interrupted, ToolError } from '../../core/errors.ts';
import type { Report, ToolEvent } from '../../core/events.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { ChannelDriver } from '../channel/channel-driver.ts';
import { ESCAPE_HELP, EscapeKeys } from './escape-keys.ts';
import type { SessionStart } from '../ports.ts';
import type { ContainerWatch } from '../target/task-watch.ts';
import { endOf, warnWhenStopping, whenStopped } from './container-end.ts';
import { OutputWriter, readInput, type SessionTerminal, type SizeSignals } from './session-terminal.ts';
import { TerminalModes } from './terminal-modes.ts';

export interface ShellSessionOptions {
  readonly session: SessionStart;
  readonly target: string;
  readonly deps: ChannelDeps;
  readonly terminal: SessionTerminal;
  readonly signals: SizeSignals;
  /** SIGTERM, SIGHUP, or SIGINT while the terminal is not raw. */
  readonly signal: AbortSignal;
  readonly report: Report;
  /** False: stdin is not read. */
  readonly readStdin?: boolean;
  /** True: a message without effect every five minutes, so that the session of an idle shell is not ended. */
  readonly keepAlive?: boolean;
  /** The container that the shell runs in; undefined on a bastion. */
  readonly container?: ContainerWatch;
}

/** Ctrl-C in raw mode. */
const ETX = 0x03;
/** End of transmission: the character that a terminal's line discipline takes for the end of input. */
const EOT = 0x04;

/**
 * Runs a shell on our terminal until it ends. Resolves with the exit status for NonInteractiveCommands, otherwise with
 * 0, because a pty session transmits none (SPEC.md §11.2). Throws `task-stopped`, `session-failed` with the service's
 * text, transport errors, or `interrupted`. Restores the terminal on every path.
 */
export async function runShellSession(options: ShellSessionOptions): Promise<number> {
  const { terminal, signals, signal, report, container } = options;
  const bridge = new TerminalBridge(terminal, report);
  let status = 0;
  const driver = new ChannelDriver(options.session, options.target, options.deps, {
    output: (bytes) => bridge.output(bytes),
    room: () => bridge.room(),
    exitCode: (code) => {
      status = code;
    },
    silent: () => void container?.look(),
  });
  bridge.attach(driver);
  const aborted = whenAborted(signal);
  const stopped = whenStopped(container?.stopped);
  const unwarn = warnWhenStopping(container, (event) => bridge.note(event));
  const undo: (() => void)[] = [];
  const readStdin = options.readStdin ?? true;
  const work = async (): Promise<number> => {
    if (terminal.stdinIsTty) {
      // Raw mode begins before the session opens; otherwise keys typed meanwhile would be echoed here and again by the
      // remote shell.
      undo.push(terminal.raw());
      if (readStdin) bridge.readKeys();
    }
    await Promise.race([driver.start(), bridge.stopped, stopped, aborted.promise]);
    bridge.opened();
    driver.sendSize(terminal.size());
    undo.push(signals.on('SIGWINCH', () => driver.sendSize(terminal.size())));
    if (options.keepAlive === true) undo.push(keepAlive(driver, options.deps.clock));
    if (readStdin && !terminal.stdinIsTty) bridge.readKeys();
    const end = await Promise.race([
      endOf(driver.ended, container),
      bridge.stopped,
      stopped,
      aborted.promise,
    ]);
    if (end.output !== '') {
      throw failed('session-failed', `the session ended: ${end.output.replace(/\s+/g, ' ').trim()}`);
    }
    return status;
  };
  return endedAfter(work, async (failure) => {
    aborted.dispose();
    unwarn();
    container?.close();
    bridge.stop();
    for (const restore of undo) restore();
    const left = await driver.terminate();
    await bridge.finish(failure !== undefined);
    return left;
  });
}

/**
 * ECS Exec ends a session after 20 minutes without traffic (docs/reference/ecs-exec.md §4); with a quarter of that,
 * three lost messages do no harm.
 */
export const KEEP_ALIVE_MS = 5 * 60_000;

/** Sends the terminal size again and again, which no program notices; the returned function stops that. */
function keepAlive(driver: ChannelDriver, clock: Clock): () => void {
  let cancel: () => void = () => undefined;
  const next = (): void => {
    cancel = clock.timer(KEEP_ALIVE_MS, () => {
      driver.repeatSize();
      next();
    });
  };
  next();
  return () => cancel();
}

/**
 * Does the work, then ends the session whether the work succeeded or failed; `end` gets the error of the work. It
 * resolves with an error if the session stays open: that error is thrown instead of a success or an interruption, but it does not replace a failure
 * of the work.
 */
export async function endedAfter<T>(
  work: () => Promise<T>,
  end: (failure: unknown) => Promise<ToolError | undefined>,
): Promise<T> {
  const outcome = await work().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const failure = 'error' in outcome ? outcome.error : undefined;
  const left = await end(failure);
  const interruption = failure instanceof ToolError && failure.role === 'interrupted';
  if (left !== undefined && (failure === undefined || interruption)) throw left;
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** Passes keys to the session and output to the screen, and handles escapes. */
export class TerminalBridge {
  /**
   * Resolves when the user ended the session with `~.`, or the reader of our output closed it; rejects with
   * `interrupted` at a Ctrl-C before `opened`, when no remote shell can receive it yet.
   */
  readonly stopped: Promise<{ readonly output: string }>;
  readonly #terminal: SessionTerminal;
  readonly #report: Report;
  readonly #escapes = new EscapeKeys();
  readonly #modes = new TerminalModes();
  readonly #writer: OutputWriter;
  #driver: ChannelDriver | undefined;
  #input: { room(): void; stop(): void } | undefined;
  #stop: (end: { readonly output: string }) => void = () => undefined;
  #interrupt: () => void = () => undefined;
  #isOpen = false;
  #isBroken = false;
  #lastByte = 0x0a;

  constructor(terminal: SessionTerminal, report: Report) {
    this.#terminal = terminal;
    this.#report = report;
    this.stopped = new Promise((resolve, reject) => {
      this.#stop = resolve;
      this.#interrupt = () => reject(interrupted());
    });
    this.stopped.catch(() => undefined);
    this.#writer = new OutputWriter(terminal.stdout, {
      full: () => this.#driver?.pauseOutput(),
      drained: () => this.#driver?.resumeOutput(),
      broken: () => {
        this.#isBroken = true;
        this.#stop({ output: '' });
      },
    });
  }

  attach(driver: ChannelDriver): void {
    this.#driver = driver;
  }

  /** The remote shell is ready: from now on it receives Ctrl-C. */
  opened(): void {
    this.#isOpen = true;
  }

  output(bytes: Uint8Array): void {
    if (this.#terminal.stdoutIsTty) this.#modes.push(bytes);
    this.#writer.write(bytes);
  }

  /** Reports an event on a line of its own: the remote program may have left the cursor in the middle of a line. */
  note(event: ToolEvent): void {
    this.#startLine();
    this.#report(event);
  }

  room(): void {
    this.#input?.room();
  }

  readKeys(): void {
    const { stdin, stdinIsTty } = this.#terminal;
    this.#input = readInput(stdin, {
      data: (bytes) => {
        if (stdinIsTty && !this.#isOpen && bytes.includes(ETX)) this.#interrupt();
        return this.#send(stdinIsTty ? this.#withoutEscapes(bytes) : bytes);
      },
      end: () => {
        if (stdinIsTty) {
          // The terminal was closed, so the user could not type `exit` any more.
          this.#stop({ output: '' });
          return;
        }
        // In the middle of a line the first EOT only submits the line so far, as on any terminal.
        this.#send(this.#lastByte === 0x0a ? new Uint8Array([EOT]) : new Uint8Array([EOT, EOT]));
      },
    });
  }

  stop(): void {
    this.#input?.stop();
  }

  /** Resets the modes of the terminal that the remote program has set. After a failure a message follows. */
  finish(hasFailed: boolean): Promise<void> {
    const reset = this.#modes.takeReset();
    if (reset !== '') this.#writer.write(Buffer.from(reset, 'latin1'));
    if (hasFailed) this.#startLine();
    return this.#writer.finish();
  }

  #startLine(): void {
    if (!this.#terminal.stdoutIsTty || this.#isBroken || this.#modes.isAtLineStart) return;
    this.output(Uint8Array.of(0x0d, 0x0a));
  }

  #send(bytes: Uint8Array): boolean {
    this.#lastByte = bytes.at(-1) ?? this.#lastByte;
    return this.#driver?.send(bytes) ?? true;
  }

  #withoutEscapes(keys: Uint8Array): Uint8Array {
    const { bytes, actions } = this.#escapes.push(keys);
    for (const action of actions) {
      switch (action) {
        case 'end-session':
          this.note({
            type: 'note',
            level: 'info',
            code: 'session-ended-by-escape',
            message: 'session ended',
          });
          this.#stop({ output: '' });
          break;
        case 'list-escapes':
          for (const message of ESCAPE_HELP) {
            this.note({ type: 'note', level: 'info', code: 'escapes', message });
          }
          break;
        default:
          action satisfies never;
      }
    }
    return bytes;
  }
}

/** `promise` rejects with `interrupted` when the signal aborts; `dispose` removes the listener. */
export function whenAborted(signal: AbortSignal): { readonly promise: Promise<never>; dispose(): void } {
  // Every forward of a run waits for the signals of the one task or bastion; Node.js would warn at the eleventh.
  setMaxListeners(0, signal);
  let onAbort: () => void = () => undefined;
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => reject(interrupted());
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  promise.catch(() => undefined);
  return { promise, dispose: () => signal.removeEventListener('abort', onAbort) };
}
