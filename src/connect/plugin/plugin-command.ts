import type { Writable } from 'node:stream';

import type { Clock } from '../../core/clock.ts';
import { Deferred } from '../../core/deferred.ts';
import { describeDuration } from '../../core/duration.ts';
import { transport } from '../../core/errors.ts';
import { execAcknowledgement, StdinFrames } from '../session/exec-script-input.ts';
import { ExecOutputReader } from '../session/exec-script-output.ts';
import { type Plugin, type PluginCall, startPiped } from './plugin-transport.ts';
import { OutputWriter, readInput, type SessionTerminal } from '../session/session-terminal.ts';
import { stdinDamaged } from '../session/command-end.ts';
import { whenAborted } from '../session/shell-session.ts';

export interface PluginCommandOptions {
  readonly plugin: Plugin;
  readonly call: PluginCall;
  readonly nonce: string;
  readonly readStdin: boolean;
  readonly terminal: SessionTerminal;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

const BEGIN_DEADLINE_MS = 60_000;

/**
 * Runs a wrapped command over the official plugin. The plugin prints its banner before the begin marker, so the banner
 * is dropped with the other text there. Throws `exec-not-started` and `exec-no-status` (255) as the native transport
 * does.
 */
export async function runPluginCommand(options: PluginCommandOptions): Promise<number> {
  const { terminal, clock } = options;
  const reader = new ExecOutputReader(options.nonce);
  const frames = new StdinFrames('text', options.nonce);
  let hasStdin = false;
  const aborted = whenAborted(options.signal);
  let input: { room(): void; stop(): void } | undefined;
  const status = new Deferred<number>();
  let exitStatus = 0;
  // The plugin offers no flow control (SPEC.md §11.1). A reader that closed our output is no failure.
  const writerOf = (stream: Writable): OutputWriter =>
    new OutputWriter(stream, {
      full: () => undefined,
      drained: () => undefined,
      broken: () => status.resolve(0),
    });
  const stdout = writerOf(terminal.stdout);
  const stderr = writerOf(terminal.stderr);
  const consume = (bytes: Uint8Array): void => {
    for (const event of reader.push(bytes)) {
      switch (event.type) {
        // Only scripts that own a terminal send this, and then the plugin itself has the terminal.
        case 'ready':
          break;
        case 'begin':
          hasStdin = event.setup.input === 'text';
          begin();
          break;
        case 'stdout':
          stdout.write(event.bytes);
          break;
        case 'stderr':
          stderr.write(event.bytes);
          break;
        case 'taken':
          frames.taken();
          sendFrames();
          break;
        case 'again':
          if (frames.again()) sendFrames();
          else status.reject(stdinDamaged());
          break;
        case 'exit':
          exitStatus = event.status;
          hasStdin = false;
          input?.stop();
          break;
        case 'end':
          child.stdin.write(execAcknowledgement(options.nonce));
          status.resolve(exitStatus);
          break;
        default:
          event satisfies never;
      }
    }
  };
  const child = startPiped(options.plugin, options.call, consume, 'SIGTERM');
  /** True when stdin should go on. */
  const sendFrames = (): boolean => {
    if (!hasStdin) return true;
    const bytes = frames.take();
    const acceptsMore = (bytes.byteLength === 0 || child.stdin.write(bytes)) && !frames.isFull;
    if (acceptsMore) input?.room();
    return acceptsMore;
  };
  const begin = (): void => {
    cancelBegin();
    if (!hasStdin) return;
    const end = (): void => {
      frames.end();
      sendFrames();
    };
    if (!options.readStdin) {
      end();
      return;
    }
    child.stdin.on('drain', sendFrames);
    input = readInput(terminal.stdin, {
      data: (bytes) => {
        frames.push(bytes);
        return sendFrames();
      },
      end,
    });
  };
  let cancelBegin: () => void = () => undefined;
  const tooLate = new Promise<never>((_, reject) => {
    cancelBegin = clock.timer(BEGIN_DEADLINE_MS, () =>
      reject(
        transport(
          'exec-not-started',
          `the command did not start within ${describeDuration(BEGIN_DEADLINE_MS)}`,
        ),
      ),
    );
  });
  const ended = child.ended.then((): never => {
    const lastLine = reader.noise.split('\n').at(-1)?.trim() ?? '';
    throw reader.hasBegun
      ? transport('exec-no-status', 'the plugin ended before the exit status of the command arrived')
      : transport('exec-not-started', `the command was not started${lastLine === '' ? '' : `: ${lastLine}`}`);
  });
  ended.catch(() => undefined);
  try {
    return await Promise.race([status.promise, ended, tooLate, aborted.promise]);
  } finally {
    cancelBegin();
    aborted.dispose();
    input?.stop();
    await child.stop();
    await Promise.all([stdout.finish(), stderr.finish()]);
  }
}
