import { spawn as spawnPty } from '@lydell/node-pty';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Runs the built CLI as a user or a script would: in a child process, or in a real pty. */

const DIST = process.env['FARGATE_CONNECT_DIST'] ?? 'dist';
export const ENTRY = resolve(import.meta.dirname, '..', '..', DIST, 'main.js');
const PATIENCE_MS = 120_000;
const TRAILING_OUTPUT_MS = 100;

if (!existsSync(ENTRY))
  throw new Error('dist/main.js is missing: run npm run build (npm test does it first)');

/** A separate home directory, so that no configuration of the developer affects a test. */
function environment(env: Readonly<Record<string, string>>, home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    TERM: 'xterm-256color',
    LANG: 'C.UTF-8',
    ...env,
  };
}

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed; without it stdin is closed at once. */
  readonly input?: string | Buffer;
}

/** A running CLI without a terminal. */
export class CliProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly finished: Promise<Finished>;
  #listeners = new Set<() => void>();

  constructor(args: readonly string[], options: CliOptions = {}) {
    const home = mkdtempSync(join(tmpdir(), 'fc-home-'));
    this.child = spawn(process.execPath, [ENTRY, ...args], {
      env: environment(options.env ?? {}, home),
      cwd: home,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
      this.#changed();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
      this.#changed();
    });
    this.child.stdin?.on('error', () => undefined);
    if (options.input === undefined) this.child.stdin?.end();
    else this.child.stdin?.end(options.input);
    this.finished = new Promise((done) => {
      this.child.on('close', (status, signal) => {
        rmSync(home, { recursive: true, force: true });
        done({ status, signal, stdout: this.stdout, stderr: this.stderr });
        this.#changed();
      });
    });
  }

  /** Resolves with the match as soon as the stream contains it; rejects with all output if the process ends first. */
  async until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpMatchArray> {
    return waitUntil(
      () => this[stream].match(pattern) ?? undefined,
      (listener) => this.#listeners.add(listener),
      (listener) => this.#listeners.delete(listener),
      () => this.child.exitCode !== null || this.child.signalCode !== null,
      () => `waiting for ${pattern} on ${stream}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`,
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Runs the CLI until it exits. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<Finished> {
  return new CliProcess(args, options).finished;
}

/** Runs the CLI (or any program) in a real pty. */
export class PtyProcess {
  #raw = '';
  #exit: { readonly status: number; readonly signal: number | undefined } | undefined;
  #listeners = new Set<() => void>();
  readonly #pty: ReturnType<typeof spawnPty>;
  readonly #home = mkdtempSync(join(tmpdir(), 'fc-home-'));

  constructor(
    args: readonly string[],
    options: CliOptions & {
      readonly columns?: number;
      readonly rows?: number;
      readonly program?: string;
    } = {},
  ) {
    const program = options.program ?? process.execPath;
    const argv = options.program === undefined ? [ENTRY, ...args] : [...args];
    this.#pty = spawnPty(program, argv, {
      name: 'xterm-256color',
      cols: options.columns ?? 100,
      rows: options.rows ?? 30,
      cwd: this.#home,
      env: environment(options.env ?? {}, this.#home),
    });
    this.#pty.onData((data) => {
      this.#raw += data;
      this.#changed();
    });
    this.#pty.onExit(({ exitCode, signal }) => {
      // The pty may still contain the last lines when the process has exited; they arrive before this timer fires.
      setTimeout(() => {
        this.#exit = { status: exitCode, signal };
        rmSync(this.#home, { recursive: true, force: true });
        this.#changed();
      }, TRAILING_OUTPUT_MS);
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** All output so far, without escape sequences and carriage returns. */
  get text(): string {
    return stripVTControlCharacters(this.#raw).replaceAll('\r', '');
  }

  get raw(): string {
    return this.#raw;
  }

  write(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  kill(signal: string): void {
    this.#pty.kill(signal);
  }

  /** Closes the terminal, as its window does. */
  closeTerminal(): void {
    // Not in the type of the package: it closes the master side of the pty.
    (this.#pty as unknown as { destroy(): void }).destroy();
  }

  /** Waits for the pattern in the output after `from` (a length of `text`). */
  async until(pattern: RegExp, from = 0): Promise<RegExpMatchArray> {
    return waitUntil(
      () => this.text.slice(from).match(pattern) ?? undefined,
      (listener) => this.#listeners.add(listener),
      (listener) => this.#listeners.delete(listener),
      () => this.#exit !== undefined,
      () => `waiting for ${pattern}\n--- screen\n${this.text.slice(from)}`,
    );
  }

  /** Types, and waits for the result; only output after the typing counts. */
  async type(keys: string, pattern: RegExp): Promise<RegExpMatchArray> {
    const from = this.text.length;
    this.write(keys);
    return this.until(pattern, from);
  }

  async exit(): Promise<{ readonly status: number; readonly signal: number | undefined }> {
    return waitUntil(
      () => this.#exit,
      (listener) => this.#listeners.add(listener),
      (listener) => this.#listeners.delete(listener),
      () => false,
      () => `waiting for the end\n--- screen\n${this.text}`,
    );
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function waitUntil<T>(
  probe: () => T | undefined,
  subscribe: (listener: () => void) => void,
  unsubscribe: (listener: () => void) => void,
  ended: () => boolean,
  describe: () => string,
): Promise<T> {
  return new Promise((done, refuse) => {
    const settle = (action: () => void): void => {
      clearTimeout(timer);
      unsubscribe(listener);
      action();
    };
    const listener = (): void => {
      const value = probe();
      if (value !== undefined) settle(() => done(value));
      else if (ended()) settle(() => refuse(new Error(`the process ended while ${describe()}`)));
    };
    const timer = setTimeout(
      () => settle(() => refuse(new Error(`gave up after ${PATIENCE_MS} ms while ${describe()}`))),
      PATIENCE_MS,
    );
    subscribe(listener);
    listener();
  });
}
