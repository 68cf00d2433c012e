import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export const USERDATA = join(import.meta.dirname, '..', '..', 'userdata');

/** The path of a program on PATH, or undefined. */
export function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A separate machine for a script: a folder as FC_ROOT, and a folder of stubs that is first on PATH. Each stub appends
 * its name and arguments to a log before it runs its body.
 */
export class ScriptBox {
  readonly root = mkdtempSync(join(tmpdir(), 'fc-box-'));
  readonly bin = join(this.root, 'stand-ins');
  readonly #bodies = join(this.root, 'bodies');
  readonly #standIn = join(this.root, 'stand-in');

  constructor() {
    mkdirSync(this.bin);
    mkdirSync(this.#bodies);
    // stand-in.sh explains why the file is not written directly.
    execFileSync('cp', [join(import.meta.dirname, 'stand-in.sh'), this.#standIn]);
    // A script under test must never run the shutdown of this machine.
    this.stub('shutdown');
  }

  /** Adds a stub; `body` is bash code. */
  stub(name: string, body = 'exit 0'): void {
    writeFileSync(join(this.#bodies, name), `${body}\n`);
    rmSync(join(this.bin, name), { force: true });
    symlinkSync(this.#standIn, join(this.bin, name));
  }

  write(path: string, text: string, mode = 0o644): string {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    chmodSync(full, mode);
    return full;
  }

  read(path: string): string {
    const full = join(this.root, path);
    return existsSync(full) ? readFileSync(full, 'utf8') : '';
  }

  get calls(): readonly string[] {
    return this.read('calls')
      .split('\n')
      .filter((line) => line !== '');
  }

  /** Runs a script file with bash. PATH contains only the stubs and the machine's own tools. */
  run(
    script: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const child = spawn('bash', [script, ...args], {
        cwd: this.root,
        env: {
          PATH: `${this.bin}${delimiter}/usr/bin${delimiter}/bin`,
          HOME: this.root,
          FC_ROOT: this.root,
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Runs `bash -n`; throws with the error message of bash. */
export function checkSyntax(script: string): void {
  execFileSync('bash', ['-n', script], { stdio: ['ignore', 'ignore', 'pipe'] });
}
