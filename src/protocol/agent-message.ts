import { sha256Latin1, view } from '../core/bytes.ts';
import { ProtocolError } from '../core/errors.ts';

/*
 * AgentMessage, one per WebSocket message (SPEC.md §1). All integers are big-endian.
 *
 *   offset size
 *        0    4  HeaderLength     bytes before PayloadLength: 116, or 112 from the gateway (no PayloadType)
 *        4   32  MessageType      ASCII, padded with spaces (client, agent) or NULs (gateway), on either side
 *       36    4  SchemaVersion    1
 *       40    8  CreatedDate      ms since the epoch, never 0
 *       48    8  SequenceNumber
 *       56    8  Flags            bit 0 first of stream, bit 1 last of stream
 *       64   16  MessageId        UUID, its two 8-byte halves swapped
 *       80   32  PayloadDigest    SHA-256 of the payload as sent
 *      112    4  PayloadType      absent when HeaderLength is 112
 *      116    4  PayloadLength    at HeaderLength
 *      120    n  Payload          from HeaderLength + 4 to the end of the frame
 */
const TYPE_AT = 4;
const TYPE_LENGTH = 32;
const SCHEMA_VERSION_AT = 36;
const CREATED_DATE_AT = 40;
const SEQUENCE_NUMBER_AT = 48;
const FLAGS_AT = 56;
const MESSAGE_ID_AT = 64;
const DIGEST_AT = 80;
const DIGEST_LENGTH = 32;
const PAYLOAD_TYPE_AT = 112;
const FULL_HEADER = 116;
const GATEWAY_HEADER = 112;
/** Future versions may have a longer header; a much longer one is a broken frame. */
const MAX_HEADER = 1024;
const LENGTH_FIELD = 4;

/** Payload bytes accepted from a peer unless told otherwise; official peers send 1 KiB. */
export const DEFAULT_MAX_PAYLOAD = 1_048_576;

/** MessageType of the header, without its padding (SPEC.md §1). */
export const MESSAGE_TYPE = {
  input: 'input_stream_data',
  output: 'output_stream_data',
  acknowledge: 'acknowledge',
  channelClosed: 'channel_closed',
  startPublication: 'start_publication',
  pausePublication: 'pause_publication',
  agentSessionState: 'agent_session_state',
} as const;

/** PayloadType of the header (SPEC.md §4, §5); other numbers may arrive. */
export const PAYLOAD_TYPE = {
  none: 0,
  output: 1,
  size: 3,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  encChallengeRequest: 8,
  encChallengeResponse: 9,
  flag: 10,
  stdErr: 11,
  exitCode: 12,
} as const;

/** One message of the data channel, decoded (SPEC.md §1). */
export interface AgentMessage {
  /** Padding removed; not checked against the known types. */
  readonly messageType: string;
  /** Lower-case hyphenated UUID. */
  readonly messageId: string;
  /** Milliseconds since the epoch. */
  readonly createdDate: number;
  readonly sequenceNumber: number;
  /** Low 32 bits; receivers ignore them. */
  readonly flags: number;
  /** 0 where the header has no such field. */
  readonly payloadType: number;
  /** A view of the frame, not a copy. */
  readonly payload: Uint8Array;
}

/** Without options the header has 116 bytes and the type is padded with spaces, as clients and agents send it. */
export interface EncodeOptions {
  /** `gateway` has the 112-byte header and NUL padding. */
  readonly layout?: 'full' | 'gateway';
}

/** Without options payloads of up to `DEFAULT_MAX_PAYLOAD` bytes are accepted and digests are not compared. */
export interface DecodeOptions {
  readonly maxPayloadBytes?: number;
  /** The official agent does not check digests, and some clients send wrong ones (SPEC.md §1). */
  readonly verifyDigest?: boolean;
}

/**
 * Encodes one whole WebSocket message. Throws `payload-empty`: no official serialiser emits an empty payload, and
 * agents drop them.
 */
