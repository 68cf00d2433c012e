import type { Clock } from '../../core/clock.ts';
import type { CutRule } from './faults.ts';

/**
 * Decides when one kind of cut is due in one session: after a number of relayed bytes or a time, once or repeatedly.
 */
export class CutSchedule {
  readonly #clock: Clock;
  readonly #cut: () => void;
  #rule: CutRule | undefined;
  #bytes = 0;
  #done = false;
  #started = false;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, cut: () => void) {
    this.#clock = clock;
    this.#cut = cut;
  }

  /** Adopts a rule; a rule that is already in force keeps its count. */
  follow(rule: CutRule | undefined): void {
    if (rule === this.#rule) return;
    this.stop();
    this.#rule = rule;
    this.#bytes = 0;
    this.#done = false;
    if (this.#started) this.#arm();
  }

  /** Called when the session's first data channel opens: times count from this call. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#arm();
  }

  relayed(bytes: number): void {
    const rule = this.#rule;
    if (rule === undefined || rule.unit !== 'bytes' || this.#done) return;
    this.#bytes += bytes;
    if (this.#bytes < rule.amount) return;
    this.#bytes = 0;
    this.#done = !rule.repeat;
    this.#cut();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    const rule = this.#rule;
    if (rule === undefined || rule.unit !== 'ms' || this.#done) return;
    this.#cancel = this.#clock.timer(rule.amount, () => {
      this.#done = !rule.repeat;
      this.#cut();
      this.#arm();
    });
  }
}
