import type { Duplex } from 'node:stream';

import { type PortChannel, type PortConnections, resetConnection } from './port-connections.ts';

/** Limit for data that the remote side sends before a local program has connected. */
const MAX_EARLY_BYTES = 256 * 1024;

/**
 * For agents up to 3.0.196.0, and sessions without mux: one connection at a time, with its bytes unframed; the others
 * wait. The agent connects at the session's start, and again at the first byte after DisconnectToPort; it never reports
 * that the server closed (SPEC.md §13.2).
 */
export class BasicConnections implements PortConnections {
  readonly #channel: PortChannel;
  #current: Duplex | undefined;
  #waiting: Duplex[] = [];
  /** Only for the first connection: later the agent sends no data before we do. */
  #early: Uint8Array[] | undefined = [];
  #earlyBytes = 0;

  constructor(channel: PortChannel) {
    this.#channel = channel;
  }

  get openCount(): number {
    return this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }

  accept(connection: Duplex): void {
    connection.on('error', () => undefined);
    connection.pause();
    this.#waiting.push(connection);
    connection.once('close', () => {
      this.#waiting = this.#waiting.filter((other) => other !== connection);
      if (this.#current === connection) this.#release();
      this.#channel.changed();
    });
    this.#next();
    this.#channel.changed();
  }

  output(bytes: Uint8Array): void {
    if (this.#current !== undefined) {
      if (!this.#current.destroyed && !this.#current.write(bytes)) this.#channel.pauseOutput();
      return;
    }
    if (this.#early === undefined) return;
    this.#early.push(bytes);
    this.#earlyBytes += bytes.byteLength;
    if (this.#earlyBytes >= MAX_EARLY_BYTES) this.#channel.pauseOutput();
  }

  room(): void {
    this.#current?.resume();
  }

  connectToPortError(): void {
    if (this.#current !== undefined) resetConnection(this.#current);
  }

  reset(): void {
    const all = [...this.#waiting, ...(this.#current === undefined ? [] : [this.#current])];
    this.#waiting = [];
    this.#current = undefined;
    for (const connection of all) resetConnection(connection);
    this.#channel.changed();
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const connection = this.#waiting.shift();
    if (connection === undefined) return;
    this.#current = connection;
    connection.on('data', (bytes: Uint8Array) => {
      if (!this.#channel.send(bytes)) connection.pause();
    });
    connection.on('drain', () => this.#channel.resumeOutput());
    // Basic mode cannot transmit a half-close.
    connection.on('end', () => connection.end());
    for (const bytes of this.#early ?? []) connection.write(bytes);
    if (this.#earlyBytes >= MAX_EARLY_BYTES) this.#channel.resumeOutput();
    this.#early = undefined;
    this.#earlyBytes = 0;
    connection.resume();
  }

  #release(): void {
    this.#current = undefined;
    this.#channel.resumeOutput();
    this.#channel.sendFlag('DisconnectToPort');
    this.#next();
  }
}
