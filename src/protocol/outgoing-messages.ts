import { ProtocolError } from '../core/errors.ts';
import { RetransmissionTimeout } from './retransmission-timeout.ts';
import { SendWindow } from './send-window.ts';

/** Official senders check every 100 ms; repeating sooner only doubles traffic when an event loop is late. */
const MIN_RESEND_DELAY = 100;
/** The delay doubles with each timeout that has no acknowledgement before it, up to this value. */
const MAX_RESEND_DELAY = 2_000;
/** How much later than its successor a message may be acknowledged before it counts as lost. */
const REORDERING = 10;
/** Limit for the messages of `#ambiguousTrips`. */
const MAX_AMBIGUOUS_TRIPS = 64;
/**
 * At most this much silence is counted per tick, so that a process that was suspended does not find its session ended
 * when it resumes.
 */
const MAX_SILENCE_STEP = 2_000;
/** While paused, one message is sent this often, in case the start_publication was lost. */
const PAUSED_PROBE_INTERVAL = 5_000;

interface Unacknowledged {
  readonly sequenceNumber: number;
  readonly message: Uint8Array;
  readonly payloadBytes: number;
  /**
   * First transmission on the present socket; undefined while a pause holds the message back, or while it waits for
   * room in the window.
   */
  firstSentAt: number | undefined;
  lastSentAt: number;
  /** Transmission number, counted over all messages. */
  order: number;
  /** Why the message was sent again: it was lost, or only overdue. */
  repeated: 'lost' | 'overdue' | undefined;
}

/** The part of `DataChannelLimits` that applies to what is sent. */
export interface OutgoingLimits {
  readonly maxUnackedBytes: number;
  readonly minWindowBytes: number;
  readonly maxUnackedMs: number;
}

/**
 * The sending half of one direction (SPEC.md §3): assigns sequence numbers, keeps everything unacknowledged, and
 * decides when to send what again. Returns the messages to send; has no clock and no socket.
 *
 * A message is lost if a message that was sent after it has been acknowledged (RFC 8985); it is then repeated at once.
 * If nothing is acknowledged for a whole timeout, only the oldest message is repeated, because the agent acknowledges
 * what it has handled and may merely be busy; the acknowledgements that follow show whether the others arrived (RFC
 * 5682).
 */
export class OutgoingMessages {
  readonly #limits: OutgoingLimits;
  readonly #timeout = new RetransmissionTimeout();
  readonly #window: SendWindow;
  /** Sent and unacknowledged, in the order of last transmission. */
  readonly #sent = new Map<number, Unacknowledged>();
  #sentBytes = 0;
  /** Lost messages, which must be sent again when the window has room, in sequence order. */
  #lost: Unacknowledged[] = [];
  /** New messages that a pause holds back. */
  #held: Unacknowledged[] = [];
  #next = 0;
  #lowest = 0;
  #bytes = 0;
  #order = 0;
  /** The latest transmission that is known to have arrived, and how long its acknowledgement took. */
  #arrived: { readonly order: number; readonly trip: number } | undefined;
  /** After a timeout: everything sent up to `order` counts as lost if it is not acknowledged by `decidedAt`. */
  #suspected: { readonly order: number; decidedAt: number | undefined } | undefined;
  /**
   * Messages that were repeated because they were overdue, with the time from first transmission to acknowledgement.
   */
  readonly #ambiguousTrips = new Map<number, number>();
  /** Time of the last acknowledgement, timeout or restart. */
  #timerStart = 0;
  #timeouts = 0;
  #frozen = false;
  #silence = 0;
  #lastTick = 0;
  #probeAt = 0;

  constructor(limits: OutgoingLimits) {
    this.#limits = limits;
    this.#window = new SendWindow(limits.maxUnackedBytes, limits.minWindowBytes);
  }

  /** The sequence number that the next message must have. */
  get nextSequenceNumber(): number {
    return this.#next;
  }

  get unackedBytes(): number {
    return this.#bytes;
  }

