import { backoffDelay } from '../../core/backoff.ts';
import { type Clock, inTime } from '../../core/clock.ts';
import { ToolError, transport } from '../../core/errors.ts';
import type { Container, EcsPort, Task } from '../ports.ts';
import type { ResolvedContainer } from './resolve.ts';
import { containerEnd, isOutOfMemory, whyStopped } from './stop-reason.ts';

/**
 * Watches the tasks that the sessions of this process run in. ECS does not tell a client that a task stops, and the
 * service may leave the session of a stopped task open, so the state of the task is read with DescribeTasks.
 */

export interface TaskWatchDeps {
  readonly ecs: Pick<EcsPort, 'describeTasks'>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called once for each task when ECS begins to stop it, with a `task-stopped` error. */
  readonly onStopping?: (error: ToolError) => void;
}

/** The container of one session, as it is watched. */
export interface ContainerWatch {
  /** Aborted when ECS stops the task while the container still runs; the reason is a `task-stopped` error. */
  readonly stopping: AbortSignal;
  /** Aborted when the container has stopped; the reason is a `task-stopped` error. */
  readonly stopped: AbortSignal;
  /**
   * Calls DescribeTasks now, for all watched containers; for a session that was closed or whose agent does not answer.
   * Resolves with `task-stopped` if the container has stopped or its task is being stopped. Never rejects, and waits at
   * most three seconds.
   */
  look(): Promise<ToolError | undefined>;
  close(): void;
}

/** ECS refills some 20 calls of DescribeTasks a second for a whole account, so that nobody may poll much faster. */
const INTERVAL_MS = 15_000;
/** While a task is being stopped: it has 30 s between SIGTERM and SIGKILL. Also once after a session has asked. */
const SHORT_INTERVAL_MS = 5_000;
const LONGEST_INTERVAL_MS = 60_000;
const LOOK_DEADLINE_MS = 3_000;
/** ECS describes a stopped task for an hour, so a task that is missing twice stopped long ago. */
const MISSING_LOOKS = 2;
const OVER: ReadonlySet<string> = new Set(['STOPPED', 'DELETED']);

export class TaskWatch {
  readonly #deps: TaskWatchDeps;
  readonly #watched = new Set<Watched>();
  /** ARNs of the tasks that `onStopping` was called for. */
  readonly #reported = new Set<string>();
  #looking: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #failures = 0;
  /** A session has asked for a poll: ECS may learn of the stop only seconds after the session. */
  #wasAsked = false;

  constructor(deps: TaskWatchDeps) {
    this.#deps = deps;
  }

