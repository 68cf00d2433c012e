import type { Clock } from '../../core/clock.ts';
import type { GatewayFaults } from './faults.ts';

export interface RelayLaneOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly faults: GatewayFaults;
  /** Shortest time between two messages; called for each message. */
  readonly paceMs: () => number;
  readonly deliver: (frame: Uint8Array) => void;
}

/** A message that is held for reordering is passed on after this time even if no other message follows. */
const REORDER_HOLD_MS = 50;
/** Bytes that may wait in a delayed lane. Messages beyond this are dropped, and the peers retransmit them. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/**
 * One direction between a client and its agent, with the current faults. Without faults a message is passed on at
 * once.
 */
export class RelayLane {
  readonly #options: RelayLaneOptions;
  #waiting: { readonly at: number; readonly frame: Uint8Array }[] = [];
  #waitingBytes = 0;
  #lastAt = 0;
  #held: Uint8Array | undefined;
  #cancelHold: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: RelayLaneOptions) {
    this.#options = options;
  }

  push(frame: Uint8Array): void {
    const { random, faults } = this.#options;
    const plan = faults.plan;
    if (plan.silent || (plan.drop > 0 && random() < plan.drop)) return;
    if (this.#held === undefined && plan.reorder > 0 && random() < plan.reorder) {
      this.#held = frame;
      this.#cancelHold = this.#options.clock.timer(REORDER_HOLD_MS, () => this.#releaseHeld());
      return;
    }
    this.#enqueue(frame);
    if (plan.duplicate > 0 && random() < plan.duplicate) this.#enqueue(frame);
    this.#releaseHeld();
  }

  /** Discards the waiting messages, because the socket that they were meant for is gone. */
  clear(): void {
    this.#cancelHold?.();
    this.#cancelTimer?.();
    this.#cancelHold = undefined;
    this.#cancelTimer = undefined;
    this.#held = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#lastAt = 0;
  }

  #releaseHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#cancelHold?.();
    this.#held = undefined;
    this.#enqueue(held);
  }

  #enqueue(frame: Uint8Array): void {
    const now = this.#options.clock.now();
    const pace = this.#options.paceMs();
    const at = Math.max(now + this.#options.faults.plan.delayMs, this.#lastAt + pace);
    if (at <= now && this.#waiting.length === 0) {
      if (pace > 0) this.#lastAt = now;
      this.#options.deliver(frame);
      return;
    }
    if (this.#waitingBytes + frame.byteLength > MAX_WAITING_BYTES) return;
    this.#lastAt = at;
    this.#waiting.push({ at, frame });
    this.#waitingBytes += frame.byteLength;
    if (this.#cancelTimer === undefined) this.#arm();
  }

  #arm(): void {
    const next = this.#waiting[0];
    if (next === undefined) return;
    this.#cancelTimer = this.#options.clock.timer(Math.max(0, next.at - this.#options.clock.now()), () =>
      this.#flush(),
    );
  }

  #flush(): void {
    this.#cancelTimer = undefined;
    const now = this.#options.clock.now();
    const count = this.#waiting.findIndex((entry) => entry.at > now);
    const due = this.#waiting.splice(0, count < 0 ? this.#waiting.length : count);
    for (const { frame } of due) {
      this.#waitingBytes -= frame.byteLength;
      this.#options.deliver(frame);
    }
    this.#arm();
  }
}
