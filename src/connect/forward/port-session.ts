import type { Duplex } from 'node:stream';

import { BasicConnections } from './basic-connections.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { ChannelDriver } from '../channel/channel-driver.ts';
import { type ReadPeer, readKernelTable } from './local-peer.ts';
import { MuxConnections } from './mux-connections.ts';
import { type PortChannel, type PortConnections, resetConnection } from './port-connections.ts';
import type { SessionStart } from '../ports.ts';
import type { ChannelEnd } from '../session/session-end.ts';

export interface PortSessionEvents {
  /** Looks into the kernel's table unless given. */
  readonly readPeer?: ReadPeer;
  connections?(open: number): void;
  /**
   * The connection to the gateway was lost: new local connections should wait for `resumed`, or for another session.
   */
  interrupted?(): void;
  resumed?(): void;
  /** The agent does not answer: its target may be gone. */
  silent?(): void;
}

/**
 * A session of type Port, from StartSession's answer to its end. The agent's version decides between mux and basic mode
 * (SPEC.md §4).
 */
export class PortSession {
  readonly #driver: ChannelDriver;
  readonly #deps: ChannelDeps;
  readonly #events: PortSessionEvents;
  #connections: PortConnections | undefined;
  #reportedCount = 0;
  #fail: (error: unknown) => void = () => undefined;
  readonly #failed: Promise<never>;

  constructor(session: SessionStart, target: string, deps: ChannelDeps, events: PortSessionEvents = {}) {
    this.#deps = deps;
    this.#events = events;
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
    this.#driver = new ChannelDriver(session, target, deps, {
      output: (bytes) => this.#connections?.output(bytes),
      room: () => this.#connections?.room(),
      connectToPortError: () => this.#connections?.connectToPortError(),
      // Before the session is open, only `start` handles interruptions.
      interrupted: () => {
        if (this.#connections !== undefined) this.#events.interrupted?.();
      },
      resumed: () => {
        if (this.#connections !== undefined) this.#events.resumed?.();
      },
      silent: () => this.#events.silent?.(),
    });
  }

  /** Resolves when connections may be passed to `accept`. Throws what `ChannelDriver.start` throws. */
  async start(): Promise<void> {
    const opened = await this.#driver.start();
    const driver = this.#driver;
    const channel: PortChannel = {
      clock: this.#deps.clock,
      send: (bytes) => driver.send(bytes),
      sendFrom: (source) => driver.sendFrom(source),
      readPeer: this.#events.readPeer ?? readKernelTable(),
      sendFlag: (flag) => driver.sendFlag(flag),
      pauseOutput: () => driver.pauseOutput(),
      resumeOutput: () => driver.resumeOutput(),
      changed: () => this.#reportCount(),
      warn: (event) => this.#deps.report(event),
      fail: (error) => this.#fail(error),
    };
    this.#connections = opened.mux
      ? new MuxConnections(channel, opened.keepAlive)
      : new BasicConnections(channel);
  }

  #reportCount(): void {
    if (this.openCount === this.#reportedCount) return;
    this.#reportedCount = this.openCount;
    this.#events.connections?.(this.openCount);
  }

  accept(connection: Duplex): void {
    if (this.#connections === undefined) resetConnection(connection);
    else this.#connections.accept(connection);
  }

  get openCount(): number {
    return this.#connections?.openCount ?? 0;
  }

  /**
   * Resolves when the service ends the session; rejects when the session fails. By then all connections have been
   * reset.
   */
  async ended(): Promise<ChannelEnd> {
    try {
      return await Promise.race([this.#driver.ended, this.#failed]);
    } finally {
      this.#connections?.reset();
    }
  }

  /** Resets open connections and ends the session in AWS. Throws `session-not-ended`. */
  async close(): Promise<void> {
    this.#connections?.reset();
    const left = await this.#driver.terminate();
    if (left !== undefined) throw left;
  }
}
