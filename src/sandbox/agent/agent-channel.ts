import { type Clock, preciseNow } from '../../core/clock.ts';
import type { DataChannel, DataChannelEvent } from '../../protocol/data-channel.ts';
import type { AgentEnd, AgentUplink } from '../gateway/gateway-session.ts';
import { messageTypeOf } from '../gateway/message-type.ts';
import type { AgentTraits } from './agent-traits.ts';
import type { OutputStream } from './outlet.ts';

export interface AgentChannelOptions {
  readonly clock: Clock;
  readonly channel: DataChannel;
  readonly traits: AgentTraits;
  /** Connects the agent to the gateway; undefined when the session is over. */
  readonly connect: (end: AgentEnd) => AgentUplink | undefined;
  /** Handles received events. The promise, if there is one, resolves when the input among them has been delivered. */
  readonly onEvents: (events: readonly DataChannelEvent[]) => Promise<unknown> | undefined;
  /** The send window may have grown. */
  readonly onRoom: () => void;
  /** The peer violated the protocol or a limit; the session cannot continue. */
  readonly onError: (error: unknown) => void;
}

/**
 * Time that the official agent needs to handle one message: it handled 6.5 to 11 MB/s of 1 KiB messages
 * (SPEC.md §15).
 */
const HANDLING_MS = 0.05;
/** Messages that take this long wait for a timer; waiting for fewer in turns of the event loop would cost a core. */
const TIMER_MS = 1;
/**
 * Input messages that are kept while the machine does not read them. Messages beyond this are dropped, and the client
 * retransmits them.
 */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** The official agent reconnects 3 ms after its connection was cut (transcript f3). */
const RECONNECT_MS = 3;

/**
 * Drives the protocol core on the agent's end: frames in and out, timers, reconnects. As in the official agent, input
 * messages are handled one after the other, and each waits until the pty or connection has taken the one before it.
 */
export class AgentChannel implements AgentEnd {
  readonly #options: AgentChannelOptions;
  /**
   * Whether input messages are queued. Without the two traits that need a queue, each message is handled when it
   * arrives.
   */
  readonly #inTurn: boolean;
  #uplink: AgentUplink | undefined;
  #cancelTimer: (() => void) | undefined;
  #tickAt = Number.POSITIVE_INFINITY;
  #cancelReconnect: (() => void) | undefined;
  #isHeld = false;
  /** Input messages that were received and not handled yet. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isTurnDue = false;
  /** The time at which handling of the last message ends. */
  #busyUntil = 0;
  /** The bytes of a message are being delivered; the message is acknowledged when that is done. */
  #isTaking = false;
  #unsentAcknowledgements: Uint8Array[] = [];
  #closed = false;
  readonly #idle: (() => void)[] = [];

  constructor(options: AgentChannelOptions) {
    this.#options = options;
    const { traits } = options;
    this.#inTurn = traits.has('acknowledged-when-handled') || traits.has('handled-twice');
  }