export function encodeAgentMessage(message: AgentMessage, options: EncodeOptions = {}): Uint8Array {
  const { messageType, payload } = message;
  if (payload.byteLength === 0)
    throw new ProtocolError('payload-empty', `${messageType} message without payload`);
  if (messageType.length > TYPE_LENGTH || messageType.length === 0)
    throw new ProtocolError(
      'message-type-invalid',
      `message type "${messageType}" is not 1 to 32 characters`,
    );
  const gateway = options.layout === 'gateway';
  const headerLength = gateway ? GATEWAY_HEADER : FULL_HEADER;
  const frame = Buffer.allocUnsafe(headerLength + LENGTH_FIELD + payload.byteLength);
  frame.writeUInt32BE(headerLength, 0);
  frame.write(messageType.padEnd(TYPE_LENGTH, gateway ? '\0' : ' '), TYPE_AT, 'latin1');
  frame.writeUInt32BE(1, SCHEMA_VERSION_AT);
  writeUint64(frame, message.createdDate, CREATED_DATE_AT);
  writeUint64(frame, message.sequenceNumber, SEQUENCE_NUMBER_AT);
  writeUint64(frame, message.flags, FLAGS_AT);
  writeMessageId(frame, message.messageId);
  frame.write(sha256Latin1(payload), DIGEST_AT, DIGEST_LENGTH, 'latin1');
  if (!gateway) frame.writeUInt32BE(message.payloadType, PAYLOAD_TYPE_AT);
  frame.writeUInt32BE(payload.byteLength, headerLength);
  frame.set(payload, headerLength + LENGTH_FIELD);
  return frame;
}

/**
 * Reads one WebSocket message. Throws ProtocolError: `message-truncated`, `message-header-length`, `payload-too-large`,
 * `message-type-invalid`, `message-date-missing`, `message-sequence-range`, `message-digest-mismatch`.
 * Lengths are checked before anything is hashed or kept.
 */
export function decodeAgentMessage(bytes: Uint8Array, options: DecodeOptions = {}): AgentMessage {
  const frame = view(bytes);
  if (frame.length < GATEWAY_HEADER + LENGTH_FIELD)
    throw new ProtocolError(
      'message-truncated',
      `message of ${frame.length} bytes is shorter than its header`,
    );
  const headerLength = frame.readUInt32BE(0);
  if (headerLength < GATEWAY_HEADER || headerLength > MAX_HEADER)
    throw new ProtocolError(
      'message-header-length',
      `header length ${headerLength} is not 112 to ${MAX_HEADER}`,
    );
  const payloadAt = headerLength + LENGTH_FIELD;
  if (frame.length < payloadAt)
    throw new ProtocolError(
      'message-truncated',
      `message of ${frame.length} bytes is shorter than its header of ${headerLength}`,
    );
  const maxPayload = options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD;
  const length = Math.max(frame.readUInt32BE(headerLength), frame.length - payloadAt);
  if (length > maxPayload)
    throw new ProtocolError('payload-too-large', `payload of ${length} bytes exceeds ${maxPayload}`, {
      length,
      limit: maxPayload,
    });

  const messageType = readMessageType(frame);
  const payload = bytes.subarray(payloadAt);
  const createdDate = readUint64(frame, CREATED_DATE_AT);
  if (!isPublication(messageType)) {
    if (messageType === '') throw new ProtocolError('message-type-invalid', 'message without type');
    if (createdDate === 0)
      throw new ProtocolError('message-date-missing', `${messageType} message without date`);
    if (options.verifyDigest !== false && payload.byteLength > 0 && !digestMatches(frame, payload))
      throw new ProtocolError('message-digest-mismatch', `${messageType} message with a wrong digest`);
  }
  const sequenceNumber = readUint64(frame, SEQUENCE_NUMBER_AT);
  if (!Number.isSafeInteger(sequenceNumber))
    throw new ProtocolError(
      'message-sequence-range',
      `sequence number ${frame.readBigInt64BE(SEQUENCE_NUMBER_AT)} is out of range`,
    );
  return {
    messageType,
    messageId: readMessageId(frame),
    createdDate,
    sequenceNumber,
    flags: frame.readUInt32BE(FLAGS_AT + 4),
    payloadType: headerLength >= FULL_HEADER ? frame.readUInt32BE(PAYLOAD_TYPE_AT) : PAYLOAD_TYPE.none,
    payload,
  };
}

