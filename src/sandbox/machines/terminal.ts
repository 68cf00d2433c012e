import { readSync, write } from 'node:fs';
import type { Socket } from 'node:net';
import type * as nodePty from '@lydell/node-pty';
import { failed } from '../../core/errors.ts';
import type { MachineTerminal } from '../contracts.ts';

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const UNREAD_CHECK_MS = 25;
/** How long to wait until a program with a full input buffer is offered the rest of the input again. */
const FULL_CHECK_MS = 2;

/**
 * Starts a program on a pty of its own. Throws ToolError `sandbox-part-missing` where the pty package is not
 * installed.
 */
export async function startTerminal(
  program: Program,
  size: { readonly columns: number; readonly rows: number },
): Promise<PtyTerminal> {
  const { spawn } = await loadPty();
  const pty = spawn(program.file, [...program.args], {
    name: program.env['TERM'] ?? 'xterm-256color',
    cols: Math.max(1, size.columns),
    rows: Math.max(1, size.rows),
    cwd: program.cwd,
    env: { ...program.env },
    encoding: null,
  });
  return new PtyTerminal(pty);
}

async function loadPty(): Promise<typeof nodePty> {
  try {
    return await import('@lydell/node-pty');
  } catch (cause) {
    throw failed('sandbox-part-missing', 'the sandbox needs the optional package @lydell/node-pty', {
      cause,
      details: { packages: ['@lydell/node-pty'] },
    });
  }
}

/**
 * A program on a pty. Output that arrives before a listener is set is kept; the exit is reported after the last
 * output.
 */
export class PtyTerminal implements MachineTerminal {
  readonly #pty: nodePty.IPty;
  #early: Uint8Array[] = [];
  #unwritten: { readonly bytes: Uint8Array; readonly taken: (() => void) | undefined }[] = [];
  #dataListener: ((bytes: Uint8Array) => void) | undefined;
  #exit: { readonly code: number; readonly signal: number | undefined } | undefined;
  #exitListener: ((exit: { readonly code: number; readonly signal: number | undefined }) => void) | undefined;
  #onEnd: () => void = () => undefined;
  #isPaused = false;
  #sawData = false;

  constructor(pty: nodePty.IPty) {
    this.#pty = pty;
    this.#keepUnread(pty);
    // With encoding null the package delivers Buffers although its types say text.
    const onBytes = (data: unknown): void => {
      this.#sawData = true;
      this.show(data as Uint8Array);
    };
    pty.onData(onBytes);
    pty.onExit(({ exitCode, signal }) => {
      this.#exit = { code: exitCode, signal: signal === 0 ? undefined : signal };
      this.#onEnd();
      this.#exitListener?.(this.#exit);
    });
  }

  /**
   * Delays the end until all output was read. Otherwise a slow reader loses output: the package destroys its socket
   * 0.2 s after the program has ended, and libuv treats any read below 64 KiB as the last one once the other end has
   * hung up, while a pty never returns more than 4 KiB at a time.
   */
  #keepUnread(pty: nodePty.IPty): void {
    const { _socket: socket, fd } = pty as unknown as { readonly _socket: Socket; readonly fd: number };
    const destroy = socket.destroy.bind(socket);
    let waiting = false;
    socket.destroy = (error) => {
      if (waiting) return socket;
      waiting = true;
      const checkBytes = (): void => {
        const isRead = !this.#isPaused && socket.readableLength === 0 && this.#drain(fd);
        if (isRead) destroy(error);
        else setTimeout(checkBytes, UNREAD_CHECK_MS);
      };
      checkBytes();
      return socket;
    };
  }

  /**
   * True when no more output will come: the other end is closed, or a process that holds it open has written nothing
   * since the last check.
   */
  #drain(fd: number): boolean {
    const buffer = Buffer.alloc(4096);
    while (!this.#isPaused) {
      try {
        const length = readSync(fd, buffer);
        if (length === 0) return true;
        this.#sawData = true;
        this.show(Uint8Array.from(buffer.subarray(0, length)));
      } catch (error) {
        const wasSilent = !this.#sawData;
        this.#sawData = false;
        return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? wasSilent : true;
      }
    }
    return false;
  }

  /** Shows bytes that do not come from the program, such as a broadcast message. */
  show(bytes: Uint8Array): void {
    if (this.#dataListener === undefined) this.#early.push(bytes);
    else this.#dataListener(bytes);
  }

  /** A second listener, for the machine; the session uses `onExit`. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#dataListener = listener;
    for (const bytes of this.#early) listener(bytes);
    this.#early = [];
  }

  onExit(listener: (exit: { readonly code: number; readonly signal: number | undefined }) => void): void {
    this.#exitListener = listener;
    if (this.#exit !== undefined) listener(this.#exit);
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    if (this.#exit !== undefined) {
      taken?.();
      return;
    }
    this.#unwritten.push({ bytes, taken });
    if (this.#unwritten.length === 1) this.#writeNext();
  }

  /**
   * Writes to the pty directly. The package's stream writes in blocking mode, which stops this whole process until
   * the program reads; a program that waits for its output to be read first (`cat`) would never do so.
   */
  #writeNext(): void {
    const [first] = this.#unwritten;
    if (first === undefined) return;
    if (this.#exit !== undefined) {
      for (const { taken } of this.#unwritten.splice(0)) taken?.();
      return;
    }
    const { bytes } = first;
    const { fd } = this.#pty as unknown as { readonly fd: number };
    write(fd, bytes, (error, length) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeNext(), FULL_CHECK_MS);
        return;
      }
      // EIO means that the program has closed its terminal; its exit follows.
      if (error !== null || length >= bytes.byteLength) {
        this.#unwritten.shift();
        first.taken?.();
      } else this.#unwritten[0] = { ...first, bytes: bytes.subarray(length) };
      this.#writeNext();
    });
  }

  resize(columns: number, rows: number): void {
    if (this.#exit !== undefined || columns < 1 || rows < 1) return;
    this.#pty.resize(columns, rows);
  }

  pause(): void {
    this.#isPaused = true;
    this.#pty.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#pty.resume();
  }

  kill(): void {
    if (this.#exit !== undefined) return;
    // The shell leads a terminal session: its process group gets SIGHUP, as when a terminal is closed.
    killGroup(this.#pty.pid, 'SIGHUP');
    killGroup(this.#pty.pid, 'SIGKILL');
    // A process that was just forked may not lead a group yet.
    this.#pty.kill('SIGKILL');
    this.resume();
  }
}

/** Signals a whole process group; a group that has already ended is not an error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group no longer exists.
  }
}
