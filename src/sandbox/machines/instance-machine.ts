import type { Socket } from 'node:net';
import { type Machine, MachineError, type MachineProcess, type MachineTerminal } from '../contracts.ts';
import type { NetworkPlace, VpcNetwork } from '../world/vpc-network.ts';
import { startProcess } from './process.ts';
import { type PtyTerminal, startTerminal, type Program } from './terminal.ts';

export interface InstanceMachineOptions {
  readonly instanceId: string;
  readonly place: NetworkPlace;
  readonly network: VpcNetwork;
  /** The user's shell or the command, with the environment and directory of a session's user. */
  session(command: string | undefined): Program;
  /** The program for a command line that is split into words, without a shell. */
  command(line: string): Program;
}

/**
 * The bastion as its agent uses it. Commands run through a shell; sessions can be counted, and messages can be
 * written to them.
 */
export class InstanceMachine implements Machine {
  readonly kind = 'instance';
  readonly target: string;
  readonly #options: InstanceMachineOptions;
  readonly #terminals = new Set<PtyTerminal>();
  readonly #busy = new Set<MachineProcess | Socket>();
  readonly #sessions = new Map<object, string>();

  constructor(options: InstanceMachineOptions) {
    this.target = options.instanceId;
    this.#options = options;
  }

  async terminal(options: {
    readonly command?: string;
    readonly columns: number;
    readonly rows: number;
  }): Promise<MachineTerminal> {
    const terminal = await startTerminal(this.#options.session(options.command), options);
    this.#terminals.add(terminal);
    terminal.onEnd(() => this.#terminals.delete(terminal));
    return terminal;
  }

  async process(command: string): Promise<MachineProcess> {
    const process = await startProcess(this.#options.command(command));
    this.#busy.add(process);
    process.onEnd(() => this.#busy.delete(process));
    return process;
  }

  async connect(host: string, port: number): Promise<Socket> {
    const socket = await this.#options.network.connect(host, port, this.#options.place);
    this.#busy.add(socket);
    socket.once('close', () => this.#busy.delete(socket));
    return socket;
  }

  resolve(host: string): Promise<readonly string[]> {
    try {
      return Promise.resolve(this.#options.network.resolve(host, this.#options.place));
    } catch (error) {
      return Promise.reject(error instanceof MachineError ? error : new Error(String(error)));
    }
  }

  beginSession(sessionId: string): () => void {
    const key = {};
    this.#sessions.set(key, sessionId);
    return () => void this.#sessions.delete(key);
  }

  /** How many `ssm-session-worker` processes would run on the real machine. */
  get liveSessions(): number {
    return Math.max(this.#sessions.size, this.#terminals.size + this.#busy.size);
  }

  /** Writes to every terminal, as `wall` does. */
  wall(text: string): void {
    for (const terminal of this.#terminals) terminal.show(Buffer.from(text));
  }
}
