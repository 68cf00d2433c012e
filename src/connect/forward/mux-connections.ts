import { Socket } from 'node:net';
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
  /** The local program has sent its end of data. */
  localEnded: boolean;
  received: boolean;
  /** The local program sent data that the remote side has not answered yet. */
  isUnanswered: boolean;
  /** When the last byte arrived, or the local end of data. */
  silentSince: number;
  /** How often it was checked whether the local program still reads after its end of data. */
  checks: number;
  cancelIdle: (() => void) | undefined;
}

/** The maximum number of streams of the multiplexer. */
const MAX_CONNECTIONS = 1024;
/** When this many bytes wait for slow local programs, over all streams, we stop reading from the gateway. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const LOW_WAITING_BYTES = 1024 * 1024;
/**
 * We cannot pass on a local end of data: the agent answers a FIN by closing its connection completely, and the rest of
 * the reply would be lost (SPEC.md §13.3). So our FIN is sent at once if the local program has closed its connection.
 * If the program still reads, our FIN waits until the remote side has finished, or was silent for this long, or the
 * program has closed.
 */
const READER_IDLE_MS = 10 * 60_000;
const CHECK_INTERVAL_MS = 1_000;
/** The second check comes after this time, and each further one after twice the time, up to the interval. */
const FIRST_CHECK_MS = 50;
/**
 * The same wait when it is unknown whether the program still reads: for an answer that is due, and for the rest of an
 * answer.
 */
const ANSWER_IDLE_MS = 15_000;
const ANSWERED_IDLE_MS = 80;
/**
 * At most this many streams with an unknown reader wait at the same time; the oldest are ended first, because each
 * holds a connection at the server.
 */
const MAX_UNKNOWN = 4;
/**
 * How many connections may have ended here without being closed by the agent. Beyond this, new ones wait, so that a
 * program that opens one short connection after the other does not use up the server's connections.
 */
const MAX_CLOSING = 4;
/**
 * How long to wait for the agent's FIN, which answers ours; an agent that sends none must not block others for longer.
 */
const CLOSING_MS = 2_000;
/** The reverse case: the remote side has closed, and the local program may take this long to close. */
const LOCAL_LINGER_MS = 60_000;

