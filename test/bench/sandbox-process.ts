import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

export interface HostStart {
  readonly agentPace: 'fast' | 'official';
}

export type HostRequest =
  | {
      readonly type: 'listen';
      readonly privateIp: string;
      readonly port: number;
      readonly loopbackPort: number;
    }
  | {
      readonly type: 'add-host';
      readonly privateIp: string;
      readonly name: string;
      readonly port: number;
      readonly loopbackPort: number;
    }
  | { readonly type: 'faults'; readonly specs: readonly string[] }
  | { readonly type: 'repeated-input' }
  | { readonly type: 'snapshot' };

export type HostReply =
  | { readonly type: 'ready'; readonly endpoint: string; readonly env: Readonly<Record<string, string>> }
  /** `at`: the time of the answer, ms since the epoch. */
  | { readonly type: 'done'; readonly at: number }
  | { readonly type: 'repeated-input'; readonly count: number }
  | { readonly type: 'snapshot'; readonly text: string };

/** A sandbox in a child process. */
export class SandboxProcess {
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, endpoint: string, env: Readonly<Record<string, string>>) {
    this.#child = child;
    this.endpoint = endpoint;
    this.env = env;
  }

  static async start(options: HostStart): Promise<SandboxProcess> {
    const child = fork(resolve(import.meta.dirname, 'sandbox-host.ts'), [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx'],
    });
    const [reply] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => [{ type: 'nothing' }]),
    ])) as [HostReply | { readonly type: 'nothing' }];
    if (reply.type !== 'ready') throw new Error(`the sandbox said ${reply.type} first`);
    return new SandboxProcess(child, reply.endpoint, reply.env);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Requests are answered in order, one at a time. */
  async ask(request: HostRequest): Promise<HostReply> {
    const reply = once(this.#child, 'message') as Promise<[HostReply]>;
    this.#child.send(request);
    return (await reply)[0];
  }

  /** The number of messages that clients have sent more than once so far. */
  async repeatedInput(): Promise<number> {
    const reply = await this.ask({ type: 'repeated-input' });
    return reply.type === 'repeated-input' ? reply.count : Number.NaN;
  }

  /** The names of the API calls so far, `service:Action`, in order of arrival. */
  async calls(): Promise<readonly string[]> {
    const response = await fetch(`${this.endpoint}/_sandbox/calls`);
    const calls = (await response.json()) as readonly { readonly service: string; readonly action: string }[];
    return calls.map(({ service, action }) => `${service}:${action}`);
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}

/** Runs `work` with a sandbox of its own. */
export async function withSandbox<T>(
  options: HostStart,
  work: (sandbox: SandboxProcess) => Promise<T>,
): Promise<T> {
  const sandbox = await SandboxProcess.start(options);
  try {
    return await work(sandbox);
  } finally {
    await sandbox.stop();
  }
}
