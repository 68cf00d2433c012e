/** A place among the calls that run at the same time; `release` gives it back and may be called several times. */
export interface Permit {
  /** The number of reductions so far, when the last attempt of the call began. */
  generation: number;
  release(): void;
}

/**
 * How many calls to one service run at the same time. There is no limit until the service refuses a call because there
 * were too many; then half of the calls that run are still allowed, but at least one. After as many successes in a row
 * as the limit allows, one more is allowed (additive increase, multiplicative decrease, as in TCP).
 *
 * Refusals of attempts that began before the last reduction do not reduce the limit again: they show the load from
 * before that reduction.
 */
export class ConcurrencyLimit {
  #limit = Number.POSITIVE_INFINITY;
  #running = 0;
  #successes = 0;
  #generation = 0;
  readonly #waiting: (() => void)[] = [];

  /** The number of calls that may run now; Infinity before the first refusal. */
  get limit(): number {
    return this.#limit;
  }

  /** Resolves when the call may start, in the order of the requests. Rejects with the signal's reason if it aborts. */
  async acquire(signal?: AbortSignal): Promise<Permit> {
    signal?.throwIfAborted();
    if (this.#running < this.#limit) this.#running++;
    else await this.#turn(signal);
    let held = true;
    return {
      generation: this.#generation,
      release: () => {
        if (!held) return;
        held = false;
        this.#running--;
        this.#startWaiting();
      },
    };
  }

  /** An attempt of the call begins: the first one, or one after a refusal. */
  attempt(permit: Permit): void {
    permit.generation = this.#generation;
  }

  /** The service refused the attempt because there were too many calls. */
  refused(permit: Permit): void {
    this.#successes = 0;
    if (permit.generation < this.#generation) return;
    this.#generation++;
    this.#limit = Math.max(1, Math.floor(Math.min(this.#limit, this.#running) / 2));
  }

  succeeded(): void {
    if (++this.#successes < this.#limit) return;
    this.#successes = 0;
    this.#limit++;
    this.#startWaiting();
  }

  /** The place is taken for the waiting call before its promise resolves, so that no later call can take it. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(signal?.reason as Error);
      };
      this.#waiting.push(start);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #startWaiting(): void {
    while (this.#running < this.#limit) {
      const start = this.#waiting.shift();
      if (start === undefined) return;
      this.#running++;
      start();
    }
  }
}
