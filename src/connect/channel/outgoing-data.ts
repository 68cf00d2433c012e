import type { DataChannel } from '../../protocol/data-channel.ts';
import { SendQueue } from './send-queue.ts';

/**
 * Makes a message only when the channel has room for it, so that each message reflects everything that waits by then.
 */
export interface MessageSource {
  /** How many bytes wait. */
  readonly bytes: number;
  /** The next message of at most `limit` bytes; `inFlight` bytes are unacknowledged. */
  take(limit: number, inFlight: number): Uint8Array | undefined;
}

/** What waits for room in the send window of a channel: bytes in a queue, and the messages of a source. */
export class OutgoingData {
  readonly #payloadSize: number;
  readonly #queue = new SendQueue();
  #source: MessageSource | undefined;

  /** `payloadSize` is that of the channel, in bytes. */
  constructor(payloadSize: number) {
    this.#payloadSize = payloadSize;
  }

  /** Bytes in the queue; those of the source do not count. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  get isEmpty(): boolean {
    return this.#queue.bytes === 0 && (this.#source?.bytes ?? 0) === 0;
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  setSource(source: MessageSource): void {
    this.#source = source;
  }

  clear(): void {
    this.#queue.clear();
    this.#source = undefined;
  }

  /** Sends as much as the window of the open channel allows. */
  sendTo(channel: DataChannel, now: number): void {
    let part: Uint8Array | undefined;
    while ((part = this.#queue.take(channel.room)) !== undefined) channel.send(part, now);
    const source = this.#source;
    if (source === undefined) return;
    let inFlight = channel.unackedBytes;
    // A message needs room for its full size, unless nothing is unacknowledged.
    while (inFlight === 0 || channel.room >= this.#payloadSize) {
      const message = source.take(this.#payloadSize, inFlight);
      if (message === undefined) return;
      channel.send(message, now);
      inFlight = channel.unackedBytes;
    }
  }
}
