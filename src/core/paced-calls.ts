import type { Clock } from './clock.ts';

/**
 * Sends many calls to an API whose rate limit is unknown and shared with other clients: several at a time while it
 * answers, fewer and later ones after it has refused one (docs/reference/api-limits.md §2).
 */

export interface PacedCallsOptions {
  readonly clock: Clock;
  /** True for the error of a call that was refused because there were too many calls: the call is repeated. */
  readonly isRefusal: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
  /** Calls that run at the same time while none is refused. */
  readonly mostWorkers?: number;
  /** For how long every call may be refused before the refusal is thrown, in milliseconds. */
  readonly patienceMs?: number;
}

const MOST_WORKERS = 8;
const PATIENCE_MS = 30_000;
/** Fewer refusals than this in a row never end the work, however much time has passed. */
const LEAST_REFUSALS = 5;
/** Calls per second after the first refusal. */
const FIRST_RATE = 10;
const LEAST_RATE = 0.5;
/** After a refusal the rate is multiplied by this factor; each success adds the step. */
const RATE_FACTOR = 0.7;
const RATE_STEP = 0.1;
/** Above this rate only the number of workers limits the calls. */
const FREE_RATE = 60;
/** So many successes in a row add a worker. */
const CALM = 10;

/** `undefined` = there is nothing to do now; more may follow after a running call has ended or after `wake`. */
export type NextCall = () => (() => Promise<void>) | undefined;

/** One pace for all lists of calls to one API in one account and region. Waits end when the signal aborts. */
export class PacedCalls {
  readonly #options: PacedCallsOptions;
  readonly #mostWorkers: number;
  #workers: number;
  /** Calls per second; undefined = only the workers limit them. */
  #rate: number | undefined;
  #nextStart = 0;
  #calm = 0;
  #refusalsInARow = 0;
  #lastReduction = Number.NEGATIVE_INFINITY;
  #lastSuccess: number;
  #running = 0;
  /** The lists of calls that are being worked through; they share the pace. */
  readonly #runs = new Set<{ readonly startMore: () => void; readonly stop: () => void }>();

  constructor(options: PacedCallsOptions) {
    this.#options = options;
    this.#mostWorkers = options.mostWorkers ?? MOST_WORKERS;
    this.#workers = this.#mostWorkers;
    this.#lastSuccess = options.clock.now();
    options.signal?.addEventListener('abort', () => {
      for (const { stop } of this.#runs) stop();
    });
  }

  /** True for an error after which `run` repeats the call. */
  isRefusal(error: unknown): boolean {
    return this.#options.isRefusal(error);
  }

  /** How many calls may run at the same time, and how many may start per second (undefined = any number). */
  get pace(): { readonly workers: number; readonly perSecond: number | undefined } {
    return { workers: this.#workers, perSecond: this.#rate };
  }

  /**
   * Runs the calls that `next` returns until it returns none while no call is running. `next` is asked when a call can
   * start, so that it decides then which one is most urgent. Rejects with the error of the first call that fails for
   * another reason than a refusal, with the last refusal when AWS refuses every call for `patienceMs`, and with the
   * signal's reason; the calls that still run are not waited for. `onStart` receives a function that asks `next` again
   * although no call has ended.
   */
  run(next: NextCall, onStart: (wake: () => void) => void = () => undefined): Promise<void> {
    const { clock, signal } = this.#options;
    if (this.#runs.size === 0) {
      this.#lastSuccess = clock.now();
      this.#refusalsInARow = 0;
    }
    return new Promise((resolve, reject) => {
      /** Calls of this run that were refused and wait to be repeated. */
      const refused: (() => Promise<void>)[] = [];
      let running = 0;
      let isOver = false;
      let cancelWait: (() => void) | undefined;
      const startMore = (): void => {
        while (!isOver && cancelWait === undefined && this.#running < this.#workers) {
          const wait = this.#nextStart - clock.now();
          if (wait > 0) {
            cancelWait = clock.timer(wait, () => {
              cancelWait = undefined;
              startMore();
            });
            return;
          }
          const call = refused.shift() ?? next();
          if (call === undefined) {
            if (running === 0) finish();
            return;
          }
          if (this.#rate !== undefined) this.#nextStart = clock.now() + 1000 / this.#rate;
          running++;
          this.#running++;
          void this.#attempt(call).then((outcome) => {
            running--;
            this.#running--;
            if (outcome === 'refused') refused.push(call);
            if (typeof outcome === 'object') finish(outcome.error);
            // The place is free for every run; this one is the first to be asked.
            startMore();
            for (const run of this.#runs) run.startMore();
          });
        }
      };
      const finish = (error?: unknown): void => {
        if (isOver) return;
        isOver = true;
        cancelWait?.();
        this.#runs.delete(run);
        if (error === undefined) resolve();
        else reject(error);
      };
      const run = { startMore, stop: () => finish(signal?.reason) };
      if (signal?.aborted === true) {
        run.stop();
        return;
      }
      this.#runs.add(run);
      onStart(startMore);
      startMore();
    });
  }

  async #attempt(call: () => Promise<void>): Promise<'done' | 'refused' | { readonly error: unknown }> {
    try {
      await call();
      this.#succeeded();
      return 'done';
    } catch (error) {
      if (!this.#options.isRefusal(error)) return { error };
      this.#wasRefused();
      const silence = this.#options.clock.now() - this.#lastSuccess;
      if (this.#refusalsInARow >= LEAST_REFUSALS && silence >= (this.#options.patienceMs ?? PATIENCE_MS))
        return { error };
      return 'refused';
    }
  }

  #succeeded(): void {
    this.#lastSuccess = this.#options.clock.now();
    this.#refusalsInARow = 0;
    this.#calm++;
    if (this.#rate !== undefined) {
      this.#rate += RATE_STEP;
      if (this.#rate > FREE_RATE) this.#rate = undefined;
    }
    if (this.#calm % CALM === 0) this.#workers = Math.min(this.#mostWorkers, this.#workers + 1);
  }

  /** Several calls that ran at the same time can be refused together; together they reduce the pace once. */
  #wasRefused(): void {
    const now = this.#options.clock.now();
    this.#refusalsInARow++;
    this.#calm = 0;
    const gap = this.#rate === undefined ? 250 : 1000 / this.#rate;
    if (now - this.#lastReduction < gap) return;
    this.#lastReduction = now;
    this.#workers = Math.max(1, Math.floor(this.#workers / 2));
    this.#rate = this.#rate === undefined ? FIRST_RATE : Math.max(LEAST_RATE, this.#rate * RATE_FACTOR);
    this.#nextStart = Math.max(this.#nextStart, now + 1000 / this.#rate);
  }
}
