import type { Clock } from '../../src/core/clock.ts';

/**
 * A clock that moves only when a test advances it. `advance` fires due timers in order and lets promise callbacks run
 * between them.
 */
export class FakeClock implements Clock {
  #now: number;
  #timers: { readonly at: number; readonly order: number; readonly fn: () => void }[] = [];
  #order = 0;

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  timer(ms: number, fn: () => void): () => void {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.push(entry);
    return () => {
      this.#timers = this.#timers.filter((other) => other.order !== entry.order);
    };
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer.order !== due.order);
      this.#now = due.at;
      due.fn();
      await settle();
    }
    this.#now = end;
  }

  /** Simulates a suspended laptop: time passes, but no timer fires. */
  sleep(ms: number): void {
    this.#now += ms;
    // Timers of the platform count only the time awake.
    this.#timers = this.#timers.map((timer) => ({ ...timer, at: timer.at + ms }));
  }

  /** Advances from timer to timer until `done` has settled; for work that waits many times. */
  async run<T>(done: Promise<T>): Promise<T> {
    let settled = false;
    const watched = done.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    for (let i = 0; i < 100_000 && !settled; i++) {
      await settle();
      const next = Math.min(...this.#timers.map((timer) => timer.at));
      if (settled || !Number.isFinite(next)) continue;
      await this.advance(next - this.#now);
    }
    return watched;
  }
}

/** Enough turns of the microtask and immediate queues for chains of awaits to make progress. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
