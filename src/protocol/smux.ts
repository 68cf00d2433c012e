import { ProtocolError } from '../core/errors.ts';
import type { MuxPiece } from './mux-messages.ts';
import {
  decodeFrameHeader,
  encodeFrame,
  FRAME_COMMAND,
  FRAME_HEADER_LENGTH,
  type FrameHeader,
} from './smux-frame.ts';

/** The largest frame that is sent; frames of up to 65535 bytes are accepted. */
const MAX_DATA_SENT = 32_768;
const KEEPALIVE_INTERVAL = 10_000;
const KEEPALIVE_TIMEOUT = 30_000;

/** What the peer did to the streams of the session. */
export type MuxEvent =
  | { readonly type: 'stream-opened'; readonly id: number }
  /** In order, in pieces of any size: the bytes of a frame are passed on as they arrive, never collected. */
  | { readonly type: 'data'; readonly id: number; readonly bytes: Uint8Array }
  /** The peer sends nothing more on the stream; we still may. */
  | { readonly type: 'stream-finished'; readonly id: number };

/** What the peer, or a program that is slower than its peer, can make this side store. */
export interface MuxLimits {
  /** More streams raise `mux-streams`. */
  readonly maxStreams: number;
  /** More data in one received frame raises `mux-frame-length`. */
  readonly maxFrameBytes: number;
  /** More bytes that were written but not yet taken for output raise `mux-buffer`. */
  readonly maxBufferedBytes: number;
}

const DEFAULT_MUX_LIMITS: MuxLimits = {
  maxStreams: 1024,
  maxFrameBytes: 65_535,
  maxBufferedBytes: 4 * 1024 * 1024,
};

export interface MuxOptions {
  /** The client opens streams; the agent is the server. */
  readonly role: 'client' | 'server';
  /** Whether this side sends keepalives; from the `opened` or `agent-opened` event. */
  readonly keepAlive: boolean;
  /** Milliseconds, on the same scale as the `now` of `tick`. */
  readonly now: number;
  readonly limits?: Partial<MuxLimits>;
  /**
   * The number of the stream after `last`; undefined when there is none. By default 3, 5, 7 …, as in the official
   * client.
   */
  readonly nextStreamId?: (last: number | undefined) => number | undefined;
}

const FIRST_ID = 3;
const LAST_ID = 0xffff_ffff;

const officialStreamId = (last: number | undefined): number | undefined =>
  last === undefined ? FIRST_ID : last + 2 > LAST_ID ? undefined : last + 2;

interface Stream {
  localFinished: boolean;
  peerFinished: boolean;
}

/**
 * smux version 1 over the byte stream of a mux port session (SPEC.md §6). It ignores message boundaries. `receive` and
 * `tick` throw ProtocolError when the session cannot continue; smux has no way to resynchronise.
 */
export class MuxSession {
  readonly #role: 'client' | 'server';
  readonly #keepAlive: boolean;
  readonly #limits: MuxLimits;
  readonly #nextStreamId: (last: number | undefined) => number | undefined;
  readonly #streams = new Map<number, Stream>();
  readonly #header = Buffer.alloc(FRAME_HEADER_LENGTH);
  #headerBytes = 0;
  #frame: FrameHeader | undefined;
  #remaining = 0;
  #lastId: number | undefined;
  #output: MuxPiece[] = [];
  #buffered = 0;
  #nextNop: number;
  #nextCheck: number;
  #heard = false;
  #lastTick: number;

  constructor(options: MuxOptions) {
    this.#role = options.role;
    this.#keepAlive = options.keepAlive;
    this.#limits = { ...DEFAULT_MUX_LIMITS, ...options.limits };
    this.#nextStreamId = options.nextStreamId ?? officialStreamId;
    this.#lastTick = options.now;
    this.#nextNop = options.now + KEEPALIVE_INTERVAL;
    this.#nextCheck = options.now + KEEPALIVE_TIMEOUT;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Reads the next part of the peer's byte stream, which may end anywhere. Events hold views of `bytes`. */
  receive(bytes: Uint8Array): readonly MuxEvent[] {
    const events: MuxEvent[] = [];
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#remaining > 0) {
        const piece = bytes.subarray(at, at + this.#remaining);
        at += piece.byteLength;
        this.#remaining -= piece.byteLength;
        this.#receiveData(piece, events);
        continue;
      }
      const part = bytes.subarray(at, at + FRAME_HEADER_LENGTH - this.#headerBytes);
      this.#header.set(part, this.#headerBytes);
      this.#headerBytes += part.byteLength;
      at += part.byteLength;
      if (this.#headerBytes < FRAME_HEADER_LENGTH) break;
      this.#headerBytes = 0;
      this.#receiveHeader(decodeFrameHeader(this.#header), events);
    }
    return events;
  }

  /** Opens a stream; its SYN is sent with the next output, and the peer does not answer it. Throws `mux-streams`. */
  open(): number {
    this.#checkStreamLimit();
    const id = this.#nextStreamId(this.#lastId);
    if (id === undefined)
      throw new ProtocolError('mux-streams', 'all stream ids of this session are used up');
    this.#lastId = id;
    this.#streams.set(id, { localFinished: false, peerFinished: false });
    this.#queue({ command: FRAME_COMMAND.syn, streamId: id });
    return id;
  }

  /**
   * Throws `mux-stream-finished` after our own `finish` or on an unknown stream, `mux-buffer` if too much output was
   * not taken.
   */
  write(id: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.localFinished)
      throw new ProtocolError('mux-stream-finished', `stream ${id} accepts no more data`);
    if (this.#buffered + bytes.byteLength > this.#limits.maxBufferedBytes)
      throw new ProtocolError(
        'mux-buffer',
        `${this.#buffered + bytes.byteLength} bytes would be waiting, at most ${this.#limits.maxBufferedBytes}`,
      );
    for (let at = 0; at < bytes.byteLength; at += MAX_DATA_SENT)
      this.#queue({
        command: FRAME_COMMAND.psh,
        streamId: id,
        bytes: bytes.subarray(at, at + MAX_DATA_SENT),
      });
  }

