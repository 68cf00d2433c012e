import { type Clock, sleep } from '../../core/clock.ts';
import { backoffDelay } from '../../core/backoff.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { LogEvent, LogEventsPage, LogEventsRequest, LogsPort } from '../ports.ts';
import type { CallPace } from './call-pace.ts';
import { LogWindow } from './log-window.ts';

/** FilterLogEvents accepts this many stream names (docs/reference/api-limits.md §5). */
const STREAMS_PER_CALL = 100;
/** Delay before the first repetition of a page that was throttled or not answered. */
const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 30_000;
/** Without `follow`, a page is retried for this long after the SDK's own retries. */
const RETRY_DEADLINE_MS = 60_000;
/** How often in a row a stream may be missing in one call, and in none of the calls that look for the missing one. */
const MOST_UNEXPLAINED = 3;

export interface LogGroupReaderDeps {
  readonly logs: LogsPort;
  /** The paces of FilterLogEvents and DescribeLogStreams in this region. */
  readonly pace: { readonly events: CallPace; readonly streams: CallPace };
  readonly clock: Clock;
  readonly random: { number(): number };
  readonly report: Report;
  readonly signal: AbortSignal;
}

export interface ReadRange {
  /** Milliseconds since the epoch, exclusive; undefined = no end. */
  readonly to: number | undefined;
  readonly pattern: string | undefined;
  /** True: a page that fails temporarily is retried until the signal aborts. */
  readonly retriesForever: boolean;
}

/** The chosen streams of one log group of one region. */
export class LogGroupReader {
  readonly group: string;
  readonly region: string;
  readonly #deps: LogGroupReaderDeps;
  readonly #windows: LogWindow[] = [];
  /** Streams that did not exist when they were looked for, with the time from which to read them once they exist. */
  readonly #awaited = new Map<string, number>();
  /** Streams that are known to exist. */
  readonly #existing = new Set<string>();

  constructor(group: string, deps: LogGroupReaderDeps) {
    this.group = group;
    this.region = deps.logs.region;
    this.#deps = deps;
  }

