import { encodeFrame, FRAME_COMMAND, FRAME_HEADER_LENGTH, type FrameCommand } from './smux-frame.ts';

/** One output item of a multiplexer: a command for a stream, or data of it. */
export interface MuxPiece {
  readonly command: FrameCommand;
  readonly streamId: number;
  /** For PSH only. */
  readonly bytes?: Uint8Array;
}

/**
 * How many bytes of the next frame's header end a message that announces this frame: this length and the next one
 * alternate, see below.
 */
const SHORT_ANNOUNCEMENT = 5;
const LONG_ANNOUNCEMENT = 6;
const VERSION_BYTE = 1;
/** Stream number of filler frames; no stream that we open has this number. */
const UNUSED_STREAM_ID = 0xffff_ffff;
/** When more bytes than this are unacknowledged, the agent may have several messages waiting. */
const UNPROTECTED_BYTES = 4 * 1024;
const MAX_FRAME_DATA = 65_535;
const FIRST_ID = 0x4080_0003;
const LAST_ID = 0x7fff_ffff;
const THIRD_BYTE_MARK = 0x0080_0000;

/**
 * Numbers for the streams that a client opens: the third byte (little-endian) is at least 0x80, the fourth 0x40 to
 * 0x7f. So a mixture of two numbers, as `MuxMessages` makes them, is never the number of a stream. Undefined after the
 * last number.
 */
export function mixableStreamId(last: number | undefined): number | undefined {
  if (last === undefined) return FIRST_ID;
  const next = last + 2;
  const marked = (next & THIRD_BYTE_MARK) === 0 ? next + THIRD_BYTE_MARK : next;
  return marked > LAST_ID ? undefined : marked;
}

interface AnnouncedFrame {
  /** How many bytes of the header have been sent already. */
  readonly sent: number;
  readonly header: Uint8Array;
  readonly length: number;
  readonly isFiller: boolean;
}

/**
 * Splits the frames of a multiplexer into messages that the agent may handle twice without harm. The official agent
 * handles a message twice if its connection had just been cut when it handled the message (SPEC.md §15), and smux has
 * no sequence numbers to detect that.
 *
 * A protected message `m` ends with the beginning of the next header, which announces a
 * frame of `|m| − 8` bytes. If `m` is handled again, its first bytes complete that header with the number of a stream
 * that does not exist (the announcements are 5 and 6 bytes long in turn, so two numbers mix). This frame then consumes
 * the rest of `m` up to the announcement at its end, and the agent's multiplexer is in the same state as before. If `m`
 * is handled once, the next message completes the announced frame with data, or with a filler when there is no more
 * data.
 *
 * A single small message is not protected, because nothing else waits at the agent then. It only begins and ends at
 * different offsets of a header (0 bytes and 1 byte in turn), so that handling it twice breaks the multiplexer instead
 * of duplicating data silently.
 */
export class MuxMessages {
  #pieces: MuxPiece[] = [];
  /** How many bytes of the first piece's data were sent. */
  #taken = 0;
  #bytes = 0;
  #announced: AnnouncedFrame | undefined;
  /** True if the version byte of the next header was sent already. */
  #hasVersion = false;