  get room(): number {
    return Math.max(0, this.#window.size - this.#bytes);
  }

  /** Whether `bytes` more fit under the hard limit. The window stays well below that limit. */
  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limits.maxUnackedBytes;
  }

  /** Adds the message numbered `nextSequenceNumber`; true if it must be sent now, false if a pause holds it back. */
  add(message: Uint8Array, payloadBytes: number, now: number): boolean {
    if (this.#count === 0) {
      this.#lastTick = now;
      this.#silence = 0;
      this.#timeouts = 0;
      this.#probeAt = now + PAUSED_PROBE_INTERVAL;
    }
    const entry: Unacknowledged = {
      sequenceNumber: this.#next++,
      message,
      payloadBytes,
      firstSentAt: undefined,
      lastSentAt: now,
      order: 0,
      repeated: undefined,
    };
    this.#bytes += payloadBytes;
    if (this.#frozen) {
      this.#held.push(entry);
      return false;
    }
    this.#transmit(entry, now);
    return true;
  }

  /**
   * Returns the messages that the acknowledgement shows to be lost. Unknown numbers are ignored, because the peer
   * repeats acknowledgements.
   */
  acknowledge(sequenceNumber: number, now: number): readonly Uint8Array[] {
    const entry = this.#sent.get(sequenceNumber) ?? this.#takeWaiting(sequenceNumber);
    if (entry === undefined) {
      this.#acknowledgedAgain(sequenceNumber);
      return [];
    }
    if (this.#sent.delete(sequenceNumber)) this.#sentBytes -= entry.payloadBytes;
    this.#bytes -= entry.payloadBytes;
    this.#timerStart = now;
    this.#timeouts = 0;
    if (entry.firstSentAt !== undefined) this.#learn(entry, entry.firstSentAt, now);
    if (this.#sent.size === 0) this.#suspected = undefined;
    if (sequenceNumber === this.#lowest) this.#silence = 0;
    while (this.#lowest < this.#next && !this.#isUnacked(this.#lowest)) this.#lowest++;
    return this.#repeatLost(now);
  }

  /** Until `resume`, nothing is sent for the first time or repeated, and silence is not counted. */
  freeze(now: number): void {
    if (!this.#frozen) this.#probeAt = now + PAUSED_PROBE_INTERVAL;
    this.#frozen = true;
  }

  /**
   * Returns the messages that were held back, in order; the next tick returns repetitions that became due meanwhile.
   */
  resume(now: number): readonly Uint8Array[] {
    if (!this.#frozen) return [];
    this.#frozen = false;
    this.#lastTick = now;
    this.#timerStart = now;
    const held = this.#held;
    this.#held = [];
    for (const entry of held) this.#transmit(entry, now);
    return held.map((entry) => entry.message);
  }

  /**
   * A new socket is open: returns everything unacknowledged again, in sequence order, as far as the window has room.
   */
  restart(now: number): readonly Uint8Array[] {
    this.#frozen = false;
    this.#silence = 0;
    this.#lastTick = now;
    this.#timerStart = now;
    this.#timeouts = 0;
    this.#suspected = undefined;
    this.#arrived = undefined;
    this.#window.restart();
    this.#lose([...this.#sent.values(), ...this.#held]);
    this.#held = [];
    for (const entry of this.#lost) {
      entry.firstSentAt = undefined;
      entry.repeated = undefined;
    }
    return this.#repeatLost(now);
  }

  /** When `tick` must be called next; undefined if nothing is unacknowledged. */
  nextTimeout(): number | undefined {
    if (this.#count === 0) return undefined;
    if (this.#frozen) return this.#probeAt;
    if (this.#mayRepeat) return this.#timerStart;
    return Math.min(
      this.#timeoutAt ?? Infinity,
      this.#lossAt(first(this.#sent)) ?? Infinity,
      this.#suspected?.decidedAt ?? Infinity,
    );
  }

  /**
   * The messages due for repetition. Throws `peer-silent` once the oldest message has been unacknowledged for too long.
   */
  tick(now: number): readonly Uint8Array[] {
    if (this.#frozen) return this.#probe(now);
    if (this.#count === 0) return [];
    this.#countSilence(now);
    // After a clock was set back, due messages look early. Repeating them does no harm, but waiting for the clock to
    // catch up does.
    if (now < this.#timerStart) this.#timerStart = Number.NEGATIVE_INFINITY;
    const repeated = this.#repeatLost(now);
    const oldest = first(this.#sent);
    const timeoutAt = this.#timeoutAt;
    if (oldest === undefined || timeoutAt === undefined || (now < timeoutAt && now >= oldest.lastSentAt))
      return repeated;
    this.#timeouts++;
    this.#timerStart = now;
    this.#window.timedOut();
    this.#suspected = { order: this.#order, decidedAt: undefined };
    oldest.repeated ??= 'overdue';
    this.#transmit(oldest, now);
    return [...repeated, oldest.message];
  }

  get #count(): number {
    return this.#sent.size + this.#lost.length + this.#held.length;
  }

  #transmit(entry: Unacknowledged, now: number): void {
    if (this.#sent.delete(entry.sequenceNumber)) this.#sentBytes -= entry.payloadBytes;
    entry.firstSentAt ??= now;
    entry.lastSentAt = now;
    entry.order = ++this.#order;
    this.#sent.set(entry.sequenceNumber, entry);
    this.#sentBytes += entry.payloadBytes;
  }

  /**
   * Updates the estimates of the path from one acknowledgement, and finds which earlier messages it shows to be lost.
   */
  #learn(entry: Unacknowledged, firstSentAt: number, now: number): void {
    const trip = Math.max(0, now - entry.lastSentAt);
    if (entry.repeated === undefined) {
      this.#timeout.add(trip);
      this.#window.acknowledged({
        bytes: entry.payloadBytes,
        sentAt: entry.lastSentAt,
        now,
        inFlight: this.#bytes,
      });
    }
    if (entry.repeated === 'overdue') {
      // It is unknown which transmission this acknowledges, so a second acknowledgement is awaited for a moment.
      this.#ambiguousTrips.set(entry.sequenceNumber, Math.max(0, now - firstSentAt));
      for (const old of this.#ambiguousTrips.keys()) {
        if (this.#ambiguousTrips.size <= MAX_AMBIGUOUS_TRIPS) break;
        this.#ambiguousTrips.delete(old);
      }
      if (this.#suspected !== undefined)
        this.#suspected.decidedAt ??= now + Math.max(REORDERING, this.#window.shortest ?? 0);
      return;
    }
    if (this.#suspected !== undefined && entry.order <= this.#suspected.order) this.#suspected = undefined;
    const acknowledgesRepetition = entry.repeated === undefined || trip >= (this.#window.shortest ?? 0);
    if (acknowledgesRepetition && entry.order > (this.#arrived?.order ?? 0))
      this.#arrived = { order: entry.order, trip };
  }

  /**
   * Both transmissions arrived, so the timeout was too short for this path. If one of them was lost, the timeout stays
   * unchanged.
   */
  #acknowledgedAgain(sequenceNumber: number): void {
    const trip = this.#ambiguousTrips.get(sequenceNumber);
    if (trip === undefined) return;
    this.#ambiguousTrips.delete(sequenceNumber);
    this.#timeout.add(trip);
  }

  /** Finds lost messages, and repeats as many as the window has room for. */
  #repeatLost(now: number): readonly Uint8Array[] {
    if (this.#frozen) return [];
    this.#lose(this.#foundLost(now));
    const repeated: Uint8Array[] = [];
    while (this.#mayRepeat) {
      const entry = this.#lost.shift();
      if (entry === undefined) break;
      if (entry.firstSentAt !== undefined) entry.repeated = 'lost';
      this.#transmit(entry, now);
      repeated.push(entry.message);
    }
    return repeated;
  }

  #foundLost(now: number): readonly Unacknowledged[] {
    const found: Unacknowledged[] = [];
    const suspected = this.#suspected;
    const isJudged = suspected?.decidedAt !== undefined && now >= suspected.decidedAt;
    for (const entry of this.#sent.values()) {
      const lossAt = this.#lossAt(entry);
      const isLost = (lossAt !== undefined && now >= lossAt) || (isJudged && entry.order <= suspected.order);
      if (!isLost) break;
      found.push(entry);
    }
    if (isJudged) this.#suspected = undefined;
    return found;
  }

  /** When the message counts as lost because a later one has arrived; undefined while no later one has. */
  #lossAt(entry: Unacknowledged | undefined): number | undefined {
    if (entry === undefined || this.#arrived === undefined || entry.order >= this.#arrived.order)
      return undefined;
    return entry.lastSentAt + this.#arrived.trip + REORDERING;
  }

  #lose(entries: readonly Unacknowledged[]): void {
    if (entries.length === 0) return;
    for (const entry of entries)
      if (this.#sent.delete(entry.sequenceNumber)) this.#sentBytes -= entry.payloadBytes;
    this.#lost = [...this.#lost, ...entries].sort((a, b) => a.sequenceNumber - b.sequenceNumber);
  }

  get #mayRepeat(): boolean {
    const [next] = this.#lost;
    if (next === undefined) return false;
    return this.#sentBytes === 0 || this.#sentBytes + next.payloadBytes <= this.#window.size;
  }

  /** Undefined while nothing is unacknowledged. */
  get #timeoutAt(): number | undefined {
    const oldest = first(this.#sent);
    return oldest && Math.max(this.#timerStart, oldest.lastSentAt) + this.#resendDelay;
  }

  /**
   * In whole ms: a fraction would be rounded when it is added to a time since the epoch, and `tick` would always be
   * called too early.
   */
  get #resendDelay(): number {
    const once = Math.max(MIN_RESEND_DELAY, Math.ceil(this.#timeout.value));
    return Math.min(MAX_RESEND_DELAY, once * 2 ** Math.max(0, this.#timeouts - 1));
  }

  #probe(now: number): readonly Uint8Array[] {
    const oldest = first(this.#sent) ?? this.#lost[0] ?? this.#held[0];
    if (oldest === undefined || (now < this.#probeAt && this.#probeAt - now <= PAUSED_PROBE_INTERVAL))
      return [];
    this.#probeAt = now + PAUSED_PROBE_INTERVAL;
    return [oldest.message];
  }

  #countSilence(now: number): void {
    this.#silence += Math.min(MAX_SILENCE_STEP, Math.max(0, now - this.#lastTick));
    this.#lastTick = now;
    if (this.#silence > this.#limits.maxUnackedMs)
      throw new ProtocolError(
        'peer-silent',
        `message ${this.#lowest} was not acknowledged within ${this.#limits.maxUnackedMs} ms`,
        { unackedBytes: this.#bytes },
      );
  }

  #isUnacked(sequenceNumber: number): boolean {
    if (this.#sent.has(sequenceNumber)) return true;
    if (this.#lost.some((entry) => entry.sequenceNumber === sequenceNumber)) return true;
    const firstHeld = this.#held[0];
    return firstHeld !== undefined && sequenceNumber >= firstHeld.sequenceNumber;
  }

  /**
   * A message that counted as lost may have arrived after all. Of the messages that a pause holds back, only the first
   * can have been sent, as a probe.
   */
  #takeWaiting(sequenceNumber: number): Unacknowledged | undefined {
    const index = this.#lost.findIndex((entry) => entry.sequenceNumber === sequenceNumber);
    if (index !== -1) return this.#lost.splice(index, 1)[0];
    return this.#held[0]?.sequenceNumber === sequenceNumber ? this.#held.shift() : undefined;
  }
}

function first(entries: ReadonlyMap<number, Unacknowledged>): Unacknowledged | undefined {
  for (const entry of entries.values()) return entry;
  return undefined;
}
