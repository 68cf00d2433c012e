import { median } from './statistics.ts';

/** The bar of a row (docs/benchmarks.md), in the unit of the measured quantity. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** One measured quantity with all its runs, so that the reader can judge the spread. */
export interface Measurement {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly bar?: Bar;
}

/** A note that is not a number: lists of calls, or what could not be measured and why. */
export interface Remark {
  readonly remark: string;
}

export interface BenchOptions {
  /** Runs per measurement; at least 5 for published figures. */
  readonly runs: number;
  /** Whether to run the rows that need a package registry too. */
  readonly slow: boolean;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  run(options: BenchOptions): Promise<readonly (Measurement | Remark)[]>;
}

/** Undefined without a bar. */
export function meetsBar({ bar, values }: Measurement): boolean | undefined {
  if (bar === undefined) return undefined;
  const value = median(values);
  return 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost;
}

/** Calls `work` once for each run, one after another, and collects the results. */
export async function repeat<T>(runs: number, work: (run: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let run = 0; run < runs; run++) results.push(await work(run));
  return results;
}

/** Rejects with `otherwise` when the work takes longer; later results and errors of the work are ignored. */
export async function within<T>(ms: number, otherwise: string, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${otherwise} within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const elapsedMs = (since: number): number => performance.now() - since;
