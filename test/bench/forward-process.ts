import { readFileSync } from 'node:fs';
import { SEED_DATABASES } from '../../src/sandbox/world/seed-databases.ts';
import { CliProcess } from '../support/cli-process.ts';
import { startRemoteProgram } from './remote-program.ts';
import type { SandboxProcess } from './sandbox-process.ts';

const TICKS_PER_SECOND = 100;

/** `fargate-connect forward`, built, through a task to a program of this process. */
export class ForwardProcess {
  readonly port: number;
  readonly #cli: CliProcess;

  private constructor(cli: CliProcess, port: number) {
    this.#cli = cli;
    this.port = port;
  }

  static async start(sandbox: SandboxProcess): Promise<ForwardProcess> {
    const { host, port } = place();
    const args = ['forward', 'orders-api', '-L', `0:${host}:${port}`, '--via', 'task', '--cluster', 'demo'];
    const cli = new CliProcess([...args, '--json'], { env: sandbox.env });
    const [line] = await cli.until('stdout', /\{.*"forward-ready".*\}\n/);
    const ready = JSON.parse(line) as { readonly local: { readonly port: number } };
    return new ForwardProcess(cli, ready.local.port);
  }

  /** What the CLI said on stderr, JSON lines. */
  get talk(): string {
    return this.#cli.stderr;
  }

  /** User and system time so far; NaN where there is no /proc. */
  get cpuSeconds(): number {
    const fields = this.#proc('stat')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Largest resident set so far in MB; NaN where there is no /proc. */
  get peakMb(): number {
    return Number(/VmHWM:\s+(\d+)/.exec(this.#proc('status'))?.[1]) / 1024;
  }

  get residentMb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(this.#proc('status'))?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    this.#cli.kill('SIGINT');
    await this.#cli.finished;
  }

  #proc(file: 'stat' | 'status'): string {
    try {
      return readFileSync(`/proc/${this.#cli.child.pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  }
}

/** The remote program takes the place of a database: the tasks' security group reaches it. */
function place(): { readonly host: string; readonly port: number; readonly privateIp: string } {
  const database = SEED_DATABASES[0];
  if (database === undefined) throw new Error('the seed has no database');
  return database;
}

/** A remote program that answers where `ForwardProcess` leads, for as long as `work` runs. */
export async function withRemoteProgram<T>(
  sandbox: SandboxProcess,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const program = await startRemoteProgram();
  try {
    const { privateIp, port } = place();
    await sandbox.ask({ type: 'listen', privateIp, port, loopbackPort: program.port });
    return await work(program.port);
  } finally {
    program.close();
  }
}

/** `work` with a forward of its own. */
export async function withForward<T>(
  sandbox: SandboxProcess,
  work: (forward: ForwardProcess) => Promise<T>,
): Promise<T> {
  const forward = await ForwardProcess.start(sandbox);
  try {
    return await work(forward);
  } finally {
    await forward.stop();
  }
}
