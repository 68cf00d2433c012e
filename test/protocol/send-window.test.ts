import { expect, test } from 'vitest';
import { SendWindow } from '../../src/protocol/send-window.ts';

const KIB = 1024;

/** A sender that uses the whole window on a path of `path` ms, with an agent that needs `perKib` ms for each KiB. */
class Path {
  readonly window: SendWindow;
  now = 0;
  #busyUntil = 0;
  #inFlight = 0;
  readonly #acknowledgements: { readonly at: number; readonly sentAt: number }[] = [];
  mostQueued = 0;

  constructor(window: SendWindow) {
    this.window = window;
  }

  run(ms: number, path: number, perKib: number): number {
    const end = this.now + ms;
    let bytes = 0;
    for (;;) {
      while (this.#inFlight + KIB <= this.window.size || this.#inFlight === 0) {
        const begins = Math.max(this.now + path / 2, this.#busyUntil);
        this.mostQueued = Math.max(this.mostQueued, (begins - this.now - path / 2) / perKib);
        this.#busyUntil = begins + perKib;
        this.#acknowledgements.push({ at: this.#busyUntil + path / 2, sentAt: this.now });
        this.#inFlight += KIB;
      }
      const next = this.#acknowledgements[0];
      if (next === undefined || next.at > end) break;
      this.#acknowledgements.shift();
      this.now = next.at;
      this.#inFlight -= KIB;
      bytes += KIB;
      const { sentAt } = next;
      this.window.acknowledged({ bytes: KIB, sentAt, now: this.now, inFlight: this.#inFlight });
    }
    this.now = end;
    return bytes;
  }
}

test('starts small, and never above half of the hard limit', () => {
  expect(new SendWindow(4096 * KIB, 4 * KIB).size).toBe(32 * KIB);
  expect(new SendWindow(20 * KIB, 4 * KIB).size).toBe(10 * KIB);
  expect(new SendWindow(4096 * KIB, 128 * KIB).size).toBe(128 * KIB);
});

test('doubles in each round trip that used it fully, while the queue is empty', () => {
  const window = new SendWindow(4096 * KIB, 4 * KIB);
  const round = (now: number): void => {
    for (let left = window.size; left > 0; left -= KIB)
      window.acknowledged({ bytes: KIB, sentAt: now, now: now + 10, inFlight: left - KIB });
  };
  round(0);
  expect(window.size).toBeGreaterThan(40 * KIB);
  for (let now = 10; now < 300; now += 10) round(now);
  expect(window.size).toBe(2048 * KIB);
});

test.each([
  ['loopback', 0.3],
  ['the next zone', 2],
  ['the next country', 20],
  ['another continent', 150],
])("%s (%f ms): at least four fifths of the agent's rate, with a short queue at the agent", (_name, path) => {
  const link = new Path(new SendWindow(4096 * KIB, 4 * KIB));
  const perKib = 0.1;
  link.run(5_000, path, perKib);
  link.mostQueued = 0;
  const rate = link.run(20_000, path, perKib) / 20_000;
  expect(rate).toBeGreaterThan((0.8 * KIB) / perKib);
  // An eighth of the bytes on the path may be queued, and a quarter for a moment after each probe of the path.
  expect(link.mostQueued).toBeLessThan(16 + (0.4 * path) / perKib);
});

test('shrinks within a few round trips for an agent that becomes ten times slower', () => {
  const link = new Path(new SendWindow(4096 * KIB, 4 * KIB));
  link.run(2_000, 10, 0.05);
  expect(link.window.size).toBeGreaterThan(150 * KIB);
  link.run(500, 10, 0.5);
  expect(link.window.size).toBeLessThan(60 * KIB);
});

test('detects a path that became permanently longer', () => {
  const link = new Path(new SendWindow(4096 * KIB, 4 * KIB));
  link.run(5_000, 1, 0.05);
  link.run(30_000, 100, 0.05);
  expect(link.run(10_000, 100, 0.05) / 10_000).toBeGreaterThan((0.7 * KIB) / 0.05);
});

test('is halved by timeouts, down to four messages', () => {
  const window = new SendWindow(4096 * KIB, 4 * KIB);
  window.timedOut();
  expect(window.size).toBe(16 * KIB);
  for (let i = 0; i < 10; i++) window.timedOut();
  expect(window.size).toBe(4 * KIB);
});