  /** The first poll is after one interval, because the task was described a moment ago. */
  watch(resolved: Pick<ResolvedContainer, 'cluster' | 'task' | 'container'>): ContainerWatch {
    const watched = new Watched(resolved);
    this.#watched.add(watched);
    if (this.#cancelTimer === undefined) this.#schedule();
    return {
      stopping: watched.stopping.signal,
      stopped: watched.stopped.signal,
      look: async () => {
        if (!this.#watched.has(watched)) return watched.end;
        this.#wasAsked = true;
        await inTime(this.#deps.clock, LOOK_DEADLINE_MS, this.#look(), undefined);
        return watched.end;
      },
      close: () => {
        this.#watched.delete(watched);
        if (this.#watched.size === 0) this.close();
      },
    };
  }

  close(): void {
    this.#watched.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #look(): Promise<void> {
    this.#looking ??= this.#round().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#watched.size === 0) return;
    const { clock, random } = this.#deps;
    const isStopping = [...this.#watched].some((each) => each.stopping.signal.aborted);
    const regular = isStopping || this.#wasAsked ? SHORT_INTERVAL_MS : INTERVAL_MS;
    this.#wasAsked = false;
    const delay =
      this.#failures === 0
        ? regular
        : backoffDelay(this.#failures, { baseMs: regular, capMs: LONGEST_INTERVAL_MS, random });
    this.#cancelTimer = clock.timer(delay, () => void this.#look());
  }

  /** One call for each cluster: DescribeTasks takes the tasks of one cluster, a hundred at a time. */
  async #round(): Promise<void> {
    const clusters = new Map<string, Watched[]>();
    for (const watched of this.#watched)
      clusters.set(watched.cluster, [...(clusters.get(watched.cluster) ?? []), watched]);
    try {
      await Promise.all([...clusters].map(([cluster, all]) => this.#describe(cluster, all)));
      this.#failures = 0;
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      this.#failures++;
    } finally {
      this.#schedule();
    }
  }

  async #describe(cluster: string, all: readonly Watched[]): Promise<void> {
    const tasks = await this.#deps.ecs.describeTasks(cluster, [...new Set(all.map(({ arn }) => arn))]);
    for (const watched of all) {
      watched.judge(tasks.find(({ arn }) => arn === watched.arn));
      if (watched.stopped.signal.aborted) this.#watched.delete(watched);
      else if (watched.end !== undefined && !this.#reported.has(watched.arn)) {
        this.#reported.add(watched.arn);
        this.#deps.onStopping?.(watched.end);
      }
    }
  }
}

class Watched {
  readonly cluster: string;
  readonly arn: string;
  readonly stopping = new AbortController();
  readonly stopped = new AbortController();
  readonly #container: Container;
  #task: Task;
  #missing = 0;

  constructor({ cluster, task, container }: Pick<ResolvedContainer, 'cluster' | 'task' | 'container'>) {
    this.cluster = cluster;
    this.arn = task.arn;
    this.#task = task;
    this.#container = container;
  }

  get end(): ToolError | undefined {
    const { signal } = this.stopped.signal.aborted ? this.stopped : this.stopping;
    return signal.aborted && signal.reason instanceof ToolError ? signal.reason : undefined;
  }

  judge(task: Task | undefined): void {
    if (task === undefined) {
      if (++this.#missing >= MISSING_LOOKS) this.#stop(`task ${this.#shortId} stopped more than an hour ago`);
      return;
    }
    this.#missing = 0;
    this.#task = task;
    const container = task.containers.find(({ name }) => name === this.#container.name);
    if (OVER.has(task.lastStatus)) {
      this.#stop(`task ${this.#shortId} has stopped: ${whyStopped(task)}`, container);
    } else if (container !== undefined && this.#isOver(container)) {
      const end = containerEnd(container);
      this.#stop(
        task.desiredStatus === 'STOPPED'
          ? `task ${this.#shortId} has stopped: ${whyStopped(task)}`
          : `container ${container.name} of task ${this.#shortId} has stopped${end === undefined ? '' : `: ${end}`}`,
        container,
      );
    } else if (task.desiredStatus === 'STOPPED' && !this.stopping.signal.aborted) {
      this.stopping.abort(
        this.#error(`task ${this.#shortId} is being stopped: ${whyStopped(task)}`, container),
      );
    }
  }

  /** With a restart policy ECS starts the container anew, as another runtime. */
  #isOver({ lastStatus, runtimeId }: Container): boolean {
    const before = this.#container.runtimeId;
    return (
      lastStatus === 'STOPPED' || (runtimeId !== undefined && before !== undefined && runtimeId !== before)
    );
  }

  get #shortId(): string {
    return this.#task.id.slice(0, 8);
  }

  #stop(message: string, container?: Container): void {
    if (!this.stopped.signal.aborted) this.stopped.abort(this.#error(message, container));
  }

  #error(message: string, container: Container | undefined): ToolError {
    const { id, serviceName, stopCode, stoppedReason } = this.#task;
    return transport('task-stopped', message, {
      details: {
        cluster: this.cluster,
        service: serviceName,
        task: id,
        container: this.#container.name,
        stopCode,
        reason: stoppedReason,
        exitCode: container?.exitCode,
        outOfMemory: container !== undefined && isOutOfMemory(container),
      },
      exitStatus: STATUS,
    });
  }
}

/** As of every session whose end is not that of its remote program. */
const STATUS = 255;
