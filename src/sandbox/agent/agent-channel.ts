import type { Clock } from '../../core/clock.ts';
import type { DataChannel, DataChannelEvent } from '../../protocol/data-channel.ts';
import type { AgentEnd, AgentUplink } from '../gateway/gateway-session.ts';
import { messageTypeOf } from '../gateway/message-type.ts';
import type { OutputStream } from './outlet.ts';

export interface AgentChannelOptions {
  readonly clock: Clock;
  readonly channel: DataChannel;
  /** Undefined when the session is over. */
  readonly connect: (end: AgentEnd) => AgentUplink | undefined;
  readonly onEvents: (events: readonly DataChannelEvent[]) => void;
  /** The window may have grown. */
  readonly onRoom: () => void;
  /** A peer broke the protocol or a limit; the session cannot go on. */
  readonly onError: (error: unknown) => void;
}

/** Input messages kept while the machine's side does not take them; beyond it they are lost, and the client retransmits them. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;
/** The official agent comes back 3 ms after a cut (transcript f3). */
const RECONNECT_MS = 3;

/** Drives the protocol core on the agent's end: frames in and out, timers, reconnects. */
export class AgentChannel implements AgentEnd {
  readonly #options: AgentChannelOptions;
  #uplink: AgentUplink | undefined;
  #cancelTimer: (() => void) | undefined;
  #tickAt = Number.POSITIVE_INFINITY;
  #cancelReconnect: (() => void) | undefined;
  #holding = false;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #closed = false;
  readonly #idle: (() => void)[] = [];

  constructor(options: AgentChannelOptions) {
    this.#options = options;
  }

  start(): void {
    const { channel, clock } = this.#options;
    this.#uplink = this.#options.connect(this);
    channel.start(clock.now());
    this.#pump();
  }

  room(): number {
    return this.#closed ? 0 : this.#options.channel.room;
  }

  send(payload: Uint8Array, stream: OutputStream): void {
    this.#do((now) => this.#options.channel.send(payload, now, stream));
  }

  sendConnectToPortError(): void {
    this.#do((now) => this.#options.channel.sendFlag('ConnectToPortError', now));
  }

  sendExitCode(code: number): void {
    this.#do((now) => this.#options.channel.sendExitCode(code, now));
  }

  provideDataKey(plaintext: Uint8Array, ciphertextBlob: Uint8Array): void {
    this.#do((now) => this.#options.channel.provideDataKey({ plaintext, ciphertextBlob }, now));
  }

  refuseDataKey(reason: string): void {
    this.#do((now) => this.#options.channel.refuseDataKey(reason, now));
  }

  /** Says that the session's work is done. */
  terminating(): void {
    this.#do((now) => this.#options.channel.terminating(now));
  }

  /**
   * Keeps input messages unprocessed, and so unacknowledged, until released. Acknowledgements still go through:
   * an echo server whose output waits for them would never read its input again.
   */
  hold(holding: boolean): void {
    this.#holding = holding;
    while (!this.#holding && !this.#closed) {
      const frame = this.#held.shift();
      if (frame === undefined) break;
      this.#heldBytes -= frame.byteLength;
      this.#receive(frame);
    }
  }

  receive(frame: Uint8Array): void {
    if (this.#closed) return;
    const waits = this.#holding || this.#held.length > 0;
    if (waits && messageTypeOf(frame) === 'input_stream_data') {
      if (this.#heldBytes + frame.byteLength > MAX_HELD_BYTES) return;
      this.#held.push(frame);
      this.#heldBytes += frame.byteLength;
      return;
    }
    this.#receive(frame);
  }

  disconnected(): void {
    this.#uplink = undefined;
    if (this.#closed) return;
    this.#do((now) => this.#options.channel.disconnected(now));
    this.#cancelReconnect = this.#options.clock.timer(RECONNECT_MS, () => {
      if (this.#closed) return;
      this.#uplink = this.#options.connect(this);
      if (this.#uplink === undefined) return;
      this.#do((now) => this.#options.channel.reconnected(now));
    });
  }

  /** Resolves when everything sent is acknowledged, or after `ms`. */
  async drained(ms: number): Promise<void> {
    if (this.#closed || this.#options.channel.unackedBytes === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.timer(ms, resolve);
      this.#idle.push(() => {
        cancel();
        resolve();
      });
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelReconnect?.();
    this.#held = [];
    this.#uplink?.close();
    this.#uplink = undefined;
    this.#notifyIdle();
  }

  #receive(frame: Uint8Array): void {
    const { channel, clock, onEvents, onRoom, onError } = this.#options;
    try {
      const events = channel.receive(frame, clock.now());
      if (events.length > 0) onEvents(events);
    } catch (error) {
      onError(error);
    }
    if (this.#closed) return;
    onRoom();
    this.#pump();
    if (channel.unackedBytes === 0) this.#notifyIdle();
  }

  #do(action: (now: number) => void): void {
    if (this.#closed) return;
    action(this.#options.clock.now());
    this.#pump();
  }

  #tick(): void {
    this.#tickAt = Number.POSITIVE_INFINITY;
    const { channel, clock, onEvents, onRoom, onError } = this.#options;
    try {
      const events = channel.tick(clock.now());
      if (events.length > 0) onEvents(events);
    } catch (error) {
      onError(error);
    }
    if (this.#closed) return;
    onRoom();
    this.#pump();
  }

  #pump(): void {
    const { channel, clock } = this.#options;
    for (const frame of channel.takeOutput()) this.#uplink?.send(frame);
    const at = channel.nextTimeout();
    if (at === undefined) {
      this.#cancelTimer?.();
      this.#tickAt = Number.POSITIVE_INFINITY;
      return;
    }
    // A timer that fires too early costs one look at the clock; setting one per message would cost more.
    if (this.#tickAt <= at) return;
    this.#cancelTimer?.();
    this.#tickAt = at;
    this.#cancelTimer = clock.timer(Math.max(0, at - clock.now()), () => this.#tick());
  }

  #notifyIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
