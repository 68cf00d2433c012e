import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../../core/clock.ts';
import type { StandIn, StandInCall, StandInResult } from './stand-in-server.ts';

const CONTROL = 'control';
const CALLER_RETRY_MS = 2;
const CALLER_RETRIES = 500;

/**
 * The program behind a stand-in that only prints and ends. It is a shell script and not the forwarder, because a user
 * data script calls a dozen such programs and the start of Node.js takes ten times longer than all their work. Each
 * call is a directory: the script writes its arguments there, sends the directory's name through the control pipe,
 * and waits for the exit status on a pipe of its own.
 */
export function pipeCallerScript(directory: string, program: string): string {
  return `#!/bin/sh
d=$(mktemp -d '${directory}/call.XXXXXX') || exit 1
printf '%s\\0' '${program}' "$PWD" "$@" >"$d/words"
mkfifo "$d/status"
printf '%s\\n' "$d" >'${directory}/${CONTROL}'
read -r status <"$d/status"
[ ! -s "$d/out" ] || cat "$d/out"
[ ! -s "$d/err" ] || cat "$d/err" >&2
rm -rf "$d"
exit "$status"
`;
}

/** Answers the scripts made by `pipeCallerScript` for one machine. */
export class StandInPipe {
  readonly #clock: Clock;
  readonly #standIns: ReadonlyMap<string, StandIn>;
  readonly #closed = new AbortController();
  readonly #pipe: Socket;
  #rest = '';

  private constructor(path: string, standIns: ReadonlyMap<string, StandIn>, clock: Clock) {
    this.#clock = clock;
    this.#standIns = standIns;
    // The pipe is opened for writing too, so that reading does not end between two callers.
    this.#pipe = new Socket({
      fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK),
      readable: true,
      writable: false,
    });
    this.#pipe.on('data', (bytes: Buffer) => this.#receive(bytes.toString()));
    this.#pipe.on('error', () => undefined);
  }

  /** Makes the control pipe in `directory`, and the directory itself. */
  static async open(
    directory: string,
    standIns: ReadonlyMap<string, StandIn>,
    clock: Clock,
  ): Promise<StandInPipe> {
    await mkdir(directory, { recursive: true });
    const path = join(directory, CONTROL);
    await promisify(execFile)('mkfifo', [path]);
    return new StandInPipe(path, standIns, clock);
  }

  /** Calls that still run are aborted and get no answer. */
  close(): void {
    this.#closed.abort();
    this.#pipe.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const directory of lines) void this.#answer(directory);
  }

  async #answer(directory: string): Promise<void> {
    let out = '';
    let err = '';
    const result = await this.#run(directory, {
      stdout: (text) => (out += text),
      stderr: (text) => (err += text),
    });
    if (this.#closed.signal.aborted) return;
    try {
      writeFileSync(join(directory, 'out'), out + (result.stdout ?? ''));
      writeFileSync(join(directory, 'err'), err + (result.stderr ?? ''));
    } catch {
      // The caller was killed, and its directory was removed with the machine.
      return;
    }
    this.#writeStatus(join(directory, 'status'), result.code, CALLER_RETRIES);
  }

  async #run(
    directory: string,
    io: { stdout(text: string): void; stderr(text: string): void },
  ): Promise<{ readonly code: number; readonly stdout?: string; readonly stderr?: string }> {
    try {
      const [program = '', cwd = '', ...args] = readFileSync(join(directory, 'words'), 'utf8').split('\0');
      const call: StandInCall = {
        program,
        cwd,
        args: args.slice(0, -1),
        terminal: false,
        columns: 80,
        rows: 24,
        io: {
          stdout: (bytes) => io.stdout(Buffer.from(bytes).toString()),
          stderr: (bytes) => io.stderr(Buffer.from(bytes).toString()),
          takeInput: () => undefined,
          signal: this.#closed.signal,
        },
      };
      const result: StandInResult | undefined = await this.#standIns.get(program)?.(call);
      return result === undefined || 'run' in result ? { code: 127 } : result;
    } catch (error) {
      return { code: 1, stderr: `${error instanceof Error ? error.message : 'failed'}\n` };
    }
  }

  /** The caller opens its pipe shortly after its call; a caller that was killed never opens it. */
  #writeStatus(path: string, code: number, retries: number): void {
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fd, `${code}\n`);
      closeSync(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO' || retries === 0) return;
      this.#clock.timer(CALLER_RETRY_MS, () => {
        if (!this.#closed.signal.aborted) this.#writeStatus(path, code, retries - 1);
      });
    }
  }
}
