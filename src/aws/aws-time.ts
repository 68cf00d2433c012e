import type { Clock } from '../core/clock.ts';

/** From here on AWS begins to refuse signatures soon: the SDK corrects itself at four minutes, AWS refuses at five. */
const NOTEWORTHY_MS = 4 * 60_000;
/** The Date header counts whole seconds, and an answer takes its time: less than this is no error of the clock. */
const NOISE_MS = 5_000;

/** How far this machine's clock is from AWS's, learnt from the Date header of AWS's own answers. */
export class AwsTime {
  readonly #machine: Pick<Clock, 'now'>;
  readonly #onSkew: (skewMs: number) => void;
  #offsetMs = 0;
  #wasTold = false;

  /** `onSkew` is called once, when the clock is four minutes off or more; negative = the machine is behind. */
  constructor(machine: Pick<Clock, 'now'>, onSkew: (skewMs: number) => void = () => undefined) {
    this.#machine = machine;
    this.#onSkew = onSkew;
  }

  /** Milliseconds to add to this machine's time to get AWS's. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Milliseconds since the epoch by AWS's clock; by this machine's before AWS has answered anything. */
  now(): number {
    return this.#machine.now() + this.#offsetMs;
  }

  /** `sentAt` and `answeredAt` by this machine's clock. A header that is no date is ignored. */
  learn(dateHeader: string | undefined, sentAt: number, answeredAt: number): void {
    const date = dateHeader === undefined ? NaN : Date.parse(dateHeader);
    if (Number.isNaN(date)) return;
    // Half a second, because the header was cut to whole ones.
    const offset = date + 500 - (sentAt + answeredAt) / 2;
    const error = NOISE_MS + (answeredAt - sentAt) / 2;
    this.#offsetMs = Math.abs(offset) <= error ? 0 : Math.round(offset);
    if (this.#wasTold || Math.abs(this.#offsetMs) < NOTEWORTHY_MS) return;
    this.#wasTold = true;
    this.#onSkew(-this.#offsetMs);
  }
}
