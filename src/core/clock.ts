/** Time and timers as a dependency, so that tests never have to wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * The same with fractions of a millisecond, for measurements; absent in clocks whose time is set and not measured.
   */
  precise?(): number;
  /** Calls `fn` once after `ms`; the returned function cancels. */
  timer(ms: number, fn: () => void): () => void;
}

/** `now` with fractions if the clock has them. */
export const preciseNow = (clock: Clock): number => clock.precise?.() ?? clock.now();

/** With a larger difference between the platform's two clocks, the machine slept or its time was set. */
const MAX_DRIFT_MS = 5;

function followTimeOfDay(): () => number {
  let origin = performance.timeOrigin;
  return () => {
    const wall = Date.now();
    const fine = origin + performance.now();
    if (Math.abs(fine - wall) <= MAX_DRIFT_MS) return fine;
    origin += wall - fine;
    return wall;
  };
}

/** The clock of the machine; a person or NTP may set it while the tool runs. */
export const systemClock: Clock = {
  now: () => Date.now(),
  precise: followTimeOfDay(),
  timer(ms, fn) {
    const handle = setTimeout(fn, ms);
    return () => clearTimeout(handle);
  },
};

/** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.timer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Rejects with `onTimeout()` if `work` has not settled after `ms`. The timer never outlives the work. */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(ms, () => reject(onTimeout()));
    work.then(resolve, reject).finally(cancel);
  });
}

/**
 * Resolves with `tooLate` if `work` has not settled after `ms`; rejects as `work` does. The timer never outlives the
 * work.
 */
export function inTime<T>(clock: Clock, ms: number, work: Promise<T>, tooLate: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(ms, () => resolve(tooLate));
    work.then(resolve, reject).finally(cancel);
  });
}
