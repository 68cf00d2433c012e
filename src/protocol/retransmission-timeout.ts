const INITIAL_RTT = 100;
const INITIAL_TIMEOUT = 200;
const MAX_TIMEOUT = 1000;
const GRANULARITY = 10;
/**
 * No acknowledgement takes longer on a working path; a sample that includes a suspension of the machine must not
 * distort the estimate.
 */
const MAX_SAMPLE = 10_000;

/** Jacobson's estimator with the constants of both official peers (SPEC.md §3). All values in ms. */
export class RetransmissionTimeout {
  #rtt = INITIAL_RTT;
  #variation = 0;
  #timeout = INITIAL_TIMEOUT;

  get rtt(): number {
    return this.#rtt;
  }

  get variation(): number {
    return this.#variation;
  }

  get value(): number {
    return this.#timeout;
  }

  /** `sample`: time from sending a message to its acknowledgement. */
  add(sample: number): void {
    const rtt = Math.min(MAX_SAMPLE, Math.max(0, sample));
    this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.#rtt - rtt);
    this.#rtt = 0.875 * this.#rtt + 0.125 * rtt;
    this.#timeout = Math.min(MAX_TIMEOUT, this.#rtt + Math.max(GRANULARITY, 4 * this.#variation));
  }
}
