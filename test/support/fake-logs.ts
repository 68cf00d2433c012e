import type { LogEvent, LogEventsRequest, LogsPort } from '../../src/connect/ports.ts';
import { noMatch } from '../../src/core/errors.ts';
import type { FakeClock } from './fake-clock.ts';

/**
 * CloudWatch Logs of one region in memory: pages, positions in time as tokens, events that become visible late, faults.
 */
export class FakeLogs implements LogsPort {
  readonly region: string;
  readonly calls: LogEventsRequest[] = [];
  /** The time of each call. */
  readonly callTimes: number[] = [];
  /** The stream names that were looked up. */
  readonly lookups: string[] = [];
  pageSize = 10_000;
  /** Errors that the next calls of `events` throw, in order. */
  faults: Error[] = [];
  readonly #clock: FakeClock;
  readonly #groups = new Map<string, Map<string, (LogEvent & { readonly visibleAt: number })[]>>();
  #next = 0;

  constructor(clock: FakeClock, region = 'eu-west-1') {
    this.#clock = clock;
    this.region = region;
  }

  /** Creates group and stream if they do not exist. Readers see the event `lateMs` after its time. */
  put(group: string, stream: string, message: string, timestamp = this.#clock.now(), lateMs = 0): void {
    const streams = this.#groups.get(group) ?? new Map<string, (LogEvent & { visibleAt: number })[]>();
    this.#groups.set(group, streams);
    const events = streams.get(stream) ?? [];
    streams.set(stream, events);
    const id = String(++this.#next);
    events.push({ id, stream, timestamp, ingestedAt: timestamp, message, visibleAt: timestamp + lateMs });
  }

  events(request: LogEventsRequest) {
    this.calls.push(request);
    this.callTimes.push(this.#clock.now());
    const fault = this.faults.shift();
    if (fault !== undefined) return Promise.reject(fault);
    const { group, streams, from, to = Number.POSITIVE_INFINITY, pageToken } = request;
    const all = this.#groups.get(group);
    if (streams.length === 0 || streams.length > 100) return Promise.reject(new Error('1 to 100 streams'));
    if (streams.some((stream) => all?.has(stream) !== true))
      return Promise.reject(
        noMatch('log-stream-not-found', 'no stream', { details: { group, region: this.region } }),
      );
    const [afterTime = -1, afterId = 0] = (pageToken ?? '').split('/').filter(Boolean).map(Number);
    const found = streams
      .flatMap((stream) => all?.get(stream) ?? [])
      .filter(
        ({ visibleAt, timestamp }) => visibleAt <= this.#clock.now() && timestamp >= from && timestamp < to,
      )
      .filter(
        ({ timestamp, id }) => timestamp > afterTime || (timestamp === afterTime && Number(id) > afterId),
      )
      .sort((a, b) => a.timestamp - b.timestamp || Number(a.id) - Number(b.id));
    const events = found.slice(0, this.pageSize);
    const last = events.at(-1);
    return Promise.resolve({
      events,
      nextToken:
        found.length > events.length && last !== undefined ? `${last.timestamp}/${last.id}` : undefined,
    });
  }

  stream(group: string, name: string) {
    this.lookups.push(name);
    const streams = this.#groups.get(group);
    if (streams === undefined)
      return Promise.reject(
        noMatch('log-group-not-found', `no group ${group}`, { details: { group, region: this.region } }),
      );
    const events = streams.get(name);
    return Promise.resolve(events === undefined ? undefined : { lastEventAt: events.at(-1)?.timestamp });
  }
}
