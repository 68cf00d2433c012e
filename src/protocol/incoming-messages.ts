import { ProtocolError } from '../core/errors.ts';
import type { AgentMessage } from './agent-message.ts';

/**
 * What to do with a stream message: deliver it, keep it, ignore it as a duplicate, or drop it because there is no room.
 */
export type Place = 'expected' | 'early' | 'duplicate' | 'no-room';

/** How much may arrive ahead of the expected message; what exceeds it is dropped, and the peer sends it again. */
export interface IncomingLimits {
  readonly maxOutOfOrderMessages: number;
  readonly maxOutOfOrderBytes: number;
}

/** No peer can be this far ahead of what was acknowledged; official buffers hold 100 000 messages. */
const MAX_AHEAD = 1_000_000;

/**
 * The receiving half of one direction: the next sequence number, and the messages that arrived ahead of it
 * (SPEC.md §3).
 */
export class IncomingMessages {
  readonly #limits: IncomingLimits;
  readonly #early = new Map<number, AgentMessage>();
  #expected = 0;
  #bytes = 0;

  constructor(limits: IncomingLimits) {
    this.#limits = limits;
  }

  /** The sequence number that is delivered next. */
  get expected(): number {
    return this.#expected;
  }

  /**
   * Keeps the message if it is early and there is room. Throws `sequence-too-far` for a number that no correct sender
   * reaches.
   */
  place(message: AgentMessage): Place {
    const { sequenceNumber, payload } = message;
    if (sequenceNumber === this.#expected) return 'expected';
    if (sequenceNumber < this.#expected || this.#early.has(sequenceNumber)) return 'duplicate';
    if (sequenceNumber > this.#expected + MAX_AHEAD)
      throw new ProtocolError(
        'sequence-too-far',
        `message ${sequenceNumber} arrived while ${this.#expected} was expected`,
      );
    const full =
      this.#early.size >= this.#limits.maxOutOfOrderMessages ||
      this.#bytes + payload.byteLength > this.#limits.maxOutOfOrderBytes;
    if (full) return 'no-room';
    this.#early.set(sequenceNumber, message);
    this.#bytes += payload.byteLength;
    return 'early';
  }

  /** The expected message was delivered. */
  advance(): void {
    const delivered = this.#early.get(this.#expected);
    if (delivered !== undefined) {
      this.#early.delete(this.#expected);
      this.#bytes -= delivered.payload.byteLength;
    }
    this.#expected++;
  }

  /** The expected message, if it arrived early. */
  peek(): AgentMessage | undefined {
    return this.#early.get(this.#expected);
  }
}
