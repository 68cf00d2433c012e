import { type Clock, sleep } from '../../core/clock.ts';

/** Starts calls of one kind at least `leastGapMs` apart (docs/logs.md, "How often AWS is asked"). */
export class CallPace {
  readonly #clock: Clock;
  readonly #leastGapMs: number;
  #next = 0;

  constructor(clock: Clock, leastGapMs: number) {
    this.#clock = clock;
    this.#leastGapMs = leastGapMs;
  }

  /** Resolves when a call may begin; rejects as soon as the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#leastGapMs;
    if (at > now) await sleep(this.#clock, at - now, signal);
    signal.throwIfAborted();
  }
}
