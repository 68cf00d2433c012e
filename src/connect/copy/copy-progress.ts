import type { Clock } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import type { Report } from '../../core/events.ts';

const REPORT_EVERY_MS = 250;
/** The rate is that of the last seconds, so that it follows a connection that becomes slower. */
const WINDOW_MS = 5_000;

/** Reports one step of a copy: how much has been copied, how fast, and how long the rest takes at this rate. */
export class CopyProgress {
  readonly #report: Report;
  readonly #clock: Clock;
  readonly #step: string;
  readonly #title: string;
  readonly #total: number | undefined;
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #reportedAt: number;

  /** `total` is undefined where the length of the source is not known. */
  constructor(
    { report, clock }: { readonly report: Report; readonly clock: Clock },
    step: string,
    title: string,
    total: number | undefined,
  ) {
    this.#report = report;
    this.#clock = clock;
    this.#step = step;
    this.#title = title;
    this.#total = total;
    this.#reportedAt = clock.now();
    report({ type: 'step-started', step, title });
  }

  /** How much has been copied so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Continues from another amount: an earlier run has copied more, or a part is copied again. */
  reset(bytes: number): void {
    this.#bytes = bytes;
    this.#samples.length = 0;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const at = this.#clock.now();
    if (at - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = at;
    this.#samples.push({ at, bytes: this.#bytes });
    while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > WINDOW_MS) this.#samples.shift();
    this.#report({ type: 'step-progress', step: this.#step, detail: this.#detail() });
  }

  done(detail: string): void {
    this.#report({ type: 'step-done', step: this.#step, title: this.#title, detail });
  }

  #detail(): string {
    const total = this.#total;
    const amount =
      total === undefined || total === 0
        ? describeBytes(this.#bytes)
        : `${describeBytes(this.#bytes)} of ${describeBytes(total)}, ${Math.floor((100 * this.#bytes) / total)} %`;
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at === first.at) return amount;
    const perMs = (last.bytes - first.bytes) / (last.at - first.at);
    const rate = `${amount}, ${describeBytes(perMs * 1000)}/s`;
    if (total === undefined || perMs <= 0) return rate;
    return `${rate}, ${describeDuration((total - this.#bytes) / perMs)} left`;
  }
}

/** `512 B`, `3.4 kB`, `12.0 MB`; powers of a thousand. */
export function describeBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let at = 0;
  while (value >= 999.95 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${value.toFixed(1)} ${units[at] ?? ''}`;
}
