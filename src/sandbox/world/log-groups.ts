/** Log groups, streams and events of one region, in memory. */

export interface LogEvent {
  /** Milliseconds since the epoch, as given by the writer. */
  readonly timestamp: number;
  readonly message: string;
  /** The time at which the event was written. */
  readonly ingestedAt: number;
  /** Order of arrival in the whole region; it orders events with equal timestamps. */
  readonly sequence: number;
  /** Reads before this time do not return the event: CloudWatch Logs shows some events up to a minute late. */
  readonly visibleAt: number;
}

export interface LogStream {
  readonly name: string;
  readonly createdAt: number;
  /** Sorted by timestamp, then by arrival. */
  readonly events: LogEvent[];
}

export interface LogGroup {
  readonly name: string;
  readonly createdAt: number;
  readonly kmsKeyId: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly streams: Map<string, LogStream>;
}

/** A position between two events of a group or a stream: after the event with this timestamp and sequence. */
export interface LogPosition {
  readonly timestamp: number;
  readonly sequence: number;
}

export const comparePositions = (a: LogPosition, b: LogPosition): number =>
  a.timestamp - b.timestamp || a.sequence - b.sequence;

/**
 * Number of events that are kept for one stream. The oldest are removed first, so that a program that prints without
 * end does not fill the memory.
 */
const MAX_EVENTS = 50_000;

export class LogGroups {
  readonly #groups = new Map<string, LogGroup>();
  readonly #now: () => number;
  #sequence = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** All groups, sorted by name. */
  get all(): readonly LogGroup[] {
    return [...this.#groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  group(name: string): LogGroup | undefined {
    return this.#groups.get(name);
  }

  /** Returns the group with that name; creates it if it does not exist. */
  createGroup(
    name: string,
    options: { readonly kmsKeyId?: string | undefined; readonly tags?: ReadonlyMap<string, string> } = {},
  ): LogGroup {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group: LogGroup = {
      name,
      createdAt: this.#now(),
      kmsKeyId: options.kmsKeyId,
      tags: options.tags ?? new Map<string, string>(),
      streams: new Map(),
    };
    this.#groups.set(name, group);
    return group;
  }

  deleteGroup(name: string): void {
    this.#groups.delete(name);
  }

  /** Returns the stream with that name; creates it if it does not exist. */
  createStream(group: LogGroup, name: string): LogStream {
    const known = group.streams.get(name);
    if (known !== undefined) return known;
    const stream: LogStream = { name, createdAt: this.#now(), events: [] };
    group.streams.set(name, stream);
    return stream;
  }

  /** Inserts events in the order of their timestamps. Readers see them after `delayMs`. */
  put(
    stream: LogStream,
    events: readonly { readonly timestamp: number; readonly message: string }[],
    delayMs = 0,
  ): void {
    const now = this.#now();
    for (const { timestamp, message } of events) {
      const event: LogEvent = {
        timestamp,
        message,
        ingestedAt: now,
        sequence: ++this.#sequence,
        visibleAt: now + delayMs,
      };
      let place = stream.events.length;
      while (place > 0 && comparePositions(stream.events[place - 1] ?? event, event) > 0) place--;
      stream.events.splice(place, 0, event);
    }
    if (stream.events.length > MAX_EVENTS) stream.events.splice(0, stream.events.length - MAX_EVENTS);
  }

  /** Adds an event with the current time. */
  append(stream: LogStream, message: string): void {
    this.put(stream, [{ timestamp: this.#now(), message }]);
  }

  /** The events that a reader sees now. */
  visible(stream: LogStream): readonly LogEvent[] {
    const now = this.#now();
    return stream.events.filter((event) => event.visibleAt <= now);
  }
}
