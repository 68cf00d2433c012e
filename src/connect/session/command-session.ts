import type { Readable } from 'node:stream';

import { Deferred } from '../../core/deferred.ts';
import { describeDuration } from '../../core/duration.ts';
import { transport } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { ChannelDriver } from '../channel/channel-driver.ts';
import {
  Base64Lines,
  EXEC_ACKNOWLEDGEMENT,
  ExecOutputReader,
  LineMessages,
  NewlineRestorer,
  type RemoteSetup,
} from './exec-script.ts';
import type { SessionStart } from '../ports.ts';
import { endMessage } from './session-end.ts';
import { readInput, type SessionTerminal, type SizeSignals } from './session-terminal.ts';
import { endedAfter, TerminalBridge, whenAborted } from './shell-session.ts';

export interface CommandSessionOptions {
  readonly session: SessionStart;
  readonly target: string;
  /** Of the script that ExecuteCommand was given. */
  readonly nonce: string;
  /** The command owns our terminal: raw mode, resizes, escapes. Must agree with the script. */
  readonly interactive: boolean;
  /** False gives the command an empty stdin. */
  readonly readStdin: boolean;
  readonly deps: ChannelDeps;
  readonly terminal: SessionTerminal;
  readonly signals: SizeSignals;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** From the open session to the begin marker: `sh` starts at once, the agent reads its pty after a second. */
const BEGIN_DEADLINE_MS = 30_000;
const LINE_END = Uint8Array.of(0x0a);
/** The far side has no use for more columns than this; programs wrap at what they are told. */
const WIDE = { columns: 200, rows: 50 };

/**
 * One wrapped command (exec-script.ts). Resolves with its exit status. Throws `exec-no-status` (255) when the session
 * ended without telling it, `exec-not-started` (255) when the wrapper never ran, other transport errors, `interrupted`,
 * `session-not-ended` (unless the command told its status: then that is a warning).
 */
export async function runCommandSession(options: CommandSessionOptions): Promise<number> {
  const { deps, interactive, signals, terminal } = options;
  const reader = new ExecOutputReader(options.nonce);
  const bridge = new TerminalBridge(terminal, options.report);
  const newlines = new NewlineRestorer();
  let setup: RemoteSetup | undefined;
  const begun = new Deferred<RemoteSetup>();
  const status = new Deferred<number>();
  const restores = (): boolean => !interactive && setup?.output === 'tty';
  const consume = (bytes: Uint8Array | undefined): void => {
    for (const event of bytes === undefined ? reader.flush() : reader.push(bytes)) {
      switch (event.type) {
        case 'ready':
          driver.sendSize(terminal.size());
          driver.send(LINE_END);
          break;
        case 'begin':
          setup = event.setup;
          begun.resolve(event.setup);
          break;
        case 'data':
          bridge.output(restores() ? newlines.push(event.bytes) : event.bytes);
          break;
        case 'end':
          if (restores()) bridge.output(newlines.flush());
          input?.stop();
          driver.send(EXEC_ACKNOWLEDGEMENT);
          status.resolve(event.status);
          break;
        default:
          event satisfies never;
      }
    }
  };
  let input: { room(): void; stop(): void } | undefined;
  const driver = new ChannelDriver(options.session, options.target, deps, {
    output: consume,
    room: () => {
      bridge.room();
      input?.room();
    },
  });
  bridge.attach(driver);
  const aborted = whenAborted(options.signal);
  const endedWithoutStatus = driver.ended.then((end) => {
    // A status in the last bytes has already settled the race.
    consume(undefined);
    const noise = reader.noise === '' ? '' : `: ${reader.noise.replace(/\s+/g, ' ')}`;
    throw reader.hasBegun
      ? transport(
          'exec-no-status',
          `the session ended before the command told its exit status: ${endMessage(end)}`,
        )
      : transport('exec-not-started', `the command was not started: ${endMessage(end)}${noise}`);
  });
  endedWithoutStatus.catch(() => undefined);
  const undo: (() => void)[] = [];
  let told = false;
  const work = async (): Promise<number> => {
    await Promise.race([driver.start(), aborted.promise]);
    driver.sendSize(interactive ? terminal.size() : WIDE);
    const tooLate = new Promise<never>((_, reject) => {
      undo.push(
        deps.clock.timer(BEGIN_DEADLINE_MS, () =>
          reject(
            transport(
              'exec-not-started',
              `the command did not start within ${describeDuration(BEGIN_DEADLINE_MS)}`,
              {
                details: { said: reader.noise },
              },
            ),
          ),
        ),
      );
    });
    const remote = await Promise.race([begun.promise, tooLate, endedWithoutStatus, aborted.promise]);
    if (interactive) {
      undo.push(signals.on('SIGWINCH', () => driver.sendSize(terminal.size())));
      undo.push(terminal.raw());
      bridge.opened();
      bridge.readKeys();
    } else {
      input = pipeStdin(options, remote, driver);
    }
    const remoteStatus = status.promise.then((code) => {
      told = true;
      return code;
    });
    return Promise.race([remoteStatus, endedWithoutStatus, bridge.stopped.then(() => 0), aborted.promise]);
  };
  return endedAfter(work, async () => {
    aborted.dispose();
    bridge.stop();
    input?.stop();
    for (const restore of undo) restore();
    const left = await driver.terminate();
    await bridge.finish();
    if (left === undefined || !told) return left;
    // The command has ended and its status is the answer; only its session was not cleaned away.
    const { code, message, details } = left;
    options.report({ type: 'note', level: 'warning', code, message, details });
    return undefined;
  });
}

/** Sends stdin in the way that the remote side can take it; says so when it cannot. */
function pipeStdin(
  options: CommandSessionOptions,
  remote: RemoteSetup,
  driver: Pick<ChannelDriver, 'sendFrom'>,
): { room(): void; stop(): void } | undefined {
  const stdin: Readable = options.terminal.stdin;
  const lines = new Base64Lines();
  const messages = new LineMessages();
  const send = (bytes: Uint8Array): boolean => {
    messages.push(bytes);
    return driver.sendFrom(messages);
  };
  if (remote.input === 'base64') {
    if (options.readStdin) {
      return readInput(stdin, {
        data: (bytes) => send(lines.push(bytes)),
        end: () => send(lines.end()),
      });
    }
    send(lines.end());
    return undefined;
  }
  if (!options.readStdin || options.terminal.stdinIsTty) return undefined;
  const input = readInput(stdin, {
    data: () => {
      options.report({
        type: 'note',
        level: 'warning',
        code: 'stdin-not-sent',
        message: 'stdin was not sent: the image has no base64 or no stty',
      });
      input.stop();
      return false;
    },
    end: () => undefined,
  });
  return input;
}
