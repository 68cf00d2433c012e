import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../core/clock.ts';

/** The fields of OpenDataChannelInput with which a client describes itself (SPEC.md §2). */
export interface DataChannelOpening {
  readonly tokenValue: string;
  /** Third-party clients omit it. */
  readonly clientId: string | undefined;
  readonly clientVersion: string | undefined;
}

export interface ClientSocketHandlers {
  /** Called with the first frame, if it is well-formed; returning false refuses the channel. */
  opening(opening: DataChannelOpening): boolean;
  frame(frame: Uint8Array): void;
  closed(): void;
  /** While true no ping is answered. */
  silent(): boolean;
}

const MAX_OPENING_BYTES = 16 * 1024;
/** Unsent bytes for a client that does not read. Messages beyond this are dropped, and the agent retransmits them. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
const POLICY_VIOLATION = 1008;
const UNSUPPORTED_DATA = 1003;

/**
 * The client's WebSocket: one text frame that opens the data channel within the deadline, then one binary frame per
 * message.
 */
export class ClientSocket {
  readonly #ws: WebSocket;
  readonly #transport: Duplex;
  #isCorked = false;
  #open = false;

  /** `transport` is the TCP connection that carries the WebSocket. */
  constructor(
    ws: WebSocket,
    transport: Duplex,
    clock: Clock,
    openDeadlineMs: number,
    handlers: ClientSocketHandlers,
  ) {
    this.#ws = ws;
    this.#transport = transport;
    const cancelDeadline = clock.timer(openDeadlineMs, () =>
      ws.close(POLICY_VIOLATION, 'OpenDataChannelInput is missing'),
    );
    ws.on('message', (data, isBinary) => {
      const bytes = asBytes(data);
      if (this.#open) {
        if (isBinary) handlers.frame(bytes);
        else ws.close(UNSUPPORTED_DATA, 'messages are binary frames');
        return;
      }
      cancelDeadline();
      const opening = isBinary ? undefined : readOpening(bytes);
      if (opening === undefined || !handlers.opening(opening)) {
        ws.close(POLICY_VIOLATION, 'OpenDataChannelInput is not valid');
        return;
      }
      this.#open = true;
    });
    ws.on('ping', (data) => {
      if (!handlers.silent() && ws.readyState === ws.OPEN) ws.pong(data);
    });
    // An abrupt end is normal for this protocol (SPEC.md §9); 'close' always follows.
    ws.on('error', () => undefined);
    ws.on('close', () => {
      cancelDeadline();
      handlers.closed();
    });
  }

  send(frame: Uint8Array): void {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#ws.bufferedAmount >= MAX_BACKLOG_BYTES) return;
    this.#cork();
    this.#ws.send(frame, { binary: true });
  }

  /** All frames that one turn of the event loop sends, mostly acknowledgements, are written in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#transport.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#transport.uncork();
    });
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }

  /** Ends the TCP connection without a close frame. */
  cut(): void {
    this.#ws.terminate();
  }
}

function asBytes(data: Buffer | ArrayBuffer | readonly Buffer[]): Uint8Array {
  if (Buffer.isBuffer(data)) return data;
  return data instanceof ArrayBuffer ? new Uint8Array(data) : Buffer.concat([...data]);
}

function readOpening(bytes: Uint8Array): DataChannelOpening | undefined {
  if (bytes.byteLength > MAX_OPENING_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { MessageSchemaVersion, RequestId, TokenValue, ClientId, ClientVersion } = value as Record<
    string,
    unknown
  >;
  if (MessageSchemaVersion !== '1.0' || typeof RequestId !== 'string' || RequestId === '') return undefined;
  if (typeof TokenValue !== 'string' || TokenValue === '') return undefined;
  return {
    tokenValue: TokenValue,
    clientId: typeof ClientId === 'string' ? ClientId : undefined,
    clientVersion: typeof ClientVersion === 'string' ? ClientVersion : undefined,
  };
}
