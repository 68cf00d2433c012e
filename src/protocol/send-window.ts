const INITIAL_WINDOW = 32 * 1024;
/**
 * How many bytes may wait at the receiver: enough that it never waits for us, few enough that it handles them within a
 * millisecond.
 */
const QUEUE_BYTES = 4 * 1024;
/** This share of the window may wait too, because round trips of long paths vary. */
const QUEUE_SHARE = 1 / 8;
/**
 * Share of the window that is used while the shortest round trip is measured: less than the path holds without a queue.
 */
const PROBE_SHARE = 3 / 4;
const GROWTH_BYTES = 2 * 1024;
const GROWTH_SHARE = 1 / 16;
/** After this many slow acknowledgements in a row the window no longer doubles. */
const MAX_SLOW_ACKNOWLEDGEMENTS = 8;
/** The shortest round trip is kept for one to two of these periods, so that a path that became longer is noticed. */
const BASE_PERIOD_MS = 10_000;

/** One acknowledged message that was sent only once. Times in ms; fractions matter on short paths. */
export interface RoundTrip {
  readonly bytes: number;
  readonly sentAt: number;
  readonly now: number;
  /** Bytes that are still unacknowledged. */
  readonly inFlight: number;
}

/**
 * Limits the unacknowledged bytes to a useful number. Bytes beyond what the path itself holds wait at the receiver,
 * where they delay everything after them; an agent whose connection is cut may also handle them twice (SPEC.md §15). So
 * the window follows the delay: once per round trip, `window × (1 − shortest ÷ present round trip)` says how many bytes
 * wait. Below the allowance the window grows (it doubles until bytes wait for the first time), above it the window
 * shrinks to what the path holds. It stays below half of the hard limit, so that a sender that overshoots by a frame
 * does not reach that limit.
 */
export class SendWindow {
  readonly #ceiling: number;
  readonly #floor: number;
  #size = 0;
  /** The window doubles per round trip, until bytes wait at the receiver. */
  #isStarting = true;
  #slowAcknowledgements = 0;
  #base = Number.POSITIVE_INFINITY;
  #lastBase = Number.POSITIVE_INFINITY;
  #baseSince = Number.NEGATIVE_INFINITY;
  #roundStart = Number.NEGATIVE_INFINITY;
  #roundTrip = Number.POSITIVE_INFINITY;
  #wasUsed = false;
  /**
   * Set during a round with a smaller window, in which the queue at the receiver drains and the shortest round trip can
   * be measured.
   */
  #afterProbe: number | undefined;

  /** The window never becomes smaller than `minimum`. */
  constructor(hardLimit: number, minimum: number) {
    this.#ceiling = Math.max(1, Math.floor(hardLimit / 2));
    this.#floor = Math.min(minimum, this.#ceiling);
    this.#resize(INITIAL_WINDOW);
  }

  get size(): number {
    return this.#size;
  }

  /** The shortest recent round trip, in ms; undefined before the first one. */
  get shortest(): number | undefined {
    const shortest = Math.min(this.#base, this.#lastBase);
    return Number.isFinite(shortest) ? shortest : undefined;
  }

  acknowledged({ bytes, sentAt, now, inFlight }: RoundTrip): void {
    const trip = Math.max(0, now - sentAt);
    this.#base = Math.min(this.#base, trip);
    this.#roundTrip = Math.min(this.#roundTrip, trip);
    // A window that was not filled says nothing about the path.
    if (inFlight + bytes >= this.#size / 2) this.#wasUsed = true;
    if (this.#isStarting && this.#wasUsed && this.#afterProbe === undefined) this.#start(bytes, trip);
    // A clock that was set back ends the round too.
    if (sentAt < this.#roundStart && now >= this.#roundStart) return;
    this.#endRound(now);
  }

  /** Nothing was acknowledged for a whole timeout. */
  timedOut(): void {
    this.#resize(this.#size / 2);
    this.#isStarting = true;
    this.#slowAcknowledgements = 0;
  }

  /** A new connection, which may take another path. */
  restart(): void {
    this.#base = Number.POSITIVE_INFINITY;
    this.#lastBase = Number.POSITIVE_INFINITY;
    this.#baseSince = Number.NEGATIVE_INFINITY;
    this.#afterProbe = undefined;
    this.#isStarting = true;
    this.#slowAcknowledgements = 0;
    this.#resize(Math.min(this.#size, INITIAL_WINDOW));
  }

  #start(bytes: number, trip: number): void {
    this.#slowAcknowledgements = this.#waiting(trip) > this.#allowed ? this.#slowAcknowledgements + 1 : 0;
    if (this.#slowAcknowledgements >= MAX_SLOW_ACKNOWLEDGEMENTS) this.#isStarting = false;
    else if (this.#slowAcknowledgements === 0) this.#resize(this.#size + bytes);
  }

  /** Unacknowledged bytes beyond what a path with the shortest round trip would hold. */
  #waiting(trip: number): number {
    const base = this.shortest ?? trip;
    return trip > base ? this.#size * (1 - base / trip) : 0;
  }

  get #allowed(): number {
    return QUEUE_BYTES + this.#size * QUEUE_SHARE;
  }

  #endRound(now: number): void {
    const trip = this.#roundTrip;
    const wasUsed = this.#wasUsed;
    this.#roundStart = now;
    this.#roundTrip = Number.POSITIVE_INFINITY;
    this.#wasUsed = false;
    if (this.#afterProbe !== undefined) {
      this.#size = this.#afterProbe;
      this.#afterProbe = undefined;
      return;
    }
    this.#adjust(trip, wasUsed);
    if (now >= this.#baseSince && now - this.#baseSince < BASE_PERIOD_MS) return;
    const isFirst = this.#baseSince === Number.NEGATIVE_INFINITY;
    this.#baseSince = now;
    if (isFirst) return;
    // Both periods were slower than the one before them, so this is another path, about which nothing is known.
    if (Number.isFinite(this.#lastBase) && this.#base > 2 * this.#lastBase) this.#isStarting = true;
    this.#lastBase = this.#base;
    this.#base = Number.POSITIVE_INFINITY;
    this.#afterProbe = this.#size;
    this.#resize(this.#size * PROBE_SHARE - QUEUE_BYTES);
  }

  #adjust(trip: number, wasUsed: boolean): void {
    const excess = this.#waiting(trip) - this.#allowed;
    if (excess > 0) {
      this.#isStarting = false;
      this.#resize(this.#size - excess);
    } else if (wasUsed && !this.#isStarting) {
      this.#resize(this.#size + Math.max(GROWTH_BYTES, this.#size * GROWTH_SHARE));
    }
  }

  #resize(size: number): void {
    this.#size = Math.floor(Math.min(this.#ceiling, Math.max(this.#floor, size)));
  }
}
