import { onPath } from '../support/on-path.ts';
import { ForwardProcess } from './forward-process.ts';
import { type Bar, type Measurement, type Remark, within } from './row.ts';
import type { SandboxProcess } from './sandbox-process.ts';
import { median } from './statistics.ts';

/** Measures our client and the official plugin with the same work, alternating between them. */

export interface Client {
  readonly name: 'fargate-connect' | 'official plugin';
  start(sandbox: SandboxProcess): Promise<ForwardProcess>;
}

const plugin = onPath('session-manager-plugin');
const ours: Client = { name: 'fargate-connect', start: (sandbox) => ForwardProcess.ours(sandbox) };
const official: Client | undefined =
  plugin === undefined
    ? undefined
    : { name: 'official plugin', start: (sandbox) => ForwardProcess.official(plugin, sandbox) };

/** The results of a client in all runs; a failed run gives its reason instead of a sample. */
export interface Trials<T> {
  readonly client: Client;
  readonly samples: readonly T[];
  readonly failures: readonly string[];
}

/**
 * Runs each client `runs` times, each time in a process of its own, with `deadlineMs` for the work. A failure of the
 * official client is a result; a failure of ours is thrown.
 */
export async function compare<T>(
  sandbox: SandboxProcess,
  runs: number,
  deadlineMs: number,
  work: (forward: ForwardProcess, client: Client) => Promise<T>,
): Promise<readonly Trials<T>[]> {
  const all = [ours, ...(official === undefined ? [] : [official])].map((client) => ({
    client,
    samples: [] as T[],
    failures: [] as string[],
  }));
  for (let run = 0; run < runs; run++)
    for (const { client, samples, failures } of all) {
      try {
        const forward = await client.start(sandbox);
        try {
          samples.push(await within(deadlineMs, 'not done', work(forward, client)));
        } finally {
          await forward.stop();
        }
      } catch (error) {
        if (client === ours) throw error;
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  return all;
}

export interface Quantity<T> {
  readonly what: string;
  readonly unit: string;
  readonly of: (sample: T) => number;
  /** The bar of our client; `official` is the median of the other client in this run, or undefined without one. */
  readonly bar?: (official: number | undefined) => Bar | undefined;
}

/** One measurement per client; the official client has one only if at least one of its runs succeeded. */
export function measured<T>(
  all: readonly Trials<T>[],
  { what, unit, of, bar }: Quantity<T>,
): readonly Measurement[] {
  const other = all.find(({ client, samples }) => client !== ours && samples.length > 0);
  const limit = bar?.(other === undefined ? undefined : median(other.samples.map(of)));
  return all
    .filter(({ samples }) => samples.length > 0)
    .map(({ client, samples }) => ({
      what: `${what}: ${client.name}`,
      unit,
      values: samples.map(of),
      ...(client === ours && limit !== undefined ? { bar: limit } : {}),
    }));
}

/** Describes the failed runs of the official client. */
export function failed(all: readonly Trials<unknown>[], what: string): readonly Remark[] {
  return all
    .filter(({ failures }) => failures.length > 0)
    .map(({ client, samples, failures }) => ({
      remark: `${what}: ${failures.length} of ${failures.length + samples.length} runs of the ${client.name} failed: ${[...new Set(failures)].join('; ')}.`,
    }));
}

/** A note that every comparing row prints. */
export const OFFICIAL: Remark = {
  remark:
    plugin === undefined
      ? 'official plugin: not on PATH.'
      : `official plugin: ${plugin}, alone, as the AWS CLI starts it.`,
};
