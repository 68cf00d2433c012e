import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { SEED_DATABASES } from '../../src/sandbox/world/seed-databases.ts';
import { CliProcess } from '../support/cli-process.ts';
import { startOfficialPlugin } from '../support/official-plugin.ts';
import { type RemoteProgram, startRemoteProgram } from './remote-program.ts';
import { within } from './row.ts';
import type { SandboxProcess } from './sandbox-process.ts';

const TICKS_PER_SECOND = 100;
const START_MS = 15_000;
const STOP_MS = 3_000;

/** A client process with a local port that forwards through a task to a program in this process. */
export class ForwardProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Starts the built `fargate-connect forward`. */
  static async ours(
    sandbox: SandboxProcess,
    via: 'task' | 'bastion' = 'task',
    flags: readonly string[] = [],
  ): Promise<ForwardProcess> {
    const { host, port } = place();
    const carrier = via === 'task' ? ['orders-api', '--cluster', 'demo'] : [];
    const args = ['forward', ...carrier, '-L', `0:${host}:${port}`, '--via', via, ...flags];
    const cli = new CliProcess([...args, '--json'], { env: sandbox.env });
    const [line] = await cli.until('stdout', /\{.*"forward-ready".*\}\n/);
    const ready = JSON.parse(line) as { readonly local: { readonly port: number } };
    return new ForwardProcess(cli.child, ready.local.port);
  }

  /** Starts only the plugin, as the AWS CLI does; the CLI itself only waits, so it is left out. */
  static async official(plugin: string, sandbox: SandboxProcess): Promise<ForwardProcess> {
    const { host, port } = place();
    const child = await startOfficialPlugin(
      plugin,
      sandbox.env,
      'AWS-StartPortForwardingSessionToRemoteHost',
      { host: [host], portNumber: [String(port)], localPortNumber: ['0'] },
    );
    let output = '';
    const ready = new Promise<number>((resolve, reject) => {
      child.stdout?.on('data', (part: Buffer) => {
        output += part.toString();
        const match = /Port (\d+) opened for sessionId[^]*Waiting for connections/.exec(output);
        if (match !== null) resolve(Number(match[1]));
      });
      child.once('exit', () => reject(new Error(`the plugin ended: ${output.trim()}`)));
    });
    try {
      return new ForwardProcess(child, await within(START_MS, 'the plugin opened no port', ready));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** User and system time so far, including that of child processes that ended; NaN without /proc. */
  get cpuSeconds(): number {
    const fields = this.#proc('stat')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
  }

  /** Largest resident set size so far in MB; NaN without /proc. */
  get peakMb(): number {
    return Number(/VmHWM:\s+(\d+)/.exec(this.#proc('status'))?.[1]) / 1024;
  }

  get residentMb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(this.#proc('status'))?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(kill);
  }

  #proc(file: 'stat' | 'status'): string {
    try {
      return readFileSync(`/proc/${this.#child.pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  }
}

/** The remote program listens in place of a database, which the security group of the tasks may reach. */
function place(): { readonly host: string; readonly port: number; readonly privateIp: string } {
  const database = SEED_DATABASES[0];
  if (database === undefined) throw new Error('the seed has no database');
  return database;
}

/** Runs a remote program behind the `ForwardProcess` until `work` ends. */
export async function withRemoteProgram<T>(
  sandbox: SandboxProcess,
  work: (port: number, program: RemoteProgram) => Promise<T>,
): Promise<T> {
  const program = await startRemoteProgram();
  try {
    const { privateIp, port } = place();
    await sandbox.ask({ type: 'listen', privateIp, port, loopbackPort: program.port });
    return await work(program.port, program);
  } finally {
    program.close();
  }
}
