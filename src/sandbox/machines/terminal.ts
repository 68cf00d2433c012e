import type * as nodePty from '@lydell/node-pty';
import { failed } from '../../core/errors.ts';
import type { MachineTerminal } from '../contracts.ts';

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a program on a pty of its own. Throws ToolError `sandbox-part-missing` where the pty package is not installed. */
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
      hints: ['npm install @lydell/node-pty'],
      details: { package: '@lydell/node-pty' },
    });
  }
}

/** Output that comes before anybody listens is kept; the exit is told after the last output. */
export class PtyTerminal implements MachineTerminal {
  readonly #pty: nodePty.IPty;
  #early: Uint8Array[] = [];
  #dataListener: ((bytes: Uint8Array) => void) | undefined;
  #exit: { readonly code: number; readonly signal: number | undefined } | undefined;
  #exitListener: ((exit: { readonly code: number; readonly signal: number | undefined }) => void) | undefined;
  #onEnd: () => void = () => undefined;

  constructor(pty: nodePty.IPty) {
    this.#pty = pty;
    // With encoding null the package delivers Buffers although its types say text.
    const onBytes = (data: unknown): void => this.show(data as Uint8Array);
    pty.onData(onBytes);
    pty.onExit(({ exitCode, signal }) => {
      this.#exit = { code: exitCode, signal: signal === 0 ? undefined : signal };
      this.#onEnd();
      this.#exitListener?.(this.#exit);
    });
  }

  /** Shows bytes that did not come from the program, such as a broadcast message. */
  show(bytes: Uint8Array): void {
    if (this.#dataListener === undefined) this.#early.push(bytes);
    else this.#dataListener(bytes);
  }

  /** For the machine itself; the session's own listener is `onExit`. */
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

  write(bytes: Uint8Array): void {
    if (this.#exit !== undefined) return;
    // As with onData: bytes go through unchanged, the types name only text.
    this.#pty.write(Buffer.from(bytes) as unknown as string);
  }

  resize(columns: number, rows: number): void {
    if (this.#exit !== undefined || columns < 1 || rows < 1) return;
    this.#pty.resize(columns, rows);
  }

  pause(): void {
    this.#pty.pause();
  }

  resume(): void {
    this.#pty.resume();
  }

  kill(): void {
    if (this.#exit !== undefined) return;
    // The shell leads a session: its group gets the hang-up, as when a terminal is closed.
    killGroup(this.#pty.pid, 'SIGHUP');
    killGroup(this.#pty.pid, 'SIGKILL');
    this.#pty.resume();
  }
}

/** Signals a whole process group; one that has ended already is no error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // No such group any more.
  }
}
