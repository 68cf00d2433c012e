import type { Writable } from 'node:stream';

import { transport } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { ChannelDriver } from '../channel/channel-driver.ts';
import { EndMark } from './bastion-script.ts';
import type { SessionStart } from '../ports.ts';
import { endMessage } from './session-end.ts';
import { OutputWriter } from './session-terminal.ts';
import { endedAfter, whenAborted } from './shell-session.ts';

export interface BastionCommandOptions {
  readonly session: SessionStart;
  /** The nonce of the script that the session runs (bastion-script.ts). */
  readonly nonce: string;
  readonly report: Report;
  /** Instance id. */
  readonly target: string;
  readonly deps: ChannelDeps;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The first Ctrl-C goes to the command; the next one interrupts this run. */
  readonly signals: { on(name: 'SIGINT', listener: () => void): () => void };
  readonly signal: AbortSignal;
}

/** The agent turns this byte into SIGINT for a command without a terminal (SPEC.md §12). */
const ETX = Uint8Array.of(0x03);
/** The status that the agent reports for a command that a signal ended, because it has none. */
const NO_STATUS = 255;

/**
 * Runs a session of type NonInteractiveCommands with separate streams: no terminal, no stdin. Resolves with the
 * command's exit status. Throws `exec-no-status` (transport) when the session ended without a status,
 * `exec-output-lost` (transport) when the status arrived but output is missing, other transport errors,
 * `output-failed`, `interrupted`, or `session-not-ended`.
 */
export async function runBastionCommand(options: BastionCommandOptions): Promise<number> {
  const { deps, signals, signal } = options;
  let status: number | undefined;
  let isUnread = false;
  let wasCut = false;
  let onBroken: () => void = () => undefined;
  const broken = new Promise<{ readonly output: string }>((resolve) => {
    onBroken = () => {
      // The reader of our output closed it, as `| head` does: that is its choice and no failure.
      isUnread = true;
      resolve({ output: '' });
    };
  });
  let full = 0;
  const writer = (stream: Writable): OutputWriter => {
    let isFull = false;
    return new OutputWriter(stream, {
      full: () => {
        if (isFull) return;
        isFull = true;
        if (full++ === 0) driver.pauseOutput();
      },
      drained: () => {
        if (!isFull) return;
        isFull = false;
        if (--full === 0) driver.resumeOutput();
      },
      broken: onBroken,
    });
  };
  const driver: ChannelDriver = new ChannelDriver(options.session, options.target, deps, {
    output: (bytes, stream) => writers[stream].write(marks[stream].push(bytes)),
    resumed: () => {
      wasCut = true;
      options.report({
        type: 'note',
        level: 'warning',
        code: 'output-may-be-lost',
        message: 'the connection was cut: what the command writes from now on may not arrive, its end will',
      });
    },
    exitCode: (code) => {
      status = code < 0 || code > NO_STATUS ? NO_STATUS : code;
    },
  });
  const marks = { stdout: new EndMark(options.nonce), stderr: new EndMark(options.nonce) } as const;
  const writers = { stdout: writer(options.stdout), stderr: writer(options.stderr) } as const;
  const aborted = whenAborted(signal);
  let release: () => void = () => undefined;
  const work = async (): Promise<number> => {
    await Promise.race([driver.start(), aborted.promise]);
    release = signals.on('SIGINT', () => {
      release();
      driver.send(ETX);
    });
    const end = await Promise.race([driver.ended, broken, aborted.promise]);
    if (isUnread) return 0;
    for (const stream of ['stdout', 'stderr'] as const) writers[stream].write(marks[stream].flush());
    const isWhole = marks.stdout.isSeen && marks.stderr.isSeen;
    // A command that replaces or kills the script, as `kill -9 $PPID` does, also prevents its marks.
    if (status !== undefined && (isWhole || (status === NO_STATUS && !wasCut))) return status;
    if (status !== undefined)
      throw transport(
        'exec-output-lost',
        `the command ended with status ${status}, but not all of its output arrived`,
        { details: { target: options.target, status } },
      );
    throw transport(
      'exec-no-status',
      `the session ended before the exit status of the command arrived: ${endMessage(end)}`,
      { details: { target: options.target } },
    );
  };
  return endedAfter(work, async () => {
    release();
    aborted.dispose();
    const left = await driver.terminate();
    await Promise.all([writers.stdout.finish(), writers.stderr.finish()]);
    return left;
  });
}
