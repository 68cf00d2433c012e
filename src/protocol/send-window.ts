const MIN_WINDOW = 32 * 1024;
const INITIAL_WINDOW = 64 * 1024;
/** Round trips up to this much above the shortest one are jitter, not a queue. */
const JITTER = 50;
/** The shortest round trip is forgotten this slowly, so that a path that became longer is not taken for a queue for ever. */
const FORGETTING = 1 / 256;

/**
 * How many unacknowledged bytes are sensible: doubles per round trip while acknowledgements come back quickly, shrinks
 * when they queue up or get lost. Stays below half of the hard limit, so that a sender that overshoots by a frame hits nothing.
 */
export class SendWindow {
  readonly #ceiling: number;
  readonly #floor: number;
  #size: number;
  #shortest = Number.POSITIVE_INFINITY;
  #lastShrink = Number.NEGATIVE_INFINITY;

  constructor(hardLimit: number) {
    this.#ceiling = Math.max(1, Math.floor(hardLimit / 2));
    this.#floor = Math.min(MIN_WINDOW, this.#ceiling);
    this.#size = Math.min(INITIAL_WINDOW, this.#ceiling);
  }

  get size(): number {
    return this.#size;
  }

  /** `inFlight`: what is still unacknowledged; a window that was not used says nothing about the path. */
  acknowledged(bytes: number, roundTrip: number, inFlight: number): void {
    const drift = Number.isFinite(this.#shortest) ? (roundTrip - this.#shortest) * FORGETTING : 0;
    this.#shortest = Math.min(this.#shortest + drift, roundTrip);
    if (inFlight + bytes < this.#size / 2) return;
    if (roundTrip <= 2 * this.#shortest + JITTER) this.#resize(this.#size + bytes);
    else if (roundTrip > 4 * this.#shortest + 4 * JITTER) this.#resize(this.#size - Math.ceil(bytes / 4));
  }

  /** Halves, once per timeout period however many messages were due in it. */
  timedOut(now: number, timeout: number): void {
    if (Math.abs(now - this.#lastShrink) < timeout) return;
    this.#lastShrink = now;
    this.#resize(this.#size / 2);
  }

  #resize(size: number): void {
    this.#size = Math.floor(Math.min(this.#ceiling, Math.max(this.#floor, size)));
  }
}
