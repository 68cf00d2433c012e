import type { Clock } from '../../core/clock.ts';

/** One timer for a moment that moves often. It may ring too early, which costs a look; one timer per move would cost more. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel: () => void = () => undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at that moment or before. */
  set(at: number): void {
    if (this.#at <= at) return;
    this.stop();
    this.#at = at;
    this.#cancel = this.#clock.timer(Math.max(1, at - this.#clock.now()), () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#ring();
    });
  }

  stop(): void {
    this.#cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }
}
