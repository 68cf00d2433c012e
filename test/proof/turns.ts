import type { AwsAccount } from '../../src/aws/account.ts';

/** How many calls one run makes before another run may get its turn. */
export type Pace = (random: () => number) => number;

/**
 * Each pace finds other faults: between any two calls, between short groups of calls, and between whole phases of a
 * run.
 */
export const PACES = {
  'call by call': () => 1,
  'short and long runs of calls': (random) => 1 + Math.floor(random() ** 3 * 24),
  'whole phases': (random) => 8 + Math.floor(random() * 40),
} as const satisfies Readonly<Record<string, Pace>>;

/** Two runs take turns in the account, one API call at a time, in an order that a seed decides. */
export class Turns {
  readonly #random: () => number;
  readonly #pace: Pace;
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  #busy = false;
  /** The run whose turn it is, and how many calls it has left. */
  #turn: { run: string; left: number } = { run: '', left: 0 };

  constructor(random: () => number, pace: Pace = PACES['short and long runs of calls']) {
    this.#random = random;
    this.#pace = pace;
  }

  /** The account as `run` uses it: each call that reads or writes EC2 and IAM waits for its turn. */
  account(run: string, account: AwsAccount): AwsAccount {
    const inTurn =
      <T extends object>(open: () => Promise<T>) =>
      async (): Promise<T> => {
        const port = await open();
        return new Proxy(port, {
          get: (target, key) => {
            const member: unknown = Reflect.get(target, key);
            if (typeof member !== 'function') return member;
            return (...args: readonly unknown[]) =>
              this.#take(run, () => Promise.resolve(Reflect.apply(member, target, args)));
          },
        });
      };
    return {
      ...account,
      ec2: inTurn(() => account.ec2()),
      iam: inTurn(() => account.iam()),
    };
  }

  #take(run: string, work: () => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(run) ?? [];
      queue.push(() => work().then(resolve, reject));
      this.#waiting.set(run, queue);
      void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      // A run that has just got an answer usually makes its next call within a moment.
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
      const next = this.#next();
      if (next === undefined) break;
      await next();
    }
    this.#busy = false;
  }

  #next(): (() => Promise<void>) | undefined {
    const ready = [...this.#waiting]
      .filter(([, queue]) => queue.length > 0)
      .map(([run]) => run)
      .sort();
    if (this.#turn.left <= 0 || !ready.includes(this.#turn.run)) {
      const run = ready[Math.floor(this.#random() * ready.length)];
      if (run === undefined) return undefined;
      this.#turn = { run, left: this.#pace(this.#random) };
    }
    this.#turn.left--;
    return this.#waiting.get(this.#turn.run)?.shift();
  }
}
