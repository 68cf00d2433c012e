import type { Seed } from '../seed-shapes.ts';
import type { LogGroup, LogGroups } from './log-groups.ts';

/**
 * Stores transcripts of sessions, as CloudWatch Logs and S3 would, in memory. The writer checks its permissions
 * itself.
 */
export class LogStore {
  readonly #groups: LogGroups;
  readonly #buckets: ReadonlyMap<string, { readonly isEncrypted: boolean; objects: Map<string, string> }>;

  constructor(seed: Pick<Seed, 'buckets'>, groups: LogGroups) {
    this.#groups = groups;
    this.#buckets = new Map(
      (seed.buckets ?? []).map(({ name, isEncrypted }) => [name, { isEncrypted, objects: new Map() }]),
    );
  }

  /** Undefined if there is no such group. */
  isGroupEncrypted(name: string): boolean | undefined {
    const group = this.#groups.group(name);
    return group === undefined ? undefined : group.kmsKeyId !== undefined;
  }

  /** Undefined if there is no such bucket. */
  isBucketEncrypted(name: string): boolean | undefined {
    return this.#buckets.get(name)?.isEncrypted;
  }

  /** Text of each stream by its name, with its events in order; empty for an unknown group. */
  streams(group: string): ReadonlyMap<string, string> {
    const streams = this.#groups.group(group)?.streams.values() ?? [];
    return new Map(
      [...streams].map(({ name, events }) => [name, events.map((event) => event.message).join('')]),
    );
  }

  objects(bucket: string): ReadonlyMap<string, string> {
    return this.#buckets.get(bucket)?.objects ?? new Map();
  }

  createStream(group: string, stream: string): void {
    this.#within(group, (found) => this.#groups.createStream(found, stream));
  }

  /** Adds an event to a stream that exists. */
  putEvents(group: string, stream: string, text: string): void {
    this.#within(group, ({ streams }) => {
      const found = streams.get(stream);
      if (found !== undefined) this.#groups.append(found, text);
    });
  }

  putObject(bucket: string, key: string, text: string): void {
    this.#buckets.get(bucket)?.objects.set(key, text);
  }

  #within(name: string, work: (group: LogGroup) => void): void {
    const group = this.#groups.group(name);
    if (group !== undefined) work(group);
  }
}