  /** `isCertain`: the container has run, so the stream must exist. `findAwaited` looks for the others. */
  add(stream: string, from: number, isCertain: boolean): void {
    if (this.#existing.has(stream)) return;
    if (isCertain) {
      this.#awaited.delete(stream);
      this.#windowFor(stream).add(stream, from);
    } else if (!this.#windows.some((window) => window.streams.includes(stream))) {
      this.#awaited.set(stream, from);
    }
  }

  remove(stream: string): void {
    this.#awaited.delete(stream);
    for (const window of this.#windows) window.remove(stream);
  }

  /** True if the stream did not exist when it was looked for. */
  isAwaited(stream: string): boolean {
    return this.#awaited.has(stream);
  }

  /** Starts to read the awaited streams that exist by now. Throws `log-group-not-found`. */
  async findAwaited(): Promise<void> {
    for (const [stream, from] of this.#awaited) {
      const found = await this.#exists(stream);
      if (!found) continue;
      this.#awaited.delete(stream);
      this.#existing.add(stream);
      this.#windowFor(stream).add(stream, from);
    }
  }

  /**
   * One read for each hundred streams: pages of the new events. Throws `log-group-not-found`, `log-pattern-invalid`.
   */
  reads(now: number, range: ReadRange): readonly AsyncIterable<readonly LogEvent[]>[] {
    return this.#windows.map((window) => this.#read(window, now, range));
  }

  /** When the stream was last written to, according to CloudWatch Logs, which can be an hour behind. */
  async lastEventAt(stream: string): Promise<number | undefined> {
    await this.#deps.pace.streams.turn(this.#deps.signal);
    return (await this.#deps.logs.stream(this.group, stream, this.#deps.signal))?.lastEventAt;
  }

  async *#read(window: LogWindow, now: number, range: ReadRange): AsyncGenerator<readonly LogEvent[]> {
    let plan = window.begin(now);
    let pages = 0;
    let unexplained = 0;
    for (let pageToken: string | undefined; plan !== undefined;) {
      const { streams, from } = plan;
      const { to, pattern } = range;
      const request = { group: this.group, streams, from, to, pattern, pageToken };
      const page = await this.#page(request, range.retriesForever);
      if (page === undefined) {
        // None is missing by now if the stream of a new task was created in between.
        unexplained = (await this.#removeMissingStreams(window)) ? 0 : unexplained + 1;
        if (unexplained > MOST_UNEXPLAINED) throw this.#streamLost();
        plan = window.begin(now);
        pageToken = undefined;
        continue;
      }
      pages++;
      const fresh = window.accept(page.events);
      if (fresh.length > 0) yield fresh;
      pageToken = page.nextToken;
      if (pageToken === undefined) break;
    }
    window.finish(pages);
  }

  /**
   * Undefined: one of the streams does not exist. A retried page is requested with the same token, so that nothing is
   * read twice.
   */
  async #page(request: LogEventsRequest, retriesForever: boolean): Promise<LogEventsPage | undefined> {
    const { logs, pace, clock, random, report, signal } = this.#deps;
    const giveUpAt = clock.now() + RETRY_DEADLINE_MS;
    for (let attempt = 0; ; attempt++) {
      await pace.events.turn(signal);
      try {
        return await logs.events(request, signal);
      } catch (error) {
        if (error instanceof ToolError && error.code === 'log-stream-not-found') return undefined;
        const delay = backoffDelay(attempt, {
          baseMs: RETRY_BASE_MS,
          capMs: RETRY_CAP_MS,
          random: () => random.number(),
        });
        if (!isTemporary(error) || (!retriesForever && clock.now() + delay > giveUpAt)) throw error;
        if (attempt === 0) {
          report({
            type: 'note',
            level: 'warning',
            code: 'logs-delayed',
            message: `${error.message}; the lines will follow when it answers`,
          });
        }
        await sleep(clock, delay, signal);
      }
    }
  }

  /**
   * A call for several streams fails as a whole when one is missing, and does not name it. The streams that existed
   * before are checked only if none of the others is the missing one. False if none is missing.
   */
  async #removeMissingStreams(window: LogWindow): Promise<boolean> {
    const isMissing = async (stream: string): Promise<boolean> => {
      if (await this.#exists(stream)) {
        this.#existing.add(stream);
        return false;
      }
      const from = window.earliest(stream);
      window.remove(stream);
      this.#existing.delete(stream);
      if (from !== undefined) this.#awaited.set(stream, from);
      return true;
    };
    const { streams } = window;
    const asked = streams.filter((stream) => !this.#existing.has(stream));
    for (const some of [asked, streams.filter((stream) => !asked.includes(stream))]) {
      let missing = 0;
      for (const stream of some) if (await isMissing(stream)) missing++;
      if (missing > 0) return true;
    }
    return false;
  }

  #streamLost(): ToolError {
    return noMatch(
      'log-stream-not-found',
      `log group ${this.group} in ${this.region} lost a stream while it was read`,
      {
        details: { group: this.group, region: this.region },
      },
    );
  }

  async #exists(stream: string): Promise<boolean> {
    await this.#deps.pace.streams.turn(this.#deps.signal);
    return (await this.#deps.logs.stream(this.group, stream, this.#deps.signal)) !== undefined;
  }

  #windowFor(stream: string): LogWindow {
    const known = this.#windows.find((window) => window.streams.includes(stream));
    const free = known ?? this.#windows.find((window) => window.streams.length < STREAMS_PER_CALL);
    if (free !== undefined) return free;
    const window = new LogWindow();
    this.#windows.push(window);
    return window;
  }
}

const isTemporary = (error: unknown): error is ToolError =>
  error instanceof ToolError && (error.code === 'aws-throttled' || error.role === 'transport');
