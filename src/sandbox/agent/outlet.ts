import { concat } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';

export type OutputStream = 'stdout' | 'stderr';

/** The part of a data channel that the outlet uses to send. */
export interface OutletChannel {
  /** Bytes that `send` may take now. */
  room(): number;
  send(payload: Uint8Array, stream: OutputStream): void;
}

export interface OutletOptions {
  readonly clock: Clock;
  readonly channel: OutletChannel;
  /** Largest message payload. */
  readonly payloadSize: number;
  /** Time between two messages: 1 ms for the official agent, 0 to send as fast as acknowledgements allow. */
  readonly pauseMs: number;
  /** Gets a copy of everything that is sent, for the transcript. */
  readonly record?: (bytes: Uint8Array) => void;
}

/** A source should pause when more bytes than this wait, and go on when fewer than half of it do. */
const HIGH_WATER = 256 * 1024;

/**
 * A session's output on its way into the data channel; it is queued while the window of unacknowledged bytes is full.
 */
export class Outlet {
  readonly #options: OutletOptions;
  #queue: { readonly stream: OutputStream; readonly bytes: Uint8Array }[] = [];
  #queued = 0;
  #full = false;
  #cancelPause: (() => void) | undefined;
  readonly #listeners: (() => void)[] = [];
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  /**
   * Queues bytes. Returns false when the outlet is full: the source must then pause until the drain listener is
   * called.
   */
  write(bytes: Uint8Array, stream: OutputStream = 'stdout'): boolean {
    if (bytes.byteLength > 0) {
      this.#options.record?.(bytes);
      this.#queue.push({ stream, bytes });
      this.#queued += bytes.byteLength;
      this.flush();
    }
    if (this.#queued > HIGH_WATER) this.#full = true;
    return !this.#full;
  }

  /** Calls back once, when everything that is queued now has been sent. */
  afterQueued(callback: () => void): void {
    if (this.isEmpty) callback();
    else this.#whenEmpty.push(callback);
  }

  /** Resolves when nothing is queued, or after `ms`. */
  emptied(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.timer(ms, resolve);
      this.afterQueued(() => {
        cancel();
        resolve();
      });
    });
  }

  onDrain(listener: () => void): void {
    this.#listeners.push(listener);
  }

  get isEmpty(): boolean {
    return this.#queued === 0;
  }

  /** True while sources should be paused. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Sends as much as the window allows; must be called whenever the window may have grown. */
  flush(): void {
    const { channel, payloadSize, pauseMs } = this.#options;
    while (this.#queued > 0 && this.#cancelPause === undefined) {
      const head = this.#queue[0];
      if (head === undefined) break;
      // Only full messages are sent while the window opens little by little; otherwise there would be many tiny ones.
      const size = Math.min(payloadSize, this.#queued);
      if (channel.room() < size) break;
      channel.send(this.#take(head.stream, payloadSize), head.stream);
      if (pauseMs > 0)
        this.#cancelPause = this.#options.clock.timer(pauseMs, () => {
          this.#cancelPause = undefined;
          this.flush();
        });
    }
    if (this.isEmpty) for (const callback of this.#whenEmpty.splice(0)) callback();
    if (this.#full && this.#queued <= HIGH_WATER / 2) {
      this.#full = false;
      for (const listener of this.#listeners) listener();
    }
  }

  /** Discards the queue; nothing is sent after this call. */
  close(): void {
    this.#cancelPause?.();
    this.#queue = [];
    this.#queued = 0;
    for (const callback of this.#whenEmpty.splice(0)) callback();
  }

  /** Up to `limit` bytes of one stream from the head of the queue. */
  #take(stream: OutputStream, limit: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let length = 0;
    let used = 0;
    for (const entry of this.#queue) {
      if (entry.stream !== stream || length === limit) break;
      const part = entry.bytes.subarray(0, limit - length);
      parts.push(part);
      length += part.byteLength;
      if (part.byteLength < entry.bytes.byteLength) break;
      used++;
    }
    const rest = this.#queue[used];
    const partial =
      length - this.#queue.slice(0, used).reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
    this.#queue.splice(0, used);
    if (rest !== undefined && partial > 0)
      this.#queue[0] = { stream: rest.stream, bytes: rest.bytes.subarray(partial) };
    this.#queued -= length;
    return concat(parts);
  }
}
