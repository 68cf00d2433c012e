import type { MachineProcess, MachineTerminal } from '../../../src/sandbox/contracts.ts';

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  readonly signal: number | undefined;
}

/** Returns the whole output of a process after it has ended. */
export function finish(process: MachineProcess): Promise<Ended> {
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    process.onStdout((bytes) => (stdout += Buffer.from(bytes).toString()));
    process.onStderr((bytes) => (stderr += Buffer.from(bytes).toString()));
    process.onExit((exit) => resolve({ stdout, stderr, ...exit }));
  });
}

/** Collects the output of a terminal and lets a test wait for a text in it. */
export class TerminalText {
  text = '';
  readonly exit: Promise<{ readonly code: number; readonly signal: number | undefined }>;
  #watchers: (() => void)[] = [];
  readonly #terminal: MachineTerminal;

  constructor(terminal: MachineTerminal) {
    this.#terminal = terminal;
    this.exit = new Promise((resolve) => terminal.onExit(resolve));
    terminal.onData((bytes) => {
      this.text += Buffer.from(bytes).toString();
      for (const watcher of this.#watchers) watcher();
    });
  }

  type(text: string): void {
    this.#terminal.write(Buffer.from(text));
  }

  until(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (pattern.test(this.text)) resolve();
      };
      this.#watchers.push(look);
      look();
    });
  }
}
