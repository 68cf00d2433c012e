import { type Clock, sleep } from '../../core/clock.ts';

/** Sessions that may be started at once, and the time after which another one may. */
const START_BURST = 5;
const START_INTERVAL_MS = 400;

/** Keeps the sessions that a forward starts by itself within the rate that AWS allows for StartSession. */
export class StartPace {
  readonly #clock: Clock;
  /** When the last started session would have started without a burst. */
  #paceAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when another session may be started; rejects with the reason of the signal. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#paceAt = Math.max(this.#paceAt, now) + START_INTERVAL_MS;
    const wait = this.#paceAt - now - START_BURST * START_INTERVAL_MS;
    if (wait > 0) await sleep(this.#clock, wait, signal);
  }
}
