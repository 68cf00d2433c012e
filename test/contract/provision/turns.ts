import type { AwsAccount } from '../../../src/aws/account.ts';

/** Two runs take turns at the account, one API call at a time, in an order that a seed decides. */
export class Turns {
  readonly #random: () => number;
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  #busy = false;
  /** The run whose turn it is, and for how many calls yet: long bursts find other faults than strict alternation. */
  #turn: { run: string; left: number } = { run: '', left: 0 };

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The account as `run` sees it: each call that reads or writes EC2 and IAM waits for its turn. */
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
      // The run that has just got an answer asks its next question in a moment.
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
      this.#turn = { run, left: 1 + Math.floor(this.#random() ** 3 * 24) };
    }
    this.#turn.left--;
    return this.#waiting.get(this.#turn.run)?.shift();
  }
}
