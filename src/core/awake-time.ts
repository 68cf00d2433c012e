/** The longest step between two looks that counts in full; beyond it the machine was asleep. */
const LONGEST_STEP_MS = 60_000;

/**
 * Time that passed while the machine was awake. A laptop that wakes after hours has its whole budget of tries still
 * before it: its network comes back some seconds later, and the clock alone would say that all is over.
 */
export class AwakeTime {
  #at: number;
  #passed = 0;

  constructor(now: number) {
    this.#at = now;
  }

  /** Milliseconds awake since the beginning; look at least once a minute. */
  look(now: number): number {
    this.#passed += Math.max(0, Math.min(now - this.#at, LONGEST_STEP_MS));
    this.#at = now;
    return this.#passed;
  }
}
