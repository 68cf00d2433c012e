import { type Clock, sleep } from './clock.ts';

/** How long to wait between attempts: a base that doubles up to a cap, with jitter. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** Returns random numbers, uniform in [0, 1). */
  readonly random: () => number;
}

/** Delay before repetition `attempt` (0 = the first), in ms: between half and all of min(cap, base·2^attempt). */
export function backoffDelay(attempt: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (options.random() * ceiling) / 2);
}

export interface RetryOptions extends BackoffOptions {
  readonly clock: Clock;
  /** Total time budget; after it the last error is thrown unchanged. */
  readonly deadlineMs: number;
  readonly shouldRetry: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, delayMs: number) => void;
  readonly signal?: AbortSignal;
}

/** Repeats `work` until it succeeds, fails with an error that is not worth a retry, or the deadline is reached. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const end = options.clock.now() + options.deadlineMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const delay = backoffDelay(attempt, options);
      if (!options.shouldRetry(error) || options.clock.now() + delay > end) throw error;
      options.onRetry?.(error, delay);
      await sleep(options.clock, delay, options.signal);
    }
  }
}

export interface PollOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /** Thrown when the deadline passes. */
  readonly onTimeout: () => Error;
  readonly signal?: AbortSignal;
}

/** Calls `probe` until it returns something other than undefined. */
export async function poll<T>(probe: () => Promise<T | undefined>, options: PollOptions): Promise<T> {
  const end = options.clock.now() + options.deadlineMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (options.clock.now() + options.intervalMs > end) throw options.onTimeout();
    await sleep(options.clock, options.intervalMs, options.signal);
  }
}
