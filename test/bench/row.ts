import { median } from './statistics.ts';

/** One measured quantity: all runs, so that the reader can judge the spread. */
export interface Measurement {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** From design §4, in the same unit. */
  readonly bar?: { readonly atLeast: number } | { readonly atMost: number };
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

export const elapsedMs = (since: number): number => performance.now() - since;
