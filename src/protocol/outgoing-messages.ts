import { ProtocolError } from '../core/errors.ts';
import { RetransmissionTimeout } from './retransmission-timeout.ts';
import { SendWindow } from './send-window.ts';

/** Official schedulers look every 100 ms; repeating sooner only doubles traffic when an event loop is late. */
const MIN_RESEND_DELAY = 100;
/** At most one window per tick goes out again; the rest follows after this many ms. */
const RESEND_PACE = 10;
/** What a new socket gets at once. With everything at once, a path that breaks every so many bytes would never get further. */
const RESTART_BYTES = 32 * 1024;
/** Silence counted per tick at most, so that a suspended process does not wake up to a dead session. */
const MAX_SILENCE_STEP = 2_000;
/** While paused, one message goes out this often, in case the start_publication was lost. */
const PAUSED_PROBE_INTERVAL = 5_000;

interface Unacknowledged {
  readonly sequenceNumber: number;
  readonly message: Uint8Array;
  readonly payloadBytes: number;
  /** Undefined while it is held back by a pause, or waits for its turn after a restart. */
  firstSentAt: number | undefined;
  lastSentAt: number;
}

export interface OutgoingLimits {
  readonly maxUnackedBytes: number;
  readonly maxUnackedMs: number;
}

/**
 * The sending half of one direction (SPEC.md §3): sequence numbers, everything unacknowledged, when to send what again.
 * Returns the messages to put on the wire; keeps no clock and no socket.
 */
export class OutgoingMessages {
  readonly #limits: OutgoingLimits;
  readonly #timeout = new RetransmissionTimeout();
  readonly #window: SendWindow;
  /** In the order of last transmission; held messages are not in here. */
  readonly #sent = new Map<number, Unacknowledged>();
  #held: Unacknowledged[] = [];
  #next = 0;
  #lowest = 0;
  #bytes = 0;
  #frozen = false;
  #silence = 0;
  #lastTick = 0;
  #notBefore = 0;
  #probeAt = 0;

  constructor(limits: OutgoingLimits) {
    this.#limits = limits;
    this.#window = new SendWindow(limits.maxUnackedBytes);
  }

  /** The number the next message must carry. */
  get nextSequenceNumber(): number {
    return this.#next;
  }

  get unackedBytes(): number {
    return this.#bytes;
  }

  get room(): number {
    return Math.max(0, this.#window.size - this.#bytes);
  }

  /** Whether `bytes` more fit under the hard limit, which the window stays well below. */
  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limits.maxUnackedBytes;
  }

  /** Takes the message numbered `nextSequenceNumber`; true if it must go out now, false if a pause holds it back. */
  add(message: Uint8Array, payloadBytes: number, now: number): boolean {
    if (this.#sent.size + this.#held.length === 0) {
      this.#lastTick = now;
      this.#silence = 0;
      this.#probeAt = now + PAUSED_PROBE_INTERVAL;
    }
    const entry: Unacknowledged = {
      sequenceNumber: this.#next++,
      message,
      payloadBytes,
      firstSentAt: undefined,
      lastSentAt: now,
    };
    this.#bytes += payloadBytes;
    if (this.#frozen) {
      this.#held.push(entry);
      return false;
    }
    entry.firstSentAt = now;
    this.#sent.set(entry.sequenceNumber, entry);
    return true;
  }

