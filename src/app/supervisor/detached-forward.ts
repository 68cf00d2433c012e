import type { Clock } from '../../core/clock.ts';
import { type ErrorRole, failed } from '../../core/errors.ts';
import type { ToolEvent } from '../../core/events.ts';
import type { Answer, ForwardError, ForwardState, ListenerState, StartRequest } from './control-messages.ts';

/** The process of a forward, started with `--json`. */
export interface ForwardProcess {
  readonly pid: number | undefined;
  /** Lines of both streams, without the line end; `onEnd` is called once, after the last line. */
  watch(onLine: (line: string) => void, onEnd: (end: ProcessEnd) => void): void;
  stop(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface ProcessEnd {
  /** Undefined = a signal has ended it, or it could not be started. */
  readonly exitStatus: number | undefined;
  readonly reason: string;
}

/** The log of one forward; failures to write are ignored, because a full disk must not end a forward. */
export interface ForwardLog {
  readonly path: string;
  write(line: string): void;
}

/** How long a forward has to end its sessions after SIGTERM. */
const STOP_MS = 15_000;

/**
 * A forward has started when its listeners are ready and no session has ended for so long: the agent ends a session at
 * once whose host it cannot resolve, or whose port refuses it.
 */
export const SETTLE_MS = 1_000;

/** One forward of the supervisor, from the start of its process to its end. What it is doing is read from its events. */
export class DetachedForward {
  readonly #request: StartRequest;
  readonly #process: ForwardProcess;
  readonly #log: ForwardLog;
  readonly #clock: Clock;
  readonly #since: number;
  readonly #settleMs: number;
  #cancelSettling: () => void = () => undefined;
  readonly #listeners = new Map<number, ListenerState>();
  readonly #interrupted = new Set<string>();
  /** Those that wait for the start; undefined after it. */
  #starters: ((answer: Answer) => void)[] | undefined = [];
  #failures = 0;
  #reason: string | undefined;
  #error: PrintedError | undefined;
  #end: ProcessEnd | undefined;
  #hasFailedToStart = false;
  readonly ended: Promise<void>;

  constructor(
    request: StartRequest,
    process: ForwardProcess,
    log: ForwardLog,
    clock: Clock,
    settleMs = SETTLE_MS,
  ) {
    this.#request = request;
    this.#process = process;
    this.#log = log;
    this.#clock = clock;
    this.#since = clock.now();
    this.#settleMs = settleMs;
    this.#write({ type: 'started', pid: process.pid ?? null, argv: request.argv });
    this.ended = new Promise((resolve) => {
      process.watch(
        (line) => this.#onLine(line),
        (end) => {
          this.#onEnd(end);
          resolve();
        },
      );
    });
  }

  get state(): ForwardState {
    const { name, identity } = this.#request;
    return {
      name,
      identity,
      state:
        this.#end !== undefined
          ? 'ended'
          : this.#starters !== undefined
            ? 'starting'
            : this.#interrupted.size > 0
              ? 'interrupted'
              : 'open',
      pid: this.#end === undefined ? this.#process.pid : undefined,
      since: this.#since,
      listeners: [...this.#listeners.values()],
      reason: this.#reason,
      exitStatus: this.#end?.exitStatus,
      log: this.#log.path,
    };
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** True if the process ended before the start was complete. */
  get hasFailedToStart(): boolean {
    return this.#hasFailedToStart;
  }

  /** Passes events on until the forward is ready or has failed; the last answer says which. */
  whenStarted(answer: (answer: Answer) => void): void {
    if (this.#starters === undefined) answer(this.#started(false));
    else this.#starters.push(answer);
  }

  async stop(): Promise<void> {
    this.#process.stop('SIGTERM');
    const cancel = this.#clock.timer(STOP_MS, () => this.#process.stop('SIGKILL'));
    await this.ended;
    cancel();
  }

  #started(isNew: boolean): Answer {
    return { type: 'started', forward: this.state, isNew };
  }

  #onLine(line: string): void {
    const value = jsonOf(line);
    if (value === undefined) {
      this.#write({ type: 'text', text: line });
      return;
    }
    const { error } = value;
    if (isError(error)) {
      this.#error = error;
      this.#reason = error.message;
      this.#write(value);
      return;
    }
    const event = value as unknown as ToolEvent;
    if (event.type === 'forward-traffic') {
      this.#change(event.localPort, { sent: event.sent, received: event.received });
      return;
    }
    this.#write(value);
    this.#onEvent(event);
    if (this.#starters === undefined) return;
    const isReady =
      this.#listeners.size > 0 && this.#listeners.size + this.#failures >= this.#request.listeners;
    for (const answer of this.#starters) answer({ type: 'event', event });
    if (event.type === 'forward-connection') return;
    this.#cancelSettling();
    if (isReady && this.#interrupted.size === 0)
      this.#cancelSettling = this.#clock.timer(this.#settleMs, () => this.#complete());
  }

  #complete(): void {
    const starters = this.#starters ?? [];
    this.#starters = undefined;
    for (const [index, answer] of starters.entries()) answer(this.#started(index === 0));
  }

  #onEvent(event: ToolEvent): void {
    if (event.type === 'forward-ready') {
      const { local, remote, via, target } = event;
      this.#listeners.set(local.port, {
        local,
        remote: { ...remote },
        via,
        target,
        open: 0,
        sent: 0,
        received: 0,
      });
    } else if (event.type === 'forward-connection') this.#change(event.localPort, { open: event.open });
    else if (event.type === 'session-state') {
      const forward = event.forward ?? '';
      if (event.state === 'interrupted') this.#interrupted.add(forward);
      else this.#interrupted.delete(forward);
      this.#reason = this.#interrupted.size === 0 ? undefined : event.reason;
    } else if (event.type === 'note') {
      if (event.details?.['hasFailed'] === true) this.#failures++;
      if (event.level === 'warning') this.#reason = event.message;
    }
  }

  #change(port: number, values: Partial<ListenerState>): void {
    const listener = this.#listeners.get(port);
    if (listener !== undefined) this.#listeners.set(port, { ...listener, ...values });
  }

  #onEnd(end: ProcessEnd): void {
    this.#end = end;
    this.#reason ??= end.reason;
    for (const [port, listener] of this.#listeners) this.#listeners.set(port, { ...listener, open: 0 });
    this.#write({ type: 'ended', exitStatus: end.exitStatus ?? null, reason: this.#reason });
    this.#cancelSettling();
    this.#hasFailedToStart = this.#starters !== undefined;
    const starters = this.#starters ?? [];
    this.#starters = undefined;
    const exitStatus = end.exitStatus ?? 1;
    const { code, role, message, details } =
      this.#error ?? failed('forward-process-ended', `the forward ended before it was ready: ${end.reason}`);
    const error = { code, role, message, details, exitStatus: exitStatus === 0 ? 1 : exitStatus };
    for (const answer of starters) answer({ type: 'failed', error });
  }

  #write(value: Readonly<Record<string, unknown>>): void {
    const time = new Date(this.#clock.now()).toISOString();
    this.#log.write(JSON.stringify({ time, ...value }));
  }
}

function jsonOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

type PrintedError = Omit<ForwardError, 'exitStatus'>;

const ROLES: readonly ErrorRole[] = [
  'failed',
  'usage',
  'no-match',
  'access',
  'leftovers',
  'interrupted',
  'transport',
];

/** What `--json` prints for an error (cli/error-report.ts). */
function isError(value: unknown): value is PrintedError {
  if (typeof value !== 'object' || value === null) return false;
  const { code, role, message, details } = value as Partial<PrintedError>;
  return (
    typeof code === 'string' &&
    ROLES.some((each) => each === role) &&
    typeof message === 'string' &&
    typeof details === 'object'
  );
}
