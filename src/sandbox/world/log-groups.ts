/** Log groups, streams and events of one region, in memory. */

export interface LogEvent {
  /** Milliseconds since the epoch, as the writer said. */
  readonly timestamp: number;
  readonly message: string;
  /** When it was written. */
  readonly ingestedAt: number;
  /** Order of arrival in the whole region; parts events of one timestamp. */
  readonly sequence: number;
  /** Reads before this moment do not see it: CloudWatch Logs shows some events up to a minute late. */
  readonly visibleAt: number;
}

export interface LogStream {
  readonly name: string;
  readonly createdAt: number;
  /** By timestamp, then by arrival. */
  readonly events: LogEvent[];
}

export interface LogGroup {
  readonly name: string;
  readonly createdAt: number;
  readonly kmsKeyId: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly streams: Map<string, LogStream>;
}

/** A place between two events of a group or a stream: behind the event with this timestamp and sequence. */
export interface LogPosition {
  readonly timestamp: number;
  readonly sequence: number;
}

export const comparePositions = (a: LogPosition, b: LogPosition): number =>
  a.timestamp - b.timestamp || a.sequence - b.sequence;

/** Events of one stream that are kept; the oldest go first, so that a program that prints without end costs no memory. */
const MAX_EVENTS = 50_000;

export class LogGroups {
  readonly #groups = new Map<string, LogGroup>();
  readonly #now: () => number;
  #sequence = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** By name. */
  get all(): readonly LogGroup[] {
    return [...this.#groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  group(name: string): LogGroup | undefined {
    return this.#groups.get(name);
  }

  /** The group of that name, made if it does not exist. */
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

  /** The stream of that name, made if it does not exist. */
  createStream(group: LogGroup, name: string): LogStream {
    const known = group.streams.get(name);
    if (known !== undefined) return known;
    const stream: LogStream = { name, createdAt: this.#now(), events: [] };
    group.streams.set(name, stream);
    return stream;
  }

  /** Adds events at the places that their timestamps give them. Readers see them `delayMs` from now. */
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

  /** Adds an event of this moment. */
  append(stream: LogStream, message: string): void {
    this.put(stream, [{ timestamp: this.#now(), message }]);
  }

  /** What a reader sees now. */
  visible(stream: LogStream): readonly LogEvent[] {
    const now = this.#now();
    return stream.events.filter((event) => event.visibleAt <= now);
  }
}