  /** Unknown numbers are ignored: the peer repeats acknowledgements. */
  acknowledge(sequenceNumber: number, now: number): void {
    const entry = this.#sent.get(sequenceNumber) ?? this.#takeHeld(sequenceNumber);
    if (entry === undefined) return;
    this.#sent.delete(sequenceNumber);
    this.#bytes -= entry.payloadBytes;
    if (entry.firstSentAt !== undefined) {
      // Measured from the first transmission, as the official client does: an acknowledgement that crosses a repetition would
      // otherwise look quick, and the timeout would never grow to a slow path's round trip.
      const sample = Math.max(0, now - entry.firstSentAt);
      this.#timeout.add(sample);
      this.#window.acknowledged(entry.payloadBytes, sample, this.#bytes);
    }
    if (sequenceNumber === this.#lowest) this.#silence = 0;
    while (this.#lowest < this.#next && !this.#isUnacked(this.#lowest)) this.#lowest++;
  }

  /** No first transmission and no repetition until `resume`; the silence limit stands still. */
  freeze(now: number): void {
    if (!this.#frozen) this.#probeAt = now + PAUSED_PROBE_INTERVAL;
    this.#frozen = true;
  }

  /** Messages that were held back, in order; repetitions that fell due meanwhile come with the next tick. */
  resume(now: number): readonly Uint8Array[] {
    if (!this.#frozen) return [];
    this.#frozen = false;
    this.#lastTick = now;
    const held = this.#held;
    this.#held = [];
    for (const entry of held) {
      entry.firstSentAt = now;
      entry.lastSentAt = now;
      this.#sent.set(entry.sequenceNumber, entry);
    }
    return held.map((entry) => entry.message);
  }

  /** A new socket: everything unacknowledged again, in sequence order; what is not returned is due at the next tick. */
  restart(now: number): readonly Uint8Array[] {
    this.#frozen = false;
    this.#silence = 0;
    this.#lastTick = now;
    const entries = [...this.#sent.values(), ...this.#held].sort(
      (a, b) => a.sequenceNumber - b.sequenceNumber,
    );
    this.#sent.clear();
    this.#held = [];
    let bytes = 0;
    const beyond = entries.findIndex((entry) => (bytes += entry.payloadBytes) > RESTART_BYTES);
    const atOnce = entries.slice(0, beyond === -1 ? undefined : Math.max(1, beyond));
    for (const entry of entries.slice(atOnce.length)) {
      entry.firstSentAt = undefined;
      entry.lastSentAt = now - this.#resendDelay;
      this.#sent.set(entry.sequenceNumber, entry);
    }
    if (atOnce.length < entries.length) this.#notBefore = now + RESEND_PACE;
    for (const entry of atOnce) {
      entry.firstSentAt = now;
      entry.lastSentAt = now;
      this.#sent.set(entry.sequenceNumber, entry);
    }
    return atOnce.map((entry) => entry.message);
  }

  /** When `tick` has something to do; undefined if nothing is unacknowledged. */
  nextTimeout(): number | undefined {
    if (this.#frozen) return this.#sent.size + this.#held.length > 0 ? this.#probeAt : undefined;
    const oldest = first(this.#sent);
    if (oldest === undefined) return undefined;
    return Math.max(oldest.lastSentAt + this.#resendDelay, this.#notBefore);
  }

  /** The messages due for repetition. Throws `peer-silent` once the oldest message has been unacknowledged for too long. */
  tick(now: number): readonly Uint8Array[] {
    if (this.#frozen) return this.#probe(now);
    if (this.#sent.size === 0) return [];
    this.#countSilence(now);
    if (now < this.#notBefore && this.#notBefore - now <= RESEND_PACE) return [];
    const due: Unacknowledged[] = [];
    let bytes = 0;
    for (const entry of this.#sent.values()) {
      const age = now - entry.lastSentAt;
      // A clock set back makes the age negative; repeating is harmless, waiting for the clock to catch up is not.
      if (age >= 0 && age < this.#resendDelay) break;
      if (bytes > 0 && bytes + entry.payloadBytes > this.#window.size) {
        this.#notBefore = now + RESEND_PACE;
        break;
      }
      bytes += entry.payloadBytes;
      due.push(entry);
    }
    if (due.some((entry) => entry.firstSentAt !== undefined)) this.#window.timedOut(now, this.#resendDelay);
    for (const entry of due) {
      entry.firstSentAt ??= now;
      entry.lastSentAt = now;
      this.#sent.delete(entry.sequenceNumber);
      this.#sent.set(entry.sequenceNumber, entry);
    }
    return due.map((entry) => entry.message);
  }

  /** Whole ms: added to a time since the epoch, a fraction would be rounded and `tick` come too early for ever. */
  get #resendDelay(): number {
    return Math.max(MIN_RESEND_DELAY, Math.ceil(this.#timeout.value));
  }

  #probe(now: number): readonly Uint8Array[] {
    const oldest = first(this.#sent) ?? this.#held[0];
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
    const firstHeld = this.#held[0];
    return firstHeld !== undefined && sequenceNumber >= firstHeld.sequenceNumber;
  }

  /** Only the front of the held messages can have been sent, by a probe. */
  #takeHeld(sequenceNumber: number): Unacknowledged | undefined {
    return this.#held[0]?.sequenceNumber === sequenceNumber ? this.#held.shift() : undefined;
  }
}

function first(entries: ReadonlyMap<number, Unacknowledged>): Unacknowledged | undefined {
  for (const entry of entries.values()) return entry;
  return undefined;
}
