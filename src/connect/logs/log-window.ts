import type { LogEvent } from '../ports.ts';

/**
 * CloudWatch Logs can show an event this long after the time that the event carries. Five seconds more than the minute
 * that is promised: clocks of containers and of this machine differ.
 */
export const LATENESS_MS = 65_000;
/** A quick read begins this long before the previous one began. */
const OVERLAP_MS = 5_000;
/** At the latest so often the whole time in which late events can appear is read again. */
const SWEEP_EVERY_MS = 15_000;

export interface ReadPlan {
  readonly streams: readonly string[];
  /** Milliseconds since the epoch. */
  readonly from: number;
}

/** So many ids are kept before a long read is looked over for those that no later read can meet. */
const MANY_IDS = 20_000;

interface Read {
  readonly startedAt: number;
  readonly streams: readonly string[];
  readonly isSweep: boolean;
  /** Nothing earlier is new: the same read was begun before and came as far as this. */
  readonly from: number;
  /** The latest time of an event so far. */
  front: number;
}

/**
 * Which past each read of a followed log group covers, and which of its events are new. Pure: the time is an argument.
 *
 * A sweep reads everything that can have appeared since the sweep before it: that one began at S, so an event that it
 * did not see appeared after S, and its time is later than S − LATENESS_MS. A log with few lines is swept each time,
 * which is one call; a busy one, where a sweep is several pages, is read quickly in between, from a few seconds back.
 * What is read twice is known by its event id, which is kept as long as a sweep can meet it.
 */
export class LogWindow {
  /** By stream, the earliest time that an event can have and still be new. */
  readonly #earliest = new Map<string, number>();
  /** Times of the events that were handed out, by id. */
  readonly #seen = new Map<string, number>();
  /** Streams that no sweep has read so far. */
  readonly #unread = new Set<string>();
  /** With so many ids they are looked over. */
  #forgetAt = MANY_IDS;
  #lastRead: number | undefined;
  #lastSweep: number | undefined;
  #lastSweepPages = 0;
  #current: Read | undefined;

  get streams(): readonly string[] {
    return [...this.#earliest.keys()];
  }

  /** Ids that are kept; for tests of memory. */
  get remembered(): number {
    return this.#seen.size;
  }

  /** Events of the stream count from `from` on; a stream that is followed already is left as it is. */
  add(stream: string, from: number): void {
    if (this.#earliest.has(stream)) return;
    this.#earliest.set(stream, from);
    this.#unread.add(stream);
  }

  remove(stream: string): void {
    this.#earliest.delete(stream);
    this.#unread.delete(stream);
  }

  /** The earliest time that an event of the stream can have and still be new. */
  earliest(stream: string): number | undefined {
    return this.#earliest.get(stream);
  }

  /** Begins a read, or begins an unfinished one again with the streams of now; undefined where there is no stream. */
  begin(now: number): ReadPlan | undefined {
    const { streams } = this;
    if (streams.length === 0) return undefined;
    const earliest = Math.min(...this.#earliest.values());
    const again = this.#current;
    const isSweep =
      again?.isSweep === true ||
      this.#unread.size > 0 ||
      this.#lastSweep === undefined ||
      this.#lastSweepPages <= 1 ||
      now - this.#lastSweep >= SWEEP_EVERY_MS;
    const from = Math.max(
      earliest,
      isSweep ? earliest : (this.#lastRead ?? now) - OVERLAP_MS,
      again === undefined ? earliest : passed(again),
    );
    this.#current = {
      startedAt: again?.startedAt ?? now,
      streams,
      isSweep,
      from,
      front: again?.front ?? from,
    };
    return { streams, from };
  }

  /** The new ones among the events of a page, by time; events of one time stay in the order of the page. */
  accept(events: readonly LogEvent[]): readonly LogEvent[] {
    const current = this.#current;
    if (current === undefined) return [];
    const fresh: LogEvent[] = [];
    for (const event of events) {
      const earliest = this.#earliest.get(event.stream);
      const isOld = earliest === undefined || event.timestamp < Math.max(earliest, current.from);
      if (isOld || this.#seen.has(event.id)) continue;
      this.#seen.set(event.id, event.timestamp);
      current.front = Math.max(current.front, event.timestamp);
      fresh.push(event);
    }
    if (this.#seen.size > this.#forgetAt)
      this.#forget(current.isSweep ? passed(current) : Math.min(...this.#earliest.values()));
    return fresh.sort((a, b) => a.timestamp - b.timestamp);
  }

  /** The read has come to its last page. */
  finish(pages: number): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    this.#lastRead = current.startedAt;
    if (!current.isSweep) return;
    this.#lastSweep = current.startedAt;
    this.#lastSweepPages = pages;
    for (const stream of current.streams) {
      const earliest = this.#earliest.get(stream);
      if (earliest === undefined) continue;
      this.#earliest.set(stream, Math.max(earliest, current.startedAt - LATENESS_MS));
      this.#unread.delete(stream);
    }
    this.#forget(Math.min(...this.#earliest.values()));
  }

  #forget(before: number): void {
    for (const [id, timestamp] of this.#seen) if (timestamp < before) this.#seen.delete(id);
    this.#forgetAt = Math.max(MANY_IDS, 2 * this.#seen.size);
  }
}

/** Up to this time the read has handed everything out: its pages are in the order of time, with a minute to spare. */
const passed = ({ front, startedAt }: Read): number => Math.min(front, startedAt) - LATENESS_MS;
