import { Deferred } from '../../core/deferred.ts';
import { describeDuration } from '../../core/duration.ts';
import { transport } from '../../core/errors.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { ChannelDriver } from '../channel/channel-driver.ts';
import { type CommandEnd, type CommandSessionOptions, stdinDamaged } from './command-end.ts';
import { CommandPipes } from './command-pipes.ts';
import { CommandTerminal } from './command-terminal.ts';
import { endOf, warnWhenStopping, whenStopped } from './container-end.ts';
import type { RemoteSetup } from './exec-script.ts';
import { EXEC_KEEP_ALIVE, execAcknowledgement } from './exec-script-input.ts';
import { type ExecOutput, ExecOutputReader } from './exec-script-output.ts';
import { endMessage } from './session-end.ts';
import { endedAfter, KEEP_ALIVE_MS, whenAborted } from './shell-session.ts';

/** From the open session to the begin marker: `sh` starts at once, but the agent reads its pty only after a second. */
const BEGIN_DEADLINE_MS = 30_000;
const LINE_END = Uint8Array.of(0x0a);
/**
 * How long the output must be silent after the command's end: background processes may hold the output open for ever.
 * `docker exec` waits like this too.
 */
const LEFT_BEHIND_MS = 2_000;
/**
 * The terminal size for programs without a terminal, which need no more columns; programs with a terminal wrap at the
 * size that they are given.
 */
const WIDE = { columns: 200, rows: 50 };

/**
 * The smallest send window of a command with pipes: nothing that is typed waits behind its stdin, and each turn of the
 * event loop that sends more messages at once costs less. The official agent handles this much in 5 ms (SPEC.md §15).
 */
const PIPE_WINDOW = 32 * 1024;

/**
 * Runs one wrapped command (exec-script.ts). Resolves with its exit status. Throws `task-stopped` (255)
 * when the container stopped before, `exec-no-status` (255) when the session ended without a status, `stdin-damaged`
 * (255), `exec-not-started` (255) when the wrapper never ran, other
 * transport errors, `interrupted`, `session-not-ended` (if the command's status is known, that is only a warning).
 */
