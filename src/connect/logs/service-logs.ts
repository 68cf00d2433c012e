import { nameOfArn } from '../../core/arn.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { EcsPort, LogEvent, LogsPort, TaskDefinition } from '../ports.ts';
import type { Wanted } from '../target/discover.ts';
import { whyStopped } from '../target/stop-reason.ts';
import { CallPace } from './call-pace.ts';
import { LogGroupReader } from './log-group-reader.ts';
import { type CloudWatchSource, logSourceOf } from './log-source.ts';
import { findLogTasks, type LogTask } from './log-tasks.ts';
import { LATENESS_MS } from './log-window.ts';
import { mergeByTime } from './merge-by-time.ts';

/** One event of a container's log. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** When CloudWatch Logs received the event, in milliseconds since the epoch. */
  readonly ingestedAt: number;
  readonly message: string;
  /** Id of the event; the same at every read. */
  readonly id: string;
  readonly service: string | undefined;
  /** Id of the task. */
  readonly task: string;
  readonly container: string;
  readonly region: string;
  readonly group: string;
  readonly stream: string;
}

export interface ServiceLogsRequest {
  readonly cluster: string;
  readonly wanted: Wanted;
  /** Milliseconds; undefined = the last 15 minutes, or when no task runs, the life of the tasks that stopped last. */
  readonly since: number | undefined;
  readonly follow: boolean;
  /** Filter pattern of CloudWatch Logs. */
  readonly pattern: string | undefined;
}

export interface ServiceLogsDeps {
  readonly ecs: EcsPort;
  /** Undefined = the region of the account. */
  logsIn(region: string | undefined): Promise<LogsPort>;
  /** A clock that follows AWS's time. */
  readonly clock: Clock;
  readonly random: { number(): number };
  readonly report: Report;
  readonly signal: AbortSignal;
}

const DEFAULT_SINCE_MS = 15 * 60_000;
/** When no task runs, this many of the tasks that stopped last are reported and read. */
const MAX_STOPPED = 3;
/** Four calls of FilterLogEvents and ten of DescribeLogStreams a second: below the quotas (docs/logs.md). */
const EVENTS_GAP_MS = 250;
const STREAMS_GAP_MS = 100;
/** Time between two reads while following. */
const READ_EVERY_MS = 2_000;
/** Time between two searches for new and stopped tasks. */
const POLL_INTERVAL_MS = 10_000;
/** How far a container's clock may be ahead of AWS's clock. */
const AHEAD_MS = 5_000;
/**
 * How far a container's clock may be behind AWS's clock: lines of a task are read from this long before its creation.
 */
const BEHIND_MS = 60_000;
/** When there is no line at all, this many streams are asked for the time of their last event. */
const MAX_DESCRIBED = 3;

interface Source {
  readonly task: LogTask;
  readonly source: CloudWatchSource;
  readonly reader: LogGroupReader;
}

/** The log of the tasks of a service: the existing events in the order of time, and with `follow` the later ones. */
export class ServiceLogs {
  readonly #request: ServiceLogsRequest;
  readonly #deps: ServiceLogsDeps;
  readonly #definitions = new Map<string, Promise<TaskDefinition>>();
  readonly #paces = new Map<string, { readonly events: CallPace; readonly streams: CallPace }>();
  readonly #readers = new Map<string, LogGroupReader>();
  /** Keyed by region, group and stream. */
  readonly #sources = new Map<string, Source>();
  /** Keyed by task id. */
  readonly #tasks = new Map<string, LogTask>();
  /** Messages that were reported already and are reported only once per run. */
  readonly #reported = new Set<string>();
  /** Keys of sources whose tasks stopped so long ago that they are not read again. */
  readonly #left = new Set<string>();
  /** Start of the time that is read, in milliseconds since the epoch. */
  #from = 0;
  #startedAt = 0;
  #lines = 0;

  constructor(request: ServiceLogsRequest, deps: ServiceLogsDeps) {
    this.#request = request;
    this.#deps = deps;
  }

