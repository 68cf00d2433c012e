import type { LogEvent } from '../ports.ts';

/**
 * CloudWatch Logs can show an event this long after the time that the event carries. This is five seconds more than the
 * minute that AWS promises, because the clocks of containers and of this machine differ.
 */
export const LATENESS_MS = 65_000;
/** A quick read covers the time from this long before the previous read began. */
const OVERLAP_MS = 5_000;
/** All of the time in which late events can appear is read again at least this often. */
const SWEEP_EVERY_MS = 15_000;

export interface ReadPlan {
  readonly streams: readonly string[];
  /** Milliseconds since the epoch. */
  readonly from: number;
}

/** When this many ids are kept, those that no later read can meet are removed. */
const MANY_IDS = 20_000;

interface Read {
  readonly startedAt: number;
  readonly streams: readonly string[];
  readonly isSweep: boolean;
  /** Start of the read. An unfinished read that is begun again starts at the time up to which it was complete. */
  readonly from: number;
  /** The latest time of an event that the read returned so far. */
  front: number;
}

/**
 * Which period each read of a followed log group covers, and which of its events are new. Pure: the time is an
 * argument.
 *
 * A sweep reads everything that can have appeared since the sweep before it: that one began at S, so an event that it
 * did not see appeared after S, and its time is later than S − LATENESS_MS. A log with few lines is swept each time,
 * which is one call. A busy log, where a sweep takes several pages, gets quick reads in between, which start a few
 * seconds back. An event that is read twice is recognized by its id, which is kept as long as a sweep can meet it.
 */
export class LogWindow {
  /** Per stream, the earliest time that an event can have and still be new. */
  readonly #earliest = new Map<string, number>();
  /** Times of the events that were returned, by event id. */
  readonly #seen = new Map<string, number>();
  /** Streams that no sweep has read so far. */
  readonly #unread = new Set<string>();
  /** When this many ids are kept, those that are no longer needed are removed. */
  #forgetAt = MANY_IDS;
  #lastRead: number | undefined;
  #lastSweep: number | undefined;
  #lastSweepPages = 0;
  #current: Read | undefined;

  get streams(): readonly string[] {
    return [...this.#earliest.keys()];
  }

  /** The number of ids that are kept; for tests of memory. */
  get remembered(): number {
    return this.#seen.size;
  }

  /** Follows the stream: its events count from `from` on. A stream that is followed already keeps its start. */
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

  /** Begins a read, or restarts an unfinished one with the present streams; undefined when there is no stream. */
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

  /** The new events among those of a page, ordered by time; events with the same time keep the order of the page. */
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

  /** To be called when the read has reached its last page. */
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

/**
 * The time up to which the read has returned every event: its pages are ordered by time, and late events are allowed
 * for.
 */
const passed = ({ front, startedAt }: Read): number => Math.min(front, startedAt) - LATENESS_MS;