  /** How many bytes wait to be sent, headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  push(piece: MuxPiece): void {
    this.#pieces.push(piece);
    this.#bytes += FRAME_HEADER_LENGTH + (piece.bytes?.byteLength ?? 0);
  }

  /**
   * The next message of at most `limit` (64 or more) bytes; `inFlight` bytes are unacknowledged. Undefined if nothing
   * waits.
   */
  take(limit: number, inFlight: number): Uint8Array | undefined {
    const announced = this.#announced;
    if (announced?.isFiller === true) return this.#filler(announced);
    if (announced === undefined && this.#pieces.length === 0) return undefined;
    const announcement = announced?.sent === LONG_ANNOUNCEMENT ? SHORT_ANNOUNCEMENT : LONG_ANNOUNCEMENT;
    const message = new Message(
      announcement === SHORT_ANNOUNCEMENT ? limit - 1 - announcement : limit - announcement,
    );
    if (announced === undefined) {
      if (this.#hasVersion) message.skipFirstByte();
    } else {
      this.#announced = undefined;
      message.add(announced.header.subarray(announced.sent));
      this.#moveData(announced.length, message);
    }
    const hasData = this.#fill(message) || announced !== undefined;
    if (!hasData) {
      // Commands may be handled twice without harm, if both begin at the same offset of a header.
      if (this.#hasVersion) message.add(Uint8Array.of(VERSION_BYTE));
      return message.bytes;
    }
    const length = message.length + announcement - FRAME_HEADER_LENGTH;
    const next = this.#announce(announcement, length);
    if (next === undefined && announced === undefined && this.#bytes === 0 && inFlight < UNPROTECTED_BYTES) {
      this.#hasVersion = !this.#hasVersion;
      if (this.#hasVersion) message.add(Uint8Array.of(VERSION_BYTE));
      return message.bytes;
    }
    this.#hasVersion = false;
    this.#announced = next ?? fillerAnnouncement(announcement, length);
    message.add(this.#announced.header.subarray(0, announcement));
    return message.bytes;
  }

  /** Adds frames of the waiting pieces while there is room. True if data was added. */
  #fill(message: Message): boolean {
    let hasData = false;
    for (;;) {
      const [piece] = this.#pieces;
      if (piece === undefined) return hasData;
      const room = message.room - FRAME_HEADER_LENGTH;
      if (piece.bytes === undefined) {
        if (room < 0) return hasData;
        message.add(encodeFrame(piece.command, piece.streamId));
        this.#dropFirst();
        continue;
      }
      const length = Math.min(this.#run(piece.streamId), room, MAX_FRAME_DATA);
      if (length <= 0) {
        if (this.#run(piece.streamId) > 0) return hasData;
        this.#dropFirst();
        continue;
      }
      message.add(pushHeader(piece.streamId, length));
      this.#moveData(length, message);
      hasData = true;
    }
  }

  /** The announcement of the next frame; undefined if the next stream has less data than the announced length. */
  #announce(sent: number, length: number): AnnouncedFrame | undefined {
    const [piece] = this.#pieces;
    if (piece?.bytes === undefined || length > MAX_FRAME_DATA || this.#run(piece.streamId) < length)
      return undefined;
    return { sent, header: pushHeader(piece.streamId, length), length, isFiller: false };
  }

  /**
   * Completes an announced frame for which there is no data. Its content begins like a frame to a stream that does not
   * exist, in case this message is the one that is handled twice.
   */
  #filler({ sent, header, length }: AnnouncedFrame): Uint8Array {
    this.#announced = undefined;
    const message = Buffer.alloc(FRAME_HEADER_LENGTH - sent + length);
    message.set(pushHeader(UNUSED_STREAM_ID, message.byteLength - FRAME_HEADER_LENGTH));
    message.set(header.subarray(sent));
    return message;
  }

  /** Number of bytes at the front of the queue that belong to this stream. */
  #run(streamId: number): number {
    let run = -this.#taken;
    for (const piece of this.#pieces) {
      if (piece.bytes === undefined || piece.streamId !== streamId) break;
      run += piece.bytes.byteLength;
      if (run > MAX_FRAME_DATA) break;
    }
    return run;
  }

  #moveData(length: number, message: Message): void {
    for (let left = length; left > 0;) {
      const data = this.#pieces[0]?.bytes;
      if (data === undefined) return;
      const part = data.subarray(this.#taken, this.#taken + left);
      message.add(part);
      left -= part.byteLength;
      this.#taken += part.byteLength;
      this.#bytes -= part.byteLength;
      if (this.#taken === data.byteLength) this.#dropFirst();
    }
  }

  #dropFirst(): void {
    this.#pieces.shift();
    this.#taken = 0;
    this.#bytes -= FRAME_HEADER_LENGTH;
  }
}

/** A message that is being written. */
class Message {
  readonly #buffer: Buffer;
  #length = 0;
  #skip = 0;

  constructor(limit: number) {
    // Reserves room for the announcement at its end.
    this.#buffer = Buffer.allocUnsafe(limit + FRAME_HEADER_LENGTH);
  }

  get length(): number {
    return this.#length;
  }

  get room(): number {
    return this.#buffer.byteLength - FRAME_HEADER_LENGTH - this.#length + this.#skip;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Skips the first byte of the first frame, which was sent already. */
  skipFirstByte(): void {
    this.#skip = 1;
  }

  add(bytes: Uint8Array): void {
    const rest = bytes.subarray(this.#skip);
    this.#skip = 0;
    this.#buffer.set(rest, this.#length);
    this.#length += rest.byteLength;
  }
}

const pushHeader = (streamId: number, length: number): Uint8Array => {
  const header = Buffer.from(encodeFrame(FRAME_COMMAND.psh, streamId));
  header.writeUInt16LE(length, 2);
  return header;
};

/**
 * Announces a frame to an unused stream number. The unsent bytes of that number are the beginning of another such
 * frame, of the filler's own length.
 */
function fillerAnnouncement(sent: number, length: number): AnnouncedFrame {
  const own = pushHeader(UNUSED_STREAM_ID, FRAME_HEADER_LENGTH - sent + length - FRAME_HEADER_LENGTH);
  const header = Buffer.from(pushHeader(UNUSED_STREAM_ID, length));
  header.set(own.subarray(0, FRAME_HEADER_LENGTH - sent), sent);
  return { sent, header, length, isFiller: true };
}