  /**
   * Without `follow`, ends when everything was read; with it, only when the one task that was asked for stopped a
   * minute ago. Throws what `findLogTasks` throws, `container-not-found`, `no-log-source`, `log-group-not-found`,
   * `log-pattern-invalid`, `access-denied`, and the reason of the signal.
   */
  async *lines(): AsyncGenerator<readonly LogLine[]> {
    const { clock, signal } = this.#deps;
    const { follow } = this.#request;
    await this.#findTasks();
    if (this.#sources.size === 0) throw this.#noSource();
    for (let checkedAt = clock.now(); ;) {
      const now = clock.now();
      const isLast = !follow || this.#isOver(now);
      yield* this.#read(now);
      if (isLast) break;
      if (this.#lines === 0)
        this.#note('info', 'no-log-lines', `${this.#nothingFound()}; new lines follow, Ctrl-C ends this`);
      await sleep(clock, READ_EVERY_MS, signal);
      if (clock.now() - checkedAt < POLL_INTERVAL_MS) continue;
      checkedAt = clock.now();
      await this.#findTasksAgain();
    }
    if (this.#lines === 0) await this.#reportNothingFound();
  }

  async *#read(now: number): AsyncGenerator<readonly LogLine[]> {
    const { follow, pattern } = this.#request;
    const range = { to: follow ? undefined : now + AHEAD_MS, pattern, retriesForever: follow };
    const reads = [...this.#readers.values()].flatMap((reader) =>
      reader.reads(now, range).map((pages) => this.#labelled(reader, pages)),
    );
    for await (const lines of mergeByTime(reads)) {
      this.#lines += lines.length;
      yield lines;
    }
    if (follow) this.#leaveStopped(now);
  }

  async *#labelled(
    reader: LogGroupReader,
    pages: AsyncIterable<readonly LogEvent[]>,
  ): AsyncGenerator<readonly LogLine[]> {
    const { region, group } = reader;
    for await (const events of pages) {
      yield events.flatMap(({ id, stream, timestamp, ingestedAt, message }) => {
        const found = this.#sources.get(keyOf(region, group, stream));
        if (found === undefined) return [];
        const { task, source } = found;
        return [
          {
            id,
            timestamp,
            ingestedAt,
            message,
            service: task.service,
            task: task.id,
            container: source.container,
            region,
            group,
            stream,
          },
        ];
      });
    }
  }

  /** Looks for tasks again. A failure must not end the reads that work, so it is only reported, and once. */
  async #findTasksAgain(): Promise<void> {
    try {
      await this.#findTasks();
    } catch (error) {
      if (!(error instanceof ToolError) || (error.role !== 'transport' && error.code !== 'aws-throttled'))
        throw error;
      this.#note(
        'warning',
        'tasks-unknown',
        `${error.message}; new tasks are searched for again in a moment`,
      );
    }
  }

  async #findTasks(): Promise<void> {
    const { ecs, clock } = this.#deps;
    const { cluster, wanted, since = DEFAULT_SINCE_MS } = this.#request;
    const isFirst = this.#tasks.size === 0;
    const sinceMs = isFirst ? since : LATENESS_MS;
    const tasks = await findLogTasks(ecs, cluster, wanted, { sinceMs, clock });
    // Not before the first answer, which says how far off this machine's clock is.
    const now = clock.now();
    const from = now - sinceMs;
    if (isFirst) this.#startedAt = now;
    if (isFirst) this.#from = Math.min(from, this.#earliestOf(tasks, now));
    for (const found of tasks) {
      const known = this.#tasks.get(found.id);
      this.#tasks.set(found.id, found);
      if (!isFirst) this.#reportChanges(known, found);
      const earliest = isFirst ? this.#from : from;
      if (found.task?.stoppedAt === undefined || found.task.stoppedAt >= earliest - LATENESS_MS)
        await this.#addSources(found);
    }
    if (wanted.container !== undefined) await this.#checkContainer(wanted.container);
    for (const reader of this.#readers.values()) await this.#findAwaited(reader);
    for (const [key, { task, source, reader }] of this.#sources) {
      // A forgotten task writes to its stream no more, so a stream that does not exist will not appear.
      if (task.task !== undefined || !reader.isAwaited(source.stream)) continue;
      reader.remove(source.stream);
      this.#sources.delete(key);
    }
  }

