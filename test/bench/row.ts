import { median } from './statistics.ts';

/** The bar of a row (docs/benchmarks.md), in the unit of what it bounds. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** One measured quantity: all runs, so that the reader can judge the spread. */
export interface Measurement {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly bar?: Bar;
}

/** Something worth saying that is no number: lists of calls, what could not be measured and why. */
export interface Remark {
  readonly remark: string;
}

export interface BenchOptions {
  /** Runs per measurement, at least 5 for figures that are published. */
  readonly runs: number;
  /** Rows that need a registry run too. */
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

/** Calls `work` for each run in turn and collects the answers. */
export async function repeat<T>(runs: number, work: (run: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let run = 0; run < runs; run++) results.push(await work(run));
  return results;
}

/** Rejects with `otherwise` when the work takes longer; what the work does later is nobody's business then. */
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
