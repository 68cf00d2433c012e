import { describe, expect, it } from 'vitest';
import { PacedCalls } from '../../src/core/paced-calls.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Refusal extends Error {}

/** An API with a token bucket; each call takes 60 ms. */
class Api {
  readonly clock = new FakeClock(0);
  readonly calls = new PacedCalls({ clock: this.clock, isRefusal: (error) => error instanceof Refusal });
  answered = 0;
  refused = 0;
  most = 0;
  #running = 0;
  #tokens: number;
  #at = 0;
  readonly #perSecond: number;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * 5;
  }

  readonly call = async (): Promise<void> => {
    this.most = Math.max(this.most, ++this.#running);
    await new Promise<void>((resolve) => this.clock.timer(60, resolve));
    this.#running--;
    const now = this.clock.now();
    this.#tokens = Math.min(this.#perSecond * 5, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < 1) {
      this.refused++;
      throw new Refusal('too many');
    }
    this.#tokens--;
    this.answered++;
  };

  /** Runs that number of calls to their end, and returns the seconds that they took. */
  async run(count: number): Promise<number> {
    let left = count;
    await this.clock.run(this.calls.run(() => (left-- > 0 ? this.call : undefined)));
    return this.clock.now() / 1000;
  }
}

describe('many calls', () => {
  it('run eight at a time while none is refused', async () => {
    const api = new Api(1_000);
    expect(await api.run(80)).toBeCloseTo(0.6, 2);
    expect(api).toMatchObject({ answered: 80, refused: 0, most: 8 });
  });

  it.each([2, 5, 20])('at %i calls a second take little more than the rate alone', async (perSecond) => {
    const api = new Api(perSecond);
    const count = perSecond * 40;
    const seconds = await api.run(count);
    expect(api.answered).toBe(count);
    expect(seconds).toBeLessThan(((count - perSecond * 5) / perSecond) * 1.35);
    expect(api.refused / count).toBeLessThan(0.3);
  });

  it('use more workers again after the refusals have ended', async () => {
    const api = new Api(20);
    await api.run(200);
    expect(api.calls.pace.workers).toBeGreaterThan(1);
    expect(api.calls.pace.perSecond).toBeGreaterThan(5);
  });

  it('end with the refusal when every call is refused for half a minute', async () => {
    const api = new Api(0.001);
    await expect(api.run(10)).rejects.toBeInstanceOf(Refusal);
    expect(api.clock.now()).toBeGreaterThanOrEqual(30_000);
    expect(api.clock.now()).toBeLessThan(60_000);
  });

  it('end with the first other error, and with the reason of the signal', async () => {
    const clock = new FakeClock(0);
    const calls = new PacedCalls({ clock, isRefusal: () => false });
    let left = 3;
    await expect(
      calls.run(() => (left-- > 0 ? () => Promise.reject(new Error('broken')) : undefined)),
    ).rejects.toThrow('broken');

    const stop = new AbortController();
    const stopped = new PacedCalls({ clock, isRefusal: () => false, signal: stop.signal });
    const run = stopped.run(() => () => new Promise(() => undefined));
    stop.abort(new Error('stopped'));
    await expect(run).rejects.toThrow('stopped');
  });

  it('ask for the most urgent call only when it can start', async () => {
    const clock = new FakeClock(0);
    const calls = new PacedCalls({ clock, isRefusal: () => false, mostWorkers: 1 });
    const done: string[] = [];
    const waiting = ['a', 'b', 'c'];
    await clock.run(
      calls.run(() => {
        const name = waiting.shift();
        if (name === undefined) return undefined;
        return async () => {
          done.push(name);
          if (name === 'a') waiting.unshift('urgent');
        };
      }),
    );
    expect(done).toEqual(['a', 'urgent', 'b', 'c']);
  });
});