  /**
   * When no task runs, the last lines are those of the tasks that stopped last, however long ago. Also reports why they
   * stopped.
   */
  #earliestOf(tasks: readonly LogTask[], now: number): number {
    const known = tasks.flatMap(({ task }) => task ?? []);
    if (known.length === 0 || known.some(({ stoppedAt }) => stoppedAt === undefined)) return now;
    const last = [...known].sort((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0)).slice(0, MAX_STOPPED);
    for (const task of last) {
      const age = describeDuration(now - (task.stoppedAt ?? now));
      this.#note(
        'warning',
        'task-stopped',
        `task ${task.id.slice(0, 8)} stopped ${age} ago: ${whyStopped(task)}`,
      );
    }
    if (this.#request.since !== undefined) return now;
    return Math.min(...last.map(({ createdAt }) => (createdAt ?? now) - BEHIND_MS));
  }

  async #addSources(found: LogTask): Promise<void> {
    const { container: only } = this.#request.wanted;
    const definition = await this.#definition(found.taskDefinitionArn);
    for (const each of definition.containers) {
      if (only !== undefined && each.name !== only) continue;
      const container = found.task?.containers.find(({ name }) => name === each.name);
      const source = logSourceOf(found.id, each, container, definition.containers);
      if (source.kind === 'elsewhere') {
        const level = each.log === undefined ? 'info' : 'warning';
        this.#note(level, 'logs-elsewhere', `container ${source.container} ${source.destination}`);
        continue;
      }
      if (source.canDrop) {
        this.#note(
          'info',
          'log-mode',
          `container ${source.container} logs in mode non-blocking: lines are dropped while its buffer is full`,
        );
      }
      const reader = await this.#reader(source);
      const created = found.task?.createdAt;
      const from = Math.max(this.#from, created === undefined ? 0 : created - BEHIND_MS);
      const key = keyOf(reader.region, source.group, source.stream);
      if (this.#left.has(key)) continue;
      this.#sources.set(key, { task: found, source, reader });
      reader.add(source.stream, from, source.hasRun);
    }
  }

  async #reader({ region: named, group }: CloudWatchSource): Promise<LogGroupReader> {
    const { clock, random, report, signal } = this.#deps;
    const logs = await this.#deps.logsIn(named);
    const key = `${logs.region} ${group}`;
    const known = this.#readers.get(key);
    if (known !== undefined) return known;
    const pace = this.#paces.get(logs.region) ?? {
      events: new CallPace(clock, EVENTS_GAP_MS),
      streams: new CallPace(clock, STREAMS_GAP_MS),
    };
    this.#paces.set(logs.region, pace);
    const reader = new LogGroupReader(group, { logs, pace, clock, random, report, signal });
    this.#readers.set(key, reader);
    return reader;
  }

  #definition(arn: string): Promise<TaskDefinition> {
    const known = this.#definitions.get(arn) ?? this.#deps.ecs.taskDefinition(arn);
    this.#definitions.set(arn, known);
    return known;
  }

  async #checkContainer(wanted: string): Promise<void> {
    const definitions = await Promise.all(this.#definitions.values());
    const names = [...new Set(definitions.flatMap(({ containers }) => containers.map(({ name }) => name)))];
    if (names.length === 0 || names.includes(wanted)) return;
    const { cluster } = this.#request;
    throw noMatch('container-not-found', `no task has a container ${wanted}`, {
      details: { cluster, task: undefined, container: wanted, ...candidatesFor(wanted, names) },
    });
  }

  /** When a log group is missing, its lines are left out; it is an error only when there is no other group. */
  async #findAwaited(reader: LogGroupReader): Promise<void> {
    try {
      await reader.findAwaited();
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'log-group-not-found' || this.#readers.size === 1)
        throw error;
      this.#note('warning', error.code, error.message);
      for (const [key, source] of this.#sources) if (source.reader === reader) this.#sources.delete(key);
      for (const [key, each] of this.#readers) if (each === reader) this.#readers.delete(key);
    }
  }

  #reportChanges(before: LogTask | undefined, { id, task }: LogTask): void {
    if (task === undefined) return;
    const short = id.slice(0, 8);
    if (before === undefined && task.lastStatus !== 'STOPPED')
      this.#note('info', 'task-joined', `task ${short} is new: its lines follow`);
    if (task.lastStatus === 'STOPPED' && before?.task?.lastStatus !== 'STOPPED')
      this.#note('warning', 'task-stopped', `task ${short} stopped: ${whyStopped(task)}`);
  }

  /** A stopped task writes no more: once its late lines can have arrived, it is not read any more. */
  #leaveStopped(now: number): void {
    for (const [key, { task, source, reader }] of this.#sources) {
      const { stoppedAt } = this.#tasks.get(task.id)?.task ?? {};
      if (stoppedAt === undefined || now < stoppedAt + 2 * LATENESS_MS) continue;
      reader.remove(source.stream);
      this.#sources.delete(key);
      this.#left.add(key);
    }
  }

  /** True when the one task that is followed will write no more. */
  #isOver(now: number): boolean {
    if (this.#request.wanted.task === undefined) return false;
    return [...this.#tasks.values()].every(
      ({ task }) =>
        task === undefined || (task.stoppedAt !== undefined && now >= task.stoppedAt + LATENESS_MS),
    );
  }

  #noSource(): ToolError {
    const { cluster, wanted } = this.#request;
    const service = wanted.service === undefined ? undefined : nameOfArn(wanted.service);
    const of = service === undefined ? `in cluster ${cluster}` : `of service ${service}`;
    return this.#tasks.size === 0
      ? noMatch('no-log-source', `no task ${of} runs, or is known to have run`, {
          details: { cluster, service },
        })
      : noMatch('no-log-source', `no container ${of} has lines in CloudWatch Logs for that time`, {
          details: { cluster, service },
        });
  }

  /** Explains an empty result; most often the last line is older than the time that was asked for. */
  async #reportNothingFound(): Promise<void> {
    const { clock } = this.#deps;
    const now = clock.now();
    const asked = [...this.#sources.values()].slice(-MAX_DESCRIBED);
    let last: number | undefined;
    for (const { reader, source } of asked) {
      const at = await reader.lastEventAt(source.stream);
      if (at !== undefined) last = Math.max(last ?? at, at);
    }
    const known = last === undefined ? '' : `; the last one is ${describeDuration(now - last)} old`;
    this.#note('info', 'no-log-lines', `${this.#nothingFound()}${known}`);
  }

  #nothingFound(): string {
    const about = this.#request.pattern === undefined ? 'no line' : 'no line that fits the pattern';
    return `${about} in the last ${describeDuration(this.#startedAt - this.#from)}`;
  }

  #note(level: 'info' | 'warning', code: string, message: string): void {
    if (this.#reported.has(message)) return;
    this.#reported.add(message);
    this.#deps.report({ type: 'note', level, code, message });
  }
}

const keyOf = (region: string, group: string, stream: string): string => `${region} ${group} ${stream}`;