  start(): void {
    const { channel, clock } = this.#options;
    this.#uplink = this.#options.connect(this);
    channel.start(preciseNow(clock));
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

  /** Tells the client that the session's work is done. */
  terminating(): void {
    this.#do((now) => this.#options.channel.terminating(now));
  }

  /**
   * While `holding`, input messages stay unhandled, and so unacknowledged. Received acknowledgements are still
   * processed: an echo server whose output waits for them would otherwise never read its input again (the official
   * agent's output has no window).
   */
  hold(holding: boolean): void {
    this.#isHeld = holding;
    this.#scheduleTurn();
  }

  receive(frame: Uint8Array): void {
    if (this.#closed) return;
    const mayWait = this.#inTurn || this.#isHeld || this.#waiting.length > 0;
    if (!mayWait || messageTypeOf(frame) !== 'input_stream_data') {
      this.#handle(frame);
      return;
    }
    if (this.#waitingBytes + frame.byteLength > MAX_WAITING_BYTES) return;
    this.#waiting.push(frame);
    this.#waitingBytes += frame.byteLength;
    this.#scheduleTurn();
  }

  disconnected(): void {
    this.#uplink = undefined;
    if (this.#closed) return;
    this.#handleAfterCut();
    if (this.#closed) return;
    this.#do((now) => this.#options.channel.disconnected(now));
    this.#cancelReconnect = this.#options.clock.timer(RECONNECT_MS, () => {
      if (this.#closed) return;
      this.#uplink = this.#options.connect(this);
      if (this.#uplink === undefined) return;
      this.#do((now) => this.#options.channel.reconnected(now));
    });
  }

  /**
   * Messages that arrive together wait together; each turn of the event loop handles as many as the elapsed time
   * allows.
   */
  #scheduleTurn(): void {
    if (this.#isTurnDue || !this.#handles || this.#waiting.length === 0) return;
    this.#isTurnDue = true;
    const { clock } = this.#options;
    this.#busyUntil = Math.max(this.#busyUntil, preciseNow(clock));
    const isLong = this.#busyUntil > preciseNow(clock) && this.#waiting.length * HANDLING_MS >= TIMER_MS;
    const later = (turn: () => void): unknown => (isLong ? clock.timer(TIMER_MS, turn) : setImmediate(turn));
    later(() => {
      this.#isTurnDue = false;
      while (this.#handles && this.#busyUntil <= preciseNow(clock)) {
        const frame = this.#nextWaiting();
        if (frame === undefined) return;
        this.#busyUntil += HANDLING_MS;
        this.#handle(frame);
      }
      this.#scheduleTurn();
    });
  }

  get #handles(): boolean {
    return !this.#closed && !this.#isTaking && !this.#isHeld;
  }

  #nextWaiting(): Uint8Array | undefined {
    const frame = this.#waiting.shift();
    if (frame !== undefined) this.#waitingBytes -= frame.byteLength;
    return frame;
  }

  /**
   * Messages that arrived before the connection was cut are still read and handled. The first acknowledgement is lost
   * in the dead socket and the following ones cannot be written, so their messages are expected again.
   */
  #handleAfterCut(): void {
    if (!this.#options.traits.has('handled-twice') || this.#isTaking || this.#isHeld) return;
    const first = this.#nextWaiting();
    if (first !== undefined) this.#handle(first);
    const { channel, clock, onEvents, onError } = this.#options;
    for (let frame = this.#nextWaiting(); frame !== undefined && !this.#closed; frame = this.#nextWaiting()) {
      try {
        void onEvents(channel.receiveUnacknowledged(frame, preciseNow(clock)));
      } catch (error) {
        onError(error);
      }
    }
  }

  /** Resolves when every sent message is acknowledged, or after `ms`. */
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
    this.#waiting = [];
    this.#unsentAcknowledgements = [];
    this.#uplink?.close();
    this.#uplink = undefined;
    this.#notifyIdle();
  }

  #handle(frame: Uint8Array): void {
    const { channel, clock, onEvents, onRoom, onError, traits } = this.#options;
    let taken: Promise<unknown> | undefined;
    try {
      const events = channel.receive(frame, preciseNow(clock));
      if (events.length > 0) taken = onEvents(events);
    } catch (error) {
      onError(error);
    }
    if (this.#closed) return;
    if (taken !== undefined && traits.has('acknowledged-when-handled')) {
      this.#isTaking = true;
      void taken.then(() => this.#finishTaking());
    }
    onRoom();
    this.#pump();
    if (channel.unackedBytes === 0) this.#notifyIdle();
  }

  #finishTaking(): void {
    this.#isTaking = false;
    if (this.#closed) return;
    for (const frame of this.#unsentAcknowledgements.splice(0)) this.#uplink?.send(frame);
    this.#scheduleTurn();
  }

  #do(action: (now: number) => void): void {
    if (this.#closed) return;
    action(preciseNow(this.#options.clock));
    this.#pump();
  }

  #tick(): void {
    this.#tickAt = Number.POSITIVE_INFINITY;
    const { channel, clock, onEvents, onRoom, onError } = this.#options;
    try {
      const events = channel.tick(preciseNow(clock));
      if (events.length > 0) void onEvents(events);
    } catch (error) {
      onError(error);
    }
    if (this.#closed) return;
    onRoom();
    this.#pump();
  }

  #pump(): void {
    const { channel, clock } = this.#options;
    for (const frame of channel.takeOutput()) {
      if (this.#isTaking && messageTypeOf(frame) === 'acknowledge') this.#unsentAcknowledgements.push(frame);
      else this.#uplink?.send(frame);
    }
    const at = channel.nextTimeout();
    if (at === undefined) {
      this.#cancelTimer?.();
      this.#tickAt = Number.POSITIVE_INFINITY;
      return;
    }
    // A timer that fires too early costs one comparison of times; setting a new timer for each message would cost
    // more.
    if (this.#tickAt <= at) return;
    this.#cancelTimer?.();
    this.#tickAt = at;
    this.#cancelTimer = clock.timer(Math.max(0, at - preciseNow(clock)), () => this.#tick());
  }

  #notifyIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