/** Official clients do not validate the header of these messages, not even the date (SPEC.md §1). */
const isPublication = (messageType: string): boolean =>
  messageType === MESSAGE_TYPE.startPublication || messageType === MESSAGE_TYPE.pausePublication;

const digestMatches = (frame: Buffer, payload: Uint8Array): boolean =>
  frame.toString('latin1', DIGEST_AT, DIGEST_AT + DIGEST_LENGTH) === sha256Latin1(payload);

/** The known types as official peers pad them, because every message has one of them. */
const PADDED_TYPES: ReadonlyMap<string, string> = new Map(
  Object.values(MESSAGE_TYPE).flatMap((type) =>
    [' ', '\0'].map((padding) => [type.padEnd(TYPE_LENGTH, padding), type] as const),
  ),
);

/** MessageType of a frame that is at least a whole header long. */
export const readMessageType = (frame: Buffer): string =>
  PADDED_TYPES.get(frame.toString('latin1', TYPE_AT, TYPE_AT + TYPE_LENGTH)) ?? trimmedMessageType(frame);

/** Removes NULs first, then whitespace, at both ends. */
function trimmedMessageType(frame: Buffer): string {
  let from = TYPE_AT;
  let to = TYPE_AT + TYPE_LENGTH;
  while (from < to && frame[from] === 0) from++;
  while (to > from && frame[to - 1] === 0) to--;
  return frame.toString('latin1', from, to).trim();
}

function writeUint64(frame: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new ProtocolError('number-out-of-range', `${value} does not fit a 64-bit field`);
  frame.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  frame.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

/** Exact up to 2^53; a larger result is no safe integer, and callers check that where it matters. */
const readUint64 = (frame: Buffer, at: number): number =>
  frame.readUInt32BE(at) * 0x1_0000_0000 + frame.readUInt32BE(at + 4);

/** The value of each hexadecimal digit, by its character code; 16 for every other character. */
const DIGIT_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 16 : value;
});

const HYPHEN = 0x2d;
const ID_LENGTH = 16;

/** Digit by digit, because each message has an id, and string methods would take longer than its digest. */
function writeMessageId(frame: Buffer, messageId: string): void {
  let digits = 0;
  let isValid = true;
  let high = 0;
  for (let at = 0; at < messageId.length; at++) {
    const code = messageId.charCodeAt(at);
    if (code === HYPHEN) continue;
    const value = DIGIT_VALUES[code] ?? 16;
    if (value > 15) isValid = false;
    if (digits % 2 === 0) high = value << 4;
    else if (digits < 2 * ID_LENGTH) frame[MESSAGE_ID_AT + (((digits >> 1) + 8) % ID_LENGTH)] = high | value;
    digits++;
  }
  if (!isValid || digits !== 2 * ID_LENGTH)
    throw new ProtocolError('message-id-invalid', `message id "${messageId}" is not a UUID`);
}

function readMessageId(frame: Buffer): string {
  const low = frame.toString('hex', MESSAGE_ID_AT, MESSAGE_ID_AT + 8);
  const high = frame.toString('hex', MESSAGE_ID_AT + 8, MESSAGE_ID_AT + 16);
  return `${high.slice(0, 8)}-${high.slice(8, 12)}-${high.slice(12)}-${low.slice(0, 4)}-${low.slice(4)}`;
}