  /** Sends our FIN, once. The stream is removed when the peer has finished too. */
  finish(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.localFinished) return;
    stream.localFinished = true;
    this.#queue({ command: FRAME_COMMAND.fin, streamId: id });
    if (stream.peerFinished) this.#streams.delete(id);
  }

  /** The frames in order; to be sent as one byte stream, which the sender may join and split as it likes. */
  takeOutput(): readonly Uint8Array[] {
    return this.takePieces().map(({ command, streamId, bytes }) => encodeFrame(command, streamId, bytes));
  }

  /** The same as pieces, for a sender that builds the frames itself (mux-messages.ts). */
  takePieces(): readonly MuxPiece[] {
    const output = this.#output;
    this.#output = [];
    this.#buffered = 0;
    return output;
  }

  nextTimeout(): number | undefined {
    if (!this.#keepAlive) return undefined;
    return this.#judgesSilence ? Math.min(this.#nextNop, this.#nextCheck) : this.#nextNop;
  }

  /** Sends the keepalive. Throws `mux-peer-silent` (client only) if no frame arrived in a whole period of 30 s. */
  tick(now: number): readonly MuxEvent[] {
    if (!this.#keepAlive) return [];
    // A process that was suspended cannot conclude that its peer was silent.
    const slept = now - this.#lastTick > 2 * KEEPALIVE_INTERVAL;
    this.#lastTick = now;
    if (now >= this.#nextNop) {
      this.#nextNop = now + KEEPALIVE_INTERVAL;
      this.#queue({ command: FRAME_COMMAND.nop, streamId: 0 });
    }
    if (now >= this.#nextCheck) {
      if (this.#judgesSilence && !this.#heard && !slept)
        throw new ProtocolError('mux-peer-silent', 'no multiplexer frame arrived within 30 s');
      this.#nextCheck = now + KEEPALIVE_TIMEOUT;
      this.#heard = false;
    }
    return [];
  }

  /** Clients decide by the agent's version alone whether they send NOPs, so a server cannot rely on them. */
  get #judgesSilence(): boolean {
    return this.#role === 'client';
  }

  #receiveHeader(frame: FrameHeader, events: MuxEvent[]): void {
    this.#heard = true;
    const { streamId, length } = frame;
    switch (frame.command) {
      case FRAME_COMMAND.syn:
        this.#acceptStream(streamId, events);
        return;
      case FRAME_COMMAND.fin:
        this.#receiveFinish(streamId, events);
        return;
      case FRAME_COMMAND.psh:
        if (length > this.#limits.maxFrameBytes)
          throw new ProtocolError(
            'mux-frame-length',
            `frame of ${length} bytes, at most ${this.#limits.maxFrameBytes}`,
          );
        this.#frame = frame;
        this.#remaining = length;
        return;
      case FRAME_COMMAND.nop:
        return;
    }
  }

  #acceptStream(id: number, events: MuxEvent[]): void {
    if (this.#streams.has(id)) return;
    if (this.#role === 'client')
      throw new ProtocolError(
        'mux-unexpected-stream',
        `the agent opened stream ${id}, which only clients do`,
      );
    this.#checkStreamLimit();
    this.#streams.set(id, { localFinished: false, peerFinished: false });
    events.push({ type: 'stream-opened', id });
  }

  /** Drops data and FIN of unknown streams: the peer sent them before it knew that we removed the stream. */
  #receiveData(bytes: Uint8Array, events: MuxEvent[]): void {
    const id = this.#frame?.streamId;
    if (id === undefined || this.#streams.get(id)?.peerFinished !== false) return;
    events.push({ type: 'data', id, bytes });
  }

  #receiveFinish(id: number, events: MuxEvent[]): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.peerFinished) return;
    stream.peerFinished = true;
    events.push({ type: 'stream-finished', id });
    if (stream.localFinished) this.#streams.delete(id);
  }

  #checkStreamLimit(): void {
    if (this.#streams.size >= this.#limits.maxStreams)
      throw new ProtocolError('mux-streams', `more than ${this.#limits.maxStreams} streams`);
  }

  #queue(piece: MuxPiece): void {
    this.#output.push(piece);
    this.#buffered += FRAME_HEADER_LENGTH + (piece.bytes?.byteLength ?? 0);
  }
}
