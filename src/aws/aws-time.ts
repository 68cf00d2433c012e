import type { Clock } from '../core/clock.ts';

/**
 * From this offset on AWS will refuse signatures soon: the SDK corrects itself at four minutes, AWS refuses at five.
 */
const NOTEWORTHY_MS = 4 * 60_000;
/** The Date header counts whole seconds, and an answer takes time: a smaller offset is no error of the clock. */
const NOISE_MS = 5_000;

/** The difference between this machine's clock and AWS's, learnt from the Date header of AWS's answers. */
export class AwsTime {
  readonly #machine: Pick<Clock, 'now'>;
  readonly #onSkew: (skewMs: number) => void;
  #offsetMs = 0;
  #isReported = false;

  /**
   * `onSkew` is called once, when the clock is wrong by four minutes or more; negative = this machine's clock is
   * behind.
   */
  constructor(machine: Pick<Clock, 'now'>, onSkew: (skewMs: number) => void = () => undefined) {
    this.#machine = machine;
    this.#onSkew = onSkew;
  }

  /** Milliseconds to add to this machine's time to get AWS's time. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /**
   * Milliseconds since the epoch by AWS's clock, or by this machine's clock until AWS has answered for the first time.
   */
  now(): number {
    return this.#machine.now() + this.#offsetMs;
  }

  /** `sentAt` and `answeredAt` are times of this machine's clock. A header that is no date is ignored. */
  learn(dateHeader: string | undefined, sentAt: number, answeredAt: number): void {
    const date = dateHeader === undefined ? NaN : Date.parse(dateHeader);
    if (Number.isNaN(date)) return;
    // Half a second is added, because the header is cut to whole seconds.
    const offset = date + 500 - (sentAt + answeredAt) / 2;
    const error = NOISE_MS + (answeredAt - sentAt) / 2;
    this.#offsetMs = Math.abs(offset) <= error ? 0 : Math.round(offset);
    if (this.#isReported || Math.abs(this.#offsetMs) < NOTEWORTHY_MS) return;
    this.#isReported = true;
    this.#onSkew(-this.#offsetMs);
  }
}