/** Every local connection is one smux stream (SPEC.md §13.3). */
export class MuxConnections implements PortConnections {
  readonly #channel: PortChannel;
  readonly #mux: MuxSession;
  readonly #messages = new MuxMessages();
  readonly #streams = new Map<number, Stream>();
  /** Streams whose local program sent its end of data and may or may not still read, oldest first. */
  readonly #unknown = new Set<Stream>();
  /** Keyed by stream: the function that cancels the wait for the agent. */
  readonly #closing = new Map<number, () => void>();
  /** Accepted connections that are opened only when others are closed. */
  #waiting: Duplex[] = [];
  #isOpening = false;
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
    return this.#streams.size + this.#waiting.length;
  }

  accept(connection: Duplex): void {
    // Errors before its turn are noticed when it is opened.
    connection.on('error', () => undefined);
    if (this.openCount >= MAX_CONNECTIONS) {
      resetConnection(connection);
      this.#reportTooMany();
      return;
    }
    this.#waiting.push(connection);
    this.#openWaiting();
    this.#channel.changed();
  }

  /** Runs once per turn of the event loop, so that connections that ended meanwhile are counted as ended. */
  #openWaiting(): void {
    if (this.#isOpening || this.#closing.size >= MAX_CLOSING) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    if (next.destroyed) this.#channel.changed();
    else this.#open(next);
    this.#isOpening = true;
    setImmediate(() => {
      this.#isOpening = false;
      this.#openWaiting();
    });
  }

  #reportTooMany(): void {
    this.#channel.warn({
      type: 'note',
      level: 'warning',
      code: 'too-many-connections',
      message: `more than ${MAX_CONNECTIONS} connections`,
    });
  }

  #open(connection: Duplex): void {
    let id: number;
    try {
      id = this.#mux.open();
    } catch (error) {
      resetConnection(connection);
      this.#channel.fail(error);
      return;
    }
    const stream: Stream = {
      id,
      connection,
      remoteFinished: false,
      localEnded: false,
      received: false,
      isUnanswered: false,
      silentSince: 0,
      checks: 0,
      cancelIdle: undefined,
    };
    this.#streams.set(id, stream);
    connection.on('data', (bytes: Uint8Array) => {
      // The agent has closed its side completely by then, so no end of data can reach it.
      if (stream.remoteFinished) return;
      stream.isUnanswered = true;
      this.#mux.write(id, bytes);
      this.#send();
    });
    connection.on('end', () => this.#localEnd(stream));
    connection.on('drain', () => this.#resumeIfDrained());
    // 'close' follows, and its handler deals with the error.
    connection.on('error', () => undefined);
    connection.on('close', () => this.#forget(stream));
    // Local connections arrive paused.
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

  /** The agent sends this before the FIN of the stream that it is about, without naming the stream (SPEC.md §13.3). */
  connectToPortError(): void {
    // A flag without a stream must not count against a later stream.
    this.#refusals = Math.min(this.#refusals + 1, this.#streams.size);
    this.#channel.warn({
      type: 'note',
      level: 'warning',
      code: 'remote-refused',
      message: 'the remote port cannot be reached: nothing listens there, or a security group blocks it',
    });
  }

  reset(): void {
    this.#cancelTick?.();
    for (const cancel of this.#closing.values()) cancel();
    this.#closing.clear();
    for (const connection of this.#waiting.splice(0)) resetConnection(connection);
    for (const stream of this.#streams.values()) {
      stream.cancelIdle?.();
      resetConnection(stream.connection);
    }
    this.#streams.clear();
    this.#channel.changed();
  }

  #handle(events: ReturnType<MuxSession['receive']>): void {
    for (const event of events) {
      if (event.type === 'stream-finished') this.#closed(event.id);
      const stream = this.#streams.get(event.id);
      if (stream === undefined) continue;
      switch (event.type) {
        case 'data':
          stream.received = true;
          stream.isUnanswered = false;
          stream.silentSince = this.#channel.clock.now();
          // The server still speaks, so only the check can tell whether the program listens.
          if (stream.localEnded && stream.checks === 0) stream.cancelIdle?.();
          this.#answered(stream);
          if (!stream.connection.destroyed && !writeInTurn(stream.connection, event.bytes))
            this.#pauseIfFull();
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
    this.#unknown.delete(stream);
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
    stream.silentSince = this.#channel.clock.now();
    this.#close(stream.id);
    // On a busy machine the check takes longer than a server should wait for the end of a connection that it has
    // answered, so the program counts as closed after the time that applies where no check is possible.
    if (stream.received && !stream.isUnanswered)
      stream.cancelIdle = this.#channel.clock.timer(ANSWERED_IDLE_MS, () => this.#finish(stream));
    void this.#checkPeer(stream);
  }

  #close(id: number): void {
    if (this.#closing.has(id)) return;
    this.#closing.set(
      id,
      this.#channel.clock.timer(CLOSING_MS, () => this.#closed(id)),
    );
  }

  #closed(id: number): void {
    this.#closing.get(id)?.();
    if (this.#closing.delete(id)) this.#openWaiting();
  }

  /** Decides what the local program's end of data means; repeats this as long as the program reads. */
  async #checkPeer(stream: Stream): Promise<void> {
    const { clock } = this.#channel;
    const peer = await this.#channel.readPeer(stream.connection);
    if (this.#streams.get(stream.id) !== stream || stream.remoteFinished) return;
    stream.checks++;
    if (peer !== 'closed') this.#closed(stream.id);
    if (peer === 'unknown') {
      this.#unknown.add(stream);
      this.#answered(stream);
      for (const oldest of this.#unknown) {
        if (this.#unknown.size <= MAX_UNKNOWN) break;
        this.#finish(oldest);
      }
      return;
    }
    if (peer === 'closed' || clock.now() - stream.silentSince >= READER_IDLE_MS) {
      this.#finish(stream);
      return;
    }
    stream.cancelIdle?.();
    // The first check may see a program that is just closing its connection.
    const wait = Math.min(CHECK_INTERVAL_MS, FIRST_CHECK_MS * 2 ** (stream.checks - 1));
    stream.cancelIdle = clock.timer(wait, () => void this.#checkPeer(stream));
  }

  /** Restarts the wait of a stream when it is unknown whether its program reads. */
  #answered(stream: Stream): void {
    if (!this.#unknown.has(stream)) return;
    stream.cancelIdle?.();
    // A connection that is no socket (stdin and stdout of --stdio) ends its input long before it stops reading.
    const isAnswered = !stream.isUnanswered && stream.connection instanceof Socket;
    const waitMs = isAnswered ? ANSWERED_IDLE_MS : ANSWER_IDLE_MS;
    stream.cancelIdle = this.#channel.clock.timer(waitMs, () => this.#finish(stream));
  }

  /**
   * Tells the server that the local program is done. Data that the server sent before goes to the program if it still
   * reads.
   */
  #finish(stream: Stream): void {
    stream.cancelIdle?.();
    this.#unknown.delete(stream);
    this.#close(stream.id);
    this.#mux.finish(stream.id);
    this.#send();
    stream.connection.destroy();
  }

  #forget(stream: Stream): void {
    if (this.#streams.get(stream.id) !== stream) return;
    stream.cancelIdle?.();
    this.#unknown.delete(stream);
    this.#streams.delete(stream.id);
    if (!stream.remoteFinished) this.#close(stream.id);
    this.#mux.finish(stream.id);
    this.#send();
    this.#resumeIfDrained();
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

  #waitingBytes(): number {
    let bytes = 0;
    for (const stream of this.#streams.values()) bytes += stream.connection.writableLength;
    return bytes;
  }

  /** smux v1 has no flow control per stream: beyond this buffer one slow program must hold up all (SPEC.md §6). */
  #pauseIfFull(): void {
    if (this.#isOutputPaused || this.#waitingBytes() < MAX_WAITING_BYTES) return;
    this.#isOutputPaused = true;
    this.#channel.pauseOutput();
  }

  #resumeIfDrained(): void {
    if (!this.#isOutputPaused || this.#waitingBytes() > LOW_WAITING_BYTES) return;
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
