import type { Seed } from '../seed-shapes.ts';

/** What CloudWatch Logs and S3 hold of session logs, in memory; who may write is asked by the writer. */
export class LogStore {
  readonly #groups: ReadonlyMap<string, { readonly isEncrypted: boolean; streams: Map<string, string> }>;
  readonly #buckets: ReadonlyMap<string, { readonly isEncrypted: boolean; objects: Map<string, string> }>;

  constructor(seed: Pick<Seed, 'logGroups' | 'buckets'>) {
    this.#groups = new Map(
      (seed.logGroups ?? []).map((group) => [
        group.name,
        { isEncrypted: group.kmsKeyId !== undefined, streams: new Map() },
      ]),
    );
    this.#buckets = new Map(
      (seed.buckets ?? []).map(({ name, isEncrypted }) => [name, { isEncrypted, objects: new Map() }]),
    );
  }

  /** Undefined if there is no such group. */
  isGroupEncrypted(name: string): boolean | undefined {
    return this.#groups.get(name)?.isEncrypted;
  }

  /** Undefined if there is no such bucket. */
  isBucketEncrypted(name: string): boolean | undefined {
    return this.#buckets.get(name)?.isEncrypted;
  }

  /** Streams by name, their events one under the other; empty for an unknown group. */
  streams(group: string): ReadonlyMap<string, string> {
    return this.#groups.get(group)?.streams ?? new Map();
  }

  objects(bucket: string): ReadonlyMap<string, string> {
    return this.#buckets.get(bucket)?.objects ?? new Map();
  }

  createStream(group: string, stream: string): void {
    const streams = this.#groups.get(group)?.streams;
    if (streams?.has(stream) === false) streams.set(stream, '');
  }

  /** Into a stream that exists. */
  putEvents(group: string, stream: string, text: string): void {
    const streams = this.#groups.get(group)?.streams;
    const before = streams?.get(stream);
    if (before !== undefined) streams?.set(stream, before + text);
  }

  putObject(bucket: string, key: string, text: string): void {
    this.#buckets.get(bucket)?.objects.set(key, text);
  }
}
