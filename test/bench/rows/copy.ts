import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Measurement, Remark, Row } from '../row.ts';
import { elapsedMs, repeat } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const run = promisify(execFile);
const CLI = resolve(import.meta.dirname, '../../../dist/main.js');
const FAST_BYTES = 40_000_000;
/** 1 KiB per millisecond and session is about 1 MB/s at most. */
const OFFICIAL_BYTES = 40_000_000;
const UP_BAR = 5;
const DOWN_BAR = 20;
const SESSIONS_BAR = 3;

/** Whole processes of `cp`, their start and the verification included; every byte is compared. */
export const copy: Row = {
  name: 'copy',
  title: 'cp of one file of random bytes, process start, session start and SHA-256 included',
  run: ({ runs }) => fast(runs),
};

export const copySessions: Row = {
  name: 'copy-sessions',
  title: 'cp of one file of 40 MB out of a container, agent at the official pace, whole processes',
  run: ({ runs }) => official(Math.min(runs, 3)),
};

class Copies {
  readonly #here = mkdtempSync(join(tmpdir(), 'fargate-connect-bench-copy-'));
  readonly #sandbox: SandboxProcess;
  readonly #bytes: number;

  constructor(sandbox: SandboxProcess, bytes: number) {
    this.#sandbox = sandbox;
    this.#bytes = bytes;
    writeFileSync(join(this.#here, 'source'), randomBytes(bytes));
  }

  /** Megabytes per second of one copy. */
  async up(): Promise<number> {
    return this.#copy([join(this.#here, 'source'), 'orders-api:bench']);
  }

  async down(sessions: number): Promise<number> {
    const back = join(this.#here, 'back');
    const speed = await this.#copy(['--sessions', String(sessions), 'orders-api:bench', back]);
    const [sent, got] = ['source', 'back'].map((name) => digest(join(this.#here, name)));
    if (sent !== got) throw new Error('the copy differs from its source');
    return speed;
  }

  /** The same file by `tar | exec -- tar`, which verifies nothing. */
  async upByTar(): Promise<number> {
    const exec = [process.execPath, CLI, 'exec', 'orders-api', '--cluster', 'demo', '--container', 'app'];
    const words = ['-c', 'tar cf - -C "$0" source | "$@"', this.#here, ...exec, '--', 'tar', 'xf', '-'];
    const began = performance.now();
    await run('sh', words, { env: { ...process.env, ...this.#sandbox.env } });
    return this.#bytes / elapsedMs(began) / 1000;
  }

  remove(): void {
    rmSync(this.#here, { recursive: true, force: true });
  }

  async #copy(words: readonly string[]): Promise<number> {
    const began = performance.now();
    await run(process.execPath, [CLI, 'cp', '--cluster', 'demo', '--container', 'app', ...words], {
      env: { ...process.env, ...this.#sandbox.env },
    });
    return this.#bytes / elapsedMs(began) / 1000;
  }
}

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

const fast = (runs: number): Promise<readonly (Measurement | Remark)[]> =>
  withSandbox({ agentPace: 'fast' }, async (sandbox) => {
    const copies = new Copies(sandbox, FAST_BYTES);
    try {
      return [
        {
          what: 'up, fast agent',
          unit: 'MB/s',
          values: await repeat(runs, () => copies.up()),
          bar: { atLeast: UP_BAR },
        },
        {
          what: 'up by tar | exec -- tar, fast agent',
          unit: 'MB/s',
          values: await repeat(runs, () => copies.upByTar()),
        },
        {
          what: 'down, fast agent, 1 session',
          unit: 'MB/s',
          values: await repeat(runs, () => copies.down(1)),
          bar: { atLeast: DOWN_BAR },
        },
        {
          what: 'down, fast agent, 2 sessions',
          unit: 'MB/s',
          values: await repeat(runs, () => copies.down(2)),
        },
      ];
    } finally {
      copies.remove();
    }
  });

const official = (runs: number): Promise<readonly (Measurement | Remark)[]> =>
  withSandbox({ agentPace: 'official' }, async (sandbox) => {
    const copies = new Copies(sandbox, OFFICIAL_BYTES);
    try {
      await copies.up();
      const one = await repeat(runs, () => copies.down(1));
      const four = await repeat(runs, () => copies.down(4));
      return [
        { what: 'down, agent at the official pace, 1 session', unit: 'MB/s', values: one },
        { what: 'down, agent at the official pace, 4 sessions', unit: 'MB/s', values: four },
        {
          what: '4 sessions beside 1',
          unit: 'times',
          values: four.map((speed, at) => speed / (one[at] ?? Number.NaN)),
          bar: { atLeast: SESSIONS_BAR },
        },
      ];
    } finally {
      copies.remove();
    }
  });
