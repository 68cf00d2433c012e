import type { Clock } from '../../core/clock.ts';

/**
 * One timer for a deadline that moves often. It may fire too early, which costs one check; a new timer for each move
 * would cost more.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #cancel: () => void = () => undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Fires at that moment or earlier. */
  set(at: number): void {
    if (this.#at <= at) return;
    this.stop();
    this.#at = at;
    this.#cancel = this.#clock.timer(Math.max(1, at - this.#clock.now()), () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#onDue();
    });
  }

  stop(): void {
    this.#cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }
}
