import { randomBytes, randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { DataChannel, type DataChannelEvent } from '../../../src/protocol/data-channel.ts';
import { openDataChannelInput } from '../../../src/protocol/open-data-channel.ts';
import type { SessionAccess } from '../../../src/sandbox/gateway/session-plan.ts';

type EventOf<T extends DataChannelEvent['type']> = Extract<DataChannelEvent, { type: T }>;

/** A test client: a plain WebSocket with the protocol core, without automatic reconnects. It records everything. */
export class RawClient {
  readonly channel: DataChannel;
  readonly events: DataChannelEvent[] = [];
  /** Every binary frame as received. */
  readonly frames: Buffer[] = [];
  stdout = '';
  stderr = '';
  bytes: Buffer[] = [];
  closeCode: number | undefined;
  #ws: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiters = new Set<() => void>();
  readonly #clientId = randomUUID();
  readonly #clientVersion: string;

  constructor(options: { readonly clientVersion?: string; readonly payloadSize?: number } = {}) {
    this.#clientVersion = options.clientVersion ?? '1.2.707.0';
    this.channel = new DataChannel({
      role: 'client',
      randomUuid: randomUUID,
      randomBytes,
      version: this.#clientVersion,
      ...(options.payloadSize === undefined ? {} : { payloadSize: options.payloadSize }),
    });
  }

  static async open(
    access: SessionAccess,
    options: { readonly clientVersion?: string; readonly payloadSize?: number } = {},
  ): Promise<RawClient> {
    const client = new RawClient(options);
    await client.connect(access);
    return client;
  }

  /** Opens a socket and the data channel; every later call is a reconnect. */
  async connect(access: SessionAccess, headers: Record<string, string> = {}): Promise<void> {
    const again = this.#ws !== undefined;
    const ws = new WebSocket(access.streamUrl, { perMessageDeflate: false, headers });
    this.#ws = ws;
    this.closeCode = undefined;
    ws.on('message', (data: Buffer) => {
      if (this.#ws !== ws) return;
      this.frames.push(data);
      this.#take(this.channel.receive(data, Date.now()));
      this.#pump();
    });
    ws.on('close', (code) => {
      if (this.#ws !== ws) return;
      this.closeCode = code;
      this.#wake();
    });
    ws.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('unexpected-response', (_request, response) =>
        reject(new Error(`HTTP ${response.statusCode}`)),
      );
      ws.once('error', reject);
    });
    ws.send(
      openDataChannelInput({
        tokenValue: access.tokenValue,
        clientId: this.#clientId,
        requestId: randomUUID(),
        clientVersion: this.#clientVersion,
      }),
    );
    if (again) this.channel.reconnected(Date.now());
    else this.channel.start(Date.now());
    this.#pump();
  }

  send(data: string | Uint8Array): void {
    this.channel.send(typeof data === 'string' ? Buffer.from(data) : data, Date.now());
    this.#pump();
  }

  /** Runs `action` on the channel and sends the resulting frames. */
  act(action: (channel: DataChannel, now: number) => void): void {
    action(this.channel, Date.now());
    this.#pump();
  }

  /** Sends bytes unchanged on the socket. */
  sendRaw(data: string | Uint8Array): void {
    this.#ws?.send(data);
  }

  ping(): Promise<void> {
    return new Promise((resolve) => {
      this.#ws?.once('pong', () => resolve());
      this.#ws?.ping('keepalive');
    });
  }

  /** Destroys the TCP connection without a close frame. */
  cut(): void {
    this.#ws?.terminate();
  }

  /** Resolves with the first event of this type, past or future. */
  async event<T extends DataChannelEvent['type']>(type: T): Promise<EventOf<T>> {
    return this.until(
      () => this.events.find((event): event is EventOf<T> => event.type === type),
      `event ${type}`,
    );
  }

  /** Resolves with the first defined result of the probe; the timeout of the test ends the wait. */
  async until<T>(probe: () => T | undefined | false, what: string, ms = 120_000): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = probe();
      if (value !== undefined && value !== false) return value;
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `${what} did not come; stdout ${JSON.stringify(this.stdout.slice(-400))}, events ${this.events.map((event) => event.type).join(' ')}`,
        );
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiters.delete(wake);
          resolve();
        };
        // The values that a probe reads may also change without an event of this client.
        const timer = setTimeout(wake, Math.min(left, 20));
        this.#waiters.add(wake);
      });
    }
  }

  untilOutput(text: string, ms?: number): Promise<true> {
    return this.until(() => this.stdout.includes(text) || undefined, `output ${JSON.stringify(text)}`, ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#ws?.terminate();
    this.#ws = undefined;
  }

  #take(events: readonly DataChannelEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      if (event.type !== 'output') continue;
      this.bytes.push(Buffer.from(event.bytes));
      if (event.stream === 'stdout') this.stdout += Buffer.from(event.bytes).toString('utf8');
      else this.stderr += Buffer.from(event.bytes).toString('utf8');
    }
    this.#wake();
  }

  #pump(): void {
    for (const frame of this.channel.takeOutput())
      if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(frame);
    clearTimeout(this.#timer);
    const at = this.channel.nextTimeout();
    if (at === undefined || this.#ws === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#take(this.channel.tick(Date.now()));
        this.#pump();
      },
      Math.max(0, at - Date.now()),
    );
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }
}
