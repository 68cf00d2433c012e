/** The longest time between two calls of `elapsed` that counts in full; after a longer time the machine was asleep. */
const LONGEST_STEP_MS = 60_000;

/**
 * Measures the time that passed while the machine was awake. When a laptop wakes after hours, its network comes back
 * some seconds later; the clock alone would say that the time for retries is over, but here the whole budget is still
 * left.
 */
export class AwakeTime {
  #at: number;
  #passed = 0;

  constructor(now: number) {
    this.#at = now;
  }

  /** Milliseconds awake since the beginning; to be called at least once a minute. */
  elapsed(now: number): number {
    this.#passed += Math.max(0, Math.min(now - this.#at, LONGEST_STEP_MS));
    this.#at = now;
    return this.#passed;
  }
}
