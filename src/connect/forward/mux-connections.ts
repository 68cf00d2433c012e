import type { Duplex } from 'node:stream';

import { writeInTurn } from '../../core/turn-writes.ts';
import { mixableStreamId, MuxMessages } from '../../protocol/mux-messages.ts';
import { MuxSession } from '../../protocol/smux.ts';
import { type PortChannel, type PortConnections, resetConnection } from './port-connections.ts';

interface Stream {
  readonly id: number;
  readonly connection: Duplex;
  /** Nothing more will come from the remote side. */
  remoteFinished: boolean;
  /** The local program has sent its last byte. */
  localEnded: boolean;
  received: boolean;
  cancelIdle: (() => void) | undefined;
}

/** Bytes that wait for slow local programs, over all streams, before the gateway is told to wait. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const LOW_WAITING_BYTES = 1024 * 1024;
/**
 * A local end of data cannot be passed on: the agent answers a FIN by closing its connection completely, and the rest of
 * the reply would be lost (SPEC.md §13.3). So our FIN waits until the remote side has finished, or was idle this long.
 */
const HALF_CLOSE_IDLE_MS = 15_000;
/** The same the other way: the remote side is gone, the local program may still take its time to close. */
const LOCAL_LINGER_MS = 60_000;

/** Every local connection is one smux stream (SPEC.md §13.3). */
export class MuxConnections implements PortConnections {
  readonly #channel: PortChannel;
  readonly #mux: MuxSession;
  readonly #messages = new MuxMessages();
  readonly #streams = new Map<number, Stream>();
  #isBlocked = false;
  #isOutputPaused = false;
  #refusals = 0;
  #cancelTick: (() => void) | undefined;

  constructor(channel: PortChannel, keepAlive: boolean) {
    this.#channel = channel;
    this.#mux = new MuxSession({
      role: 'client',
      keepAlive,
      now: channel.clock.now(),
      nextStreamId: mixableStreamId,
    });
    this.#scheduleTick();
  }

  get openCount(): number {
    return this.#streams.size;
  }

  accept(connection: Duplex): void {
    let id: number;
    try {
      id = this.#mux.open();
    } catch (error) {
      resetConnection(connection);
      this.#channel.warn({
        type: 'note',
        level: 'warning',
        code: 'too-many-connections',
        message: error instanceof Error ? error.message : String(error),
      });
      return;
    }
    const stream: Stream = {
      id,
      connection,
      remoteFinished: false,
      localEnded: false,
      received: false,
      cancelIdle: undefined,
    };
    this.#streams.set(id, stream);
    connection.on('data', (bytes: Uint8Array) => {
      // The agent has closed its side completely by then; there is nobody to send it to.
      if (stream.remoteFinished) return;
      this.#mux.write(id, bytes);
      this.#send();
    });
    connection.on('end', () => this.#localEnd(stream));
    connection.on('drain', () => this.#relieve());
    // 'close' follows, and decides.
    connection.on('error', () => undefined);
    connection.on('close', () => this.#forget(stream));
    // Local connections come paused.
    if (!this.#isBlocked) connection.resume();
    this.#send();
    this.#channel.changed();
  }

  output(bytes: Uint8Array): void {
    try {
      this.#handle(this.#mux.receive(bytes));
    } catch (error) {
      this.#channel.fail(error);
      return;
    }
    this.#send();
  }

  room(): void {
    this.#isBlocked = false;
    for (const stream of this.#streams.values()) {
      if (!stream.localEnded) stream.connection.resume();
    }
  }

  /** Sent before the FIN of the stream it is about; which stream that is, it does not say (SPEC.md §13.3). */
  connectToPortError(): void {
    this.#refusals++;
    this.#channel.warn({
      type: 'note',
      level: 'warning',
      code: 'remote-refused',
      message: 'the remote port cannot be reached: nothing listens there, or a security group blocks it',
    });
  }

  reset(): void {
    this.#cancelTick?.();
    for (const stream of this.#streams.values()) {
      stream.cancelIdle?.();
      resetConnection(stream.connection);
    }
    this.#streams.clear();
    this.#channel.changed();
  }

  #handle(events: ReturnType<MuxSession['receive']>): void {
    for (const event of events) {
      const stream = this.#streams.get(event.id);
      if (stream === undefined) continue;
      switch (event.type) {
        case 'data':
          stream.received = true;
          if (stream.localEnded) this.#waitForRemote(stream);
          if (!stream.connection.destroyed && !writeInTurn(stream.connection, event.bytes)) this.#strain();
          break;
        case 'stream-finished':
          this.#remoteEnd(stream);
          break;
        // Agents never open streams.
        case 'stream-opened':
          break;
        default:
          event satisfies never;
      }
    }
  }

  #remoteEnd(stream: Stream): void {
    stream.remoteFinished = true;
    stream.cancelIdle?.();
    if (this.#refusals > 0 && !stream.received) {
      this.#refusals--;
      resetConnection(stream.connection);
      return;
    }
    stream.connection.end();
    if (stream.localEnded) this.#mux.finish(stream.id);
    else {
      stream.cancelIdle = this.#channel.clock.timer(LOCAL_LINGER_MS, () => stream.connection.destroy());
    }
  }

  #localEnd(stream: Stream): void {
    stream.localEnded = true;
    if (stream.remoteFinished) {
      stream.connection.end();
      return;
    }
    this.#waitForRemote(stream);
  }

  #waitForRemote(stream: Stream): void {
    stream.cancelIdle?.();
    stream.cancelIdle = this.#channel.clock.timer(HALF_CLOSE_IDLE_MS, () => stream.connection.destroy());
  }

  #forget(stream: Stream): void {
    if (this.#streams.get(stream.id) !== stream) return;
    stream.cancelIdle?.();
    this.#streams.delete(stream.id);
    this.#mux.finish(stream.id);
    this.#send();
    this.#relieve();
    this.#channel.changed();
  }

  #send(): void {
    const pieces = this.#mux.takePieces();
    if (pieces.length === 0) return;
    for (const piece of pieces) this.#messages.push(piece);
    if (this.#channel.sendFrom(this.#messages)) return;
    this.#isBlocked = true;
    for (const stream of this.#streams.values()) stream.connection.pause();
  }

  #waiting(): number {
    let bytes = 0;
    for (const stream of this.#streams.values()) bytes += stream.connection.writableLength;
    return bytes;
  }

  /** smux v1 has no windows for streams: beyond this buffer one slow program must hold up all (SPEC.md §6). */
  #strain(): void {
    if (this.#isOutputPaused || this.#waiting() < MAX_WAITING_BYTES) return;
    this.#isOutputPaused = true;
    this.#channel.pauseOutput();
  }

  #relieve(): void {
    if (!this.#isOutputPaused || this.#waiting() > LOW_WAITING_BYTES) return;
    this.#isOutputPaused = false;
    this.#channel.resumeOutput();
  }

  #scheduleTick(): void {
    const at = this.#mux.nextTimeout();
    if (at === undefined) return;
    const { clock } = this.#channel;
    this.#cancelTick = clock.timer(Math.max(1, at - clock.now()), () => {
      try {
        this.#handle(this.#mux.tick(clock.now()));
      } catch (error) {
        this.#channel.fail(error);
        return;
      }
      this.#send();
      this.#scheduleTick();
    });
  }
}