export async function runCommandSession(options: CommandSessionOptions): Promise<number> {
  const { container, deps, interactive } = options;
  const reader = new ExecOutputReader(options.nonce);
  const begun = new Deferred<RemoteSetup>();
  const status = new Deferred<number>();
  const timers = new Map<'begin' | 'life' | 'left-behind', () => void>();
  const setTimer = (name: 'begin' | 'life' | 'left-behind', ms: number, action: () => void): void => {
    timers.get(name)?.();
    timers.set(name, deps.clock.timer(ms, action));
  };
  let exitStatus: number | undefined;

  const handle = (event: ExecOutput): void => {
    switch (event.type) {
      case 'ready':
        driver.sendSize(options.terminal.size());
        driver.send(LINE_END);
        break;
      case 'begin':
        begun.resolve(event.setup);
        break;
      case 'stdout':
        end.stdout(event.bytes);
        break;
      case 'stderr':
        end.stderr(event.bytes);
        break;
      case 'taken':
        end.taken();
        break;
      case 'again':
        if (!end.again()) status.reject(stdinDamaged());
        break;
      case 'exit':
        exitStatus = event.status;
        end.stop();
        awaitEnd(event.status);
        break;
      case 'end':
        driver.send(execAcknowledgement(options.nonce));
        if (exitStatus !== undefined) status.resolve(exitStatus);
        break;
      default:
        event satisfies never;
    }
  };
  const awaitEnd = (code: number): void =>
    setTimer('left-behind', LEFT_BEHIND_MS, () => {
      if (end.isBehind) awaitEnd(code);
      else status.resolve(code);
    });
  const consume = (events: readonly ExecOutput[]): void => {
    if (exitStatus !== undefined) awaitEnd(exitStatus);
    for (const event of events) handle(event);
  };

  const channelDeps = interactive ? deps : { ...deps, minWindowBytes: PIPE_WINDOW };
  const driver = new ChannelDriver(options.session, options.target, channelDeps, {
    output: (bytes) => consume(reader.push(bytes)),
    room: () => end.room(),
    silent: () => void container?.look(),
  });
  const end: CommandEnd = interactive
    ? new CommandTerminal(options, driver)
    : new CommandPipes(options, driver);
  const aborted = whenAborted(options.signal);
  const stopped = whenStopped(container?.stopped);
  const unwarn = warnWhenStopping(container, (event) => end.note(event));
  // The last bytes may contain the status.
  const flushed = driver.ended.finally(() => consume(reader.flush()));
  const explained = endOf(flushed, container, () => exitStatus !== undefined);
  const endedWithoutStatus = explained.then((ended) => {
    if (exitStatus !== undefined) return exitStatus;
    const noise = reader.noise === '' ? '' : `: ${reader.noise.replace(/\s+/g, ' ')}`;
    throw reader.hasBegun
      ? transport(
          'exec-no-status',
          `the session ended before the exit status of the command arrived: ${endMessage(ended)}`,
        )
      : transport('exec-not-started', `the command was not started: ${endMessage(ended)}${noise}`);
  });
  endedWithoutStatus.catch(() => undefined);

  const keepAlive = (setup: RemoteSetup): void =>
    setTimer('life', KEEP_ALIVE_MS, () => {
      sendKeepAlive(driver, setup);
      keepAlive(setup);
    });

  const work = async (): Promise<number> => {
    await Promise.race([driver.start(), stopped, aborted.promise]);
    driver.sendSize(interactive ? options.terminal.size() : WIDE);
    const tooLate = new Promise<never>((_, reject) =>
      setTimer('begin', BEGIN_DEADLINE_MS, () =>
        reject(
          transport(
            'exec-not-started',
            `the command did not start within ${describeDuration(BEGIN_DEADLINE_MS)}`,
            { details: { said: reader.noise } },
          ),
        ),
      ),
    );
    const setup = await Promise.race([begun.promise, tooLate, endedWithoutStatus, stopped, aborted.promise]);
    timers.get('begin')?.();
    // A number is the exit status: the session has ended already.
    if (typeof setup === 'number') return setup;
    explainSetup(setup, deps);
    if (exitStatus === undefined) {
      end.begin(setup);
      if (!interactive || options.keepAlive === true) keepAlive(setup);
    }
    return Promise.race([
      status.promise,
      endedWithoutStatus,
      end.stopped.then(() => 0),
      // The status may have arrived, and only the end of the output is missing.
      stopped.catch((error: unknown) => {
        if (exitStatus !== undefined) return exitStatus;
        throw error;
      }),
      aborted.promise,
    ]);
  };
  return endedAfter(work, async (failure) => {
    aborted.dispose();
    unwarn();
    container?.close();
    end.stop();
    for (const cancel of timers.values()) cancel();
    const left = await driver.terminate();
    await end.finish(failure !== undefined);
    if (left === undefined || exitStatus === undefined) return left;
    // The command has ended and its status is the result; only its session was not ended in AWS.
    const { code, message, details } = left;
    options.report({ type: 'note', level: 'warning', code, message, details });
    return undefined;
  });
}

/** Sends a line that the command never sees; where the pty would echo it, sends the terminal size again. */
function sendKeepAlive(driver: ChannelDriver, setup: RemoteSetup): void {
  if (setup.input === 'counted' || setup.input === 'text') driver.send(EXEC_KEEP_ALIVE);
  else driver.repeatSize();
}

/** Reports once, with `--debug`, what the command lacks because the image lacks a tool. */
function explainSetup(setup: RemoteSetup, { debug }: ChannelDeps): void {
  if (debug === undefined || setup.input === 'terminal') return;
  if (setup.output === 'tty')
    debug('the image has no stty: stdin is not sent, and line ends are restored here');
  else if (setup.input === 'text')
    debug('the image has no dd that can count (iflag=fullblock): stdin is sent slowly, as lines of text');
  if (!setup.pipes) debug('the image has neither cat nor dd: the output of the command is a terminal');
  else if (setup.errors === 'merged')
    debug('the image has no dd, or neither base64 nor od: stderr arrives as a part of stdout');
  else if (setup.errors === 'hex')
    debug('the image has no base64: stderr arrives slowly, as hexadecimal digits');
}
