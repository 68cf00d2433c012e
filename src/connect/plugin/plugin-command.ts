import type { Clock } from '../../core/clock.ts';
import { Deferred } from '../../core/deferred.ts';
import { describeDuration } from '../../core/duration.ts';
import { transport } from '../../core/errors.ts';
import {
  Base64Lines,
  EXEC_ACKNOWLEDGEMENT,
  ExecOutputReader,
  NewlineRestorer,
  type RemoteSetup,
} from '../session/exec-script.ts';
import { type Plugin, type PluginCall, startPiped } from './plugin-transport.ts';
import { OutputWriter, readInput, type SessionTerminal } from '../session/session-terminal.ts';
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
 * A wrapped command over the official plugin. Its banner stands before the begin marker and is dropped with the rest of
 * the noise. Throws `exec-not-started` and `exec-no-status` (255) as the native transport does.
 */
export async function runPluginCommand(options: PluginCommandOptions): Promise<number> {
  const { terminal, clock } = options;
  const reader = new ExecOutputReader(options.nonce);
  const newlines = new NewlineRestorer();
  const lines = new Base64Lines();
  const aborted = whenAborted(options.signal);
  let setup: RemoteSetup | undefined;
  let input: { room(): void; stop(): void } | undefined;
  const status = new Deferred<number>();
  const writer = new OutputWriter(terminal.stdout, {
    // The plugin itself has no flow control to use (SPEC.md §11.1).
    full: () => undefined,
    drained: () => undefined,
    // Nobody reads any more: that is no failure.
    broken: () => status.resolve(0),
  });
  const consume = (bytes: Uint8Array): void => {
    for (const event of reader.push(bytes)) {
      switch (event.type) {
        // Of scripts that own a terminal, which the plugin then has itself.
        case 'ready':
          break;
        case 'begin':
          setup = event.setup;
          begin();
          break;
        case 'data':
          writer.write(setup?.output === 'tty' ? newlines.push(event.bytes) : event.bytes);
          break;
        case 'end':
          writer.write(newlines.flush());
          input?.stop();
          child.stdin.write(EXEC_ACKNOWLEDGEMENT);
          status.resolve(event.status);
          break;
        default:
          event satisfies never;
      }
    }
  };
  const child = startPiped(options.plugin, options.call, consume, 'SIGTERM');
  const begin = (): void => {
    cancelBegin();
    if (setup?.input !== 'base64') return;
    if (!options.readStdin) {
      child.stdin.write(lines.end());
      return;
    }
    child.stdin.on('drain', () => input?.room());
    input = readInput(terminal.stdin, {
      data: (bytes) => child.stdin.write(lines.push(bytes)),
      end: () => child.stdin.write(lines.end()),
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
    const said = reader.noise.split('\n').at(-1)?.trim() ?? '';
    throw reader.hasBegun
      ? transport('exec-no-status', 'the plugin ended before the command told its exit status')
      : transport('exec-not-started', `the command was not started${said === '' ? '' : `: ${said}`}`);
  });
  ended.catch(() => undefined);
  try {
    return await Promise.race([status.promise, ended, tooLate, aborted.promise]);
  } finally {
    cancelBegin();
    aborted.dispose();
    input?.stop();
    await child.stop();
    await writer.finish();
  }
}
