import { readSync, writeSync } from 'node:fs';
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

/** A pty returns no more in one read. */
const PTY_READ_BYTES = 4096;
const READS_PER_TURN = 16;
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

interface Unwritten {
  readonly bytes: Uint8Array;
  /** Called when the pty has taken all of them. */
  readonly taken: (() => void) | undefined;
}

/**
 * A program on a pty. Output that arrives before a listener is set is kept; the exit is reported after the last
 * output.
 */
export class PtyTerminal implements MachineTerminal {
  readonly #pty: nodePty.IPty;
  #early: Uint8Array[] = [];
  #unwritten: Unwritten[] = [];
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
      this.#showMore();
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
    const buffer = Buffer.alloc(PTY_READ_BYTES);
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

  /**
   * Shows what can be read at once after the bytes that the stream delivered. A turn of the event loop for each read
   * would cost more than the read. Each part is shown before the next read, because the kernel moves the following bytes
   * meanwhile, and a read that comes too early waits for that.
   */
  #showMore(): void {
    const { _socket: socket, fd } = this.#pty as unknown as { readonly _socket: Socket; readonly fd: number };
    for (let read = 1; read < READS_PER_TURN && socket.readableLength === 0 && !this.#isPaused; read++) {
      const buffer = Buffer.allocUnsafe(PTY_READ_BYTES);
      try {
        const length = readSync(fd, buffer);
        if (length === 0) return;
        this.show(buffer.subarray(0, length));
      } catch {
        // There is no more yet, or the other end has closed, which the stream reports.
        return;
      }
    }
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
    if (this.#unwritten.length === 1) this.#writeWaiting();
  }

  /**
   * Writes to the pty directly, whose descriptor does not block. The package's stream writes in blocking mode, which
   * stops this whole process until the program reads; a program that waits for its output to be read first (`cat`) would
   * never do so. An asynchronous write would cost a wake-up of two threads for each message of 1 KiB.
   */
  #writeWaiting(): void {
    let first: Unwritten | undefined;
    while ((first = this.#unwritten[0]) !== undefined) {
      const written = this.#exit === undefined ? this.#tryWrite(first.bytes) : 'closed';
      if (written === 'full') {
        setTimeout(() => this.#writeWaiting(), FULL_CHECK_MS);
        return;
      }
      if (written === 'closed' || written >= first.bytes.byteLength) {
        this.#unwritten.shift();
        first.taken?.();
      } else this.#unwritten[0] = { ...first, bytes: first.bytes.subarray(written) };
    }
  }

  /** How many bytes the pty took; `full` = the program has to read first; `closed` = its exit follows. */
  #tryWrite(bytes: Uint8Array): number | 'full' | 'closed' {
    const { fd } = this.#pty as unknown as { readonly fd: number };
    try {
      return writeSync(fd, bytes);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'closed';
    }
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
