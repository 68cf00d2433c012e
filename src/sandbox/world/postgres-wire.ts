/**
 * Framing of the PostgreSQL frontend/backend protocol 3.0: the messages that the session server must read and write
 * itself.
 */

/** A longer message of a client is refused; PostgreSQL's own limit is 1 GiB. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH. */
const MAX_STARTUP_BYTES = 10_000;

const PROTOCOL_3 = 196_608;
const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;

/** A typed message; `bytes` is the whole message with its type and length. */
export interface WireMessage {
  readonly type: string;
  readonly bytes: Buffer;
}

export type StartupPacket =
  | { readonly kind: 'startup'; readonly parameters: ReadonlyMap<string, string> }
  | { readonly kind: 'encryption'; readonly method: 'tls' | 'gss' }
  | { readonly kind: 'cancel' };

/** A client violated the protocol; `code` is the SQLSTATE with which the session ends. */
export class WireError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'WireError';
    this.code = code;
  }
}

/**
 * Collects the bytes of one connection and returns whole packets. Limits are checked at the length field, before the
 * packet is stored.
 */
export class WireReader {
  #buffer: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
  }

  /** The first, untyped packet; undefined while it is incomplete. Throws WireError. */
  startup(): StartupPacket | undefined {
    if (this.#buffer.length < 4) return undefined;
    const length = this.#buffer.readInt32BE(0);
    if (length < 8 || length > MAX_STARTUP_BYTES)
      throw new WireError('08P01', 'invalid length of startup packet');
    if (this.#buffer.length < length) return undefined;
    const packet = this.#take(length);
    const code = packet.readInt32BE(4);
    if (code === SSL_REQUEST) return { kind: 'encryption', method: 'tls' };
    if (code === GSS_REQUEST) return { kind: 'encryption', method: 'gss' };
    if (code === CANCEL_REQUEST) return { kind: 'cancel' };
    if (code !== PROTOCOL_3)
      throw new WireError('0A000', `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}`);
    const words = packet.subarray(8).toString('utf8').split('\0');
    const parameters = new Map<string, string>();
    for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2)
      parameters.set(words[i] ?? '', words[i + 1] ?? '');
    return { kind: 'startup', parameters };
  }

  /** The next typed message; undefined while it is incomplete. Throws WireError. */
  message(): WireMessage | undefined {
    if (this.#buffer.length < 5) return undefined;
    const length = this.#buffer.readInt32BE(1);
    if (length < 4 || length > MAX_MESSAGE_BYTES) throw new WireError('08P01', 'invalid message length');
    if (this.#buffer.length < length + 1) return undefined;
    const bytes = this.#take(length + 1);
    return { type: String.fromCharCode(bytes[0] ?? 0), bytes };
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }
}

/** One typed message. */
function encodeMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8');
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const encodeQuery = (sql: string): Buffer => encodeMessage('Q', text(sql));

/** The startup packet that the sandbox sends to the engine. */
export function encodeStartup(parameters: Readonly<Record<string, string>>): Buffer {
  const words = Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]);
  const body = Buffer.concat([int32(PROTOCOL_3), ...words, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** ErrorResponse with severity, SQLSTATE and message. */
export function encodeError(severity: 'ERROR' | 'FATAL', code: string, message: string): Buffer {
  const fields = [text(`S${severity}`), text(`V${severity}`), text(`C${code}`), text(`M${message}`)];
  return encodeMessage('E', Buffer.concat([...fields, Buffer.from([0])]));
}

export const AUTHENTICATION_OK = encodeMessage('R', int32(0));
export const AUTHENTICATION_CLEARTEXT_PASSWORD = encodeMessage('R', int32(3));
export const encodeBackendKey = (processId: number, secret: number): Buffer =>
  encodeMessage('K', Buffer.concat([int32(processId), int32(secret)]));
export const encodeReady = (status: 'I' | 'T' | 'E'): Buffer => encodeMessage('Z', Buffer.from(status));
/** A CopyInResponse for text data with an unknown number of columns. */
export const COPY_IN_RESPONSE = encodeMessage('G', Buffer.from([0, 0, 0]));

/** The text of a password or query message. */
export function textOf(message: WireMessage): string {
  const end = message.bytes.indexOf(0, 5);
  return message.bytes.toString('utf8', 5, end === -1 ? undefined : end);
}

/**
 * Renames the prepared statements of one session, because all sessions share the engine's single session. The unnamed
 * statement keeps its name: it exists only within one batch, which no other session can interrupt.
 */
export function renameStatements(message: WireMessage, prefix: string): WireMessage {
  const { bytes, type } = message;
  const at = statementOffset(message);
  if (at === undefined || bytes[at] === 0 || bytes[at] === undefined) return message;
  const body = Buffer.concat([bytes.subarray(5, at), Buffer.from(prefix), bytes.subarray(at)]);
  return { type, bytes: encodeMessage(type, body) };
}

/** The offset of the statement name in a Parse, Bind, Describe or Close message; undefined in others. */
function statementOffset({ type, bytes }: WireMessage): number | undefined {
  switch (type) {
    case 'P':
      return 5;
    case 'B':
      return bytes.indexOf(0, 5) + 1;
    case 'D':
    case 'C':
      return bytes[5] === 'S'.charCodeAt(0) ? 6 : undefined;
    default:
      return undefined;
  }
}

/**
 * The name of the statement that a Parse message prepares; empty for the unnamed statement and for other messages.
 */
export function preparedName(message: WireMessage): string {
  return message.type === 'P' ? textOf(message) : '';
}

/** The message that closes a prepared statement. */
export const encodeCloseStatement = (name: string): Buffer =>
  encodeMessage('C', Buffer.concat([Buffer.from('S'), text(name)]));
export const SYNC = encodeMessage('S', Buffer.alloc(0));

/** Splits the engine's answer into messages; an incomplete message at the end is dropped. */
export function messagesOf(bytes: Buffer): readonly WireMessage[] {
  const reader = new WireReader();
  reader.push(bytes);
  const messages: WireMessage[] = [];
  for (let message = reader.message(); message !== undefined; message = reader.message())
    messages.push(message);
  return messages;
}
