import type { Socket } from 'node:net';

import { inTime } from '../../core/clock.ts';
import type { Report, ToolEvent } from '../../core/events.ts';
import { Forward, type ForwardListener, type ForwardOptions, type ForwardRoute } from './forward.ts';
import { leastLoaded, SessionCount, type SessionLimits } from './session-count.ts';
import type { StartPace } from './start-pace.ts';

export interface SpreadForwardOptions extends Omit<ForwardOptions, 'openRoute'> {
  /** Starts a session; `isFirst` is false for those that only share the connections of the first. */
  readonly openRoute: (isFirst: boolean) => Promise<ForwardRoute>;
  /** Names the session, counted from 2, in what the further sessions report. */
  readonly reportFor: (session: number) => Report;
  /** A fixed number of sessions; undefined = as many as are useful, depending on what carries them. */
  readonly sessions: number | undefined;
  readonly pace: StartPace;
}

/** Each session is a process of the agent: a task has less memory to spare than a bastion. */
const LIMITS: Readonly<Record<ForwardRoute['via'], SessionLimits>> = {
  bastion: { min: 1, max: 4 },
  task: { min: 1, max: 2 },
};
const SAMPLE_MS = 1_000;
/** New connections wait this long for sessions that are being opened for them. */
const MAX_WAIT_MS = 5_000;
/** How long `close` waits for StartSession calls that are under way. */
const CLOSE_MS = 5_000;
/** After a session could not be opened, the forward goes on with those it has and tries again after this time. */
const RETRY_MS = 60_000;

/** One session of the forward with the connections in it. */
class CarryingSession {
  readonly forward: Forward;
  /** Takes a connection; undefined while the session is interrupted or not open yet. */
  accept: ((socket: Socket) => void) | undefined;
  /** True = it takes no new connection, and ends with its last one. */
  isLeaving = false;
  readonly #sockets = new Set<Socket>();
  #receivedBefore = 0;

  constructor(forward: (listener: Pick<ForwardListener, 'open' | 'hold'>) => Forward, changed: () => void) {
    this.forward = forward({
      open: (accept) => {
        this.accept = accept;
        changed();
      },
      hold: () => {
        this.accept = undefined;
        changed();
      },
    });
  }

  take(socket: Socket, closed: () => void): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#receivedBefore += socket.bytesWritten;
      closed();
    });
    this.accept?.(socket);
  }

  /** Connections, closing ones too. */
  get size(): number {
    return this.#sockets.size;
  }

  /** A connection of which one end has finished brings nothing more, although it may take a while to close. */
  get open(): number {
    return [...this.#sockets].filter(
      ({ readableEnded, writableEnded, destroyed }) => !readableEnded && !writableEnded && !destroyed,
    ).length;
  }

  get received(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#receivedBefore);
  }
}

/**
 * One `-L` whose connections are spread over several sessions, because the agent sends at most 1 MB/s in each
 * (SPEC.md §15). A new connection goes to the session with the fewest; none is ever moved. Each
 * session is replaced when it is lost, as that of a `Forward` is. Only the first one decides whether the forward lives.
 */
export class SpreadForward {
  readonly #options: SpreadForwardOptions;
  readonly #ending = new AbortController();
  readonly #sessions = new Set<CarryingSession>();
  readonly #first: CarryingSession;
  #count: SessionCount;
  /** Sessions that are being opened. */
  readonly #opening = new Map<CarryingSession, Promise<void>>();
  #retryAt = 0;
  #lastNumber = 1;
  /** New connections wait for the sessions that are being opened. */
  #isWaiting: boolean;
  #cancelSample: (() => void) | undefined;
  #reportedCount = 0;

  constructor(options: SpreadForwardOptions) {
    this.#options = options;
    const { sessions, deps } = options;
    this.#isWaiting = sessions !== undefined && sessions > 1;
    this.#count = new SessionCount({ min: sessions ?? 1, max: sessions ?? 1 }, deps.clock.now());
    this.#first = this.#newSession(deps.report, true);
    this.#sessions.add(this.#first);
  }

  /** Resolves when connections can pass; throws the error that kept the first session from starting. */
  async start(): Promise<void> {
    await this.#first.forward.start();
    if (this.#options.sessions !== undefined && this.#options.sessions > 1)
      await this.#add(this.#options.sessions - 1);
  }

  /** As that of `Forward`, for the first session. Must be called after `start`. */
  run(): Promise<void> {
    return this.#first.forward.run();
  }

  /** Throws `session-not-ended` after everything else is closed. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the forward was closed'));
    this.#cancelSample?.();
    const closing = [
      this.#options.listener.close(),
      ...[...this.#sessions, ...this.#opening.keys()].map(({ forward }) => forward.close()),
      // A session whose StartSession is under way is closed as soon as it has started.
      inTime(this.#options.deps.clock, CLOSE_MS, Promise.all(this.#opening.values()), undefined),
    ];
    await Promise.allSettled(closing);
    await Promise.all(closing);
  }

  #newSession(report: Report, isFirst: boolean): CarryingSession {
    const { listener, remote, openRoute, deps, maxOutageMs } = this.#options;
    return new CarryingSession(
      ({ open, hold }) =>
        new Forward({
          listener: { host: listener.host, port: listener.port, open, hold, close: () => Promise.resolve() },
          remote,
          openRoute: () => openRoute(isFirst),
          deps: { ...deps, report: (event) => this.#pass(event, report, isFirst) },
          ...(maxOutageMs === undefined ? {} : { maxOutageMs }),
        }),
      () => this.#direct(),
    );
  }

  #pass(event: ToolEvent, report: Report, isFirst: boolean): void {
    // The connections of all sessions are counted together, in `#counted`.
    if (event.type === 'forward-connection') return;
    if (event.type === 'forward-ready') {
      if (!isFirst) return;
      if (this.#options.sessions === undefined)
        this.#count = new SessionCount(LIMITS[event.via], this.#options.deps.clock.now());
    }
    report(event);
  }

  /** Lets the listener pass connections on while a session takes them. */
  #direct(): void {
    const { listener } = this.#options;
    if (this.#isWaiting || this.#least() === undefined) listener.hold();
    else listener.open((socket) => this.#take(socket));
  }

  #least(): CarryingSession | undefined {
    return leastLoaded(
      [...this.#sessions].filter(({ accept, isLeaving }) => accept !== undefined && !isLeaving),
    );
  }

  #take(socket: Socket): void {
    const session = this.#least();
    if (session === undefined) {
      socket.resetAndDestroy();
      return;
    }
    session.take(socket, () => {
      this.#counted();
      this.#endIfLeft(session);
    });
    this.#counted();
    this.#scheduleSample();
  }

  #counted(): void {
    const { listener, deps } = this.#options;
    const open = [...this.#sessions].reduce((sum, { size }) => sum + size, 0);
    if (open === this.#reportedCount) return;
    this.#reportedCount = open;
    deps.report({ type: 'forward-connection', localPort: listener.port, open });
  }

  #scheduleSample(): void {
    if (this.#cancelSample !== undefined || this.#ending.signal.aborted) return;
    this.#cancelSample = this.#options.deps.clock.timer(SAMPLE_MS, () => {
      this.#cancelSample = undefined;
      this.#sample();
      if (this.#reportedCount > 0 || this.#sessions.size > 1) this.#scheduleSample();
    });
  }

  #sample(): void {
    const now = this.#options.deps.clock.now();
    const wanted = this.#count.sample(now, new Map([...this.#sessions].map((each) => [each, each])));
    const staying = [...this.#sessions].filter(({ isLeaving }) => !isLeaving).length;
    if (wanted < staying) this.#leaveOne();
    else if (wanted > staying + this.#opening.size && now >= this.#retryAt) {
      const missing = wanted - staying - this.#opening.size;
      const leaving = [...this.#sessions].filter(({ isLeaving }) => isLeaving).slice(0, missing);
      for (const session of leaving) session.isLeaving = false;
      if (missing > leaving.length) {
        this.#isWaiting = true;
        void this.#add(missing - leaving.length);
      }
    }
  }

  /** Only the first session stays when it is quiet. */
  #leaveOne(): void {
    for (const session of this.#sessions) {
      if (session === this.#first) continue;
      session.isLeaving = true;
      this.#endIfLeft(session);
    }
    this.#direct();
  }

  #endIfLeft(session: CarryingSession): void {
    if (!session.isLeaving || session.size > 0 || !this.#sessions.delete(session)) return;
    session.forward.close().catch((error: unknown) => this.#warn('session-not-ended', error));
    if (this.#sessions.size === 1) this.#note('one session carries new connections again: it is quiet');
  }

  /** Opens further sessions, and lets new connections wait for them for a limited time. Never rejects. */
  async #add(number: number): Promise<void> {
    const { deps } = this.#options;
    this.#direct();
    const opened = Promise.all(Array.from({ length: number }, () => this.#open()));
    await inTime(deps.clock, MAX_WAIT_MS, opened, undefined);
    this.#isWaiting = false;
    if (this.#ending.signal.aborted) return;
    this.#direct();
    const { size } = this.#sessions;
    if (size > 1)
      this.#note(
        `${size} sessions carry new connections, because the agent sends at most 1 MB/s in each`,
        size,
      );
  }

  #open(): Promise<void> {
    const session = this.#newSession(this.#options.reportFor(++this.#lastNumber), false);
    const opening = this.#start(session);
    this.#opening.set(session, opening);
    return opening.finally(() => {
      this.#opening.delete(session);
      this.#direct();
    });
  }

  async #start(session: CarryingSession): Promise<void> {
    const { signal } = this.#ending;
    try {
      await this.#options.pace.turn(signal);
      await session.forward.start();
      if (signal.aborted) return;
      this.#sessions.add(session);
      this.#scheduleSample();
      void session.forward.run().catch((error: unknown) => this.#lost(session, error));
    } catch (error) {
      if (signal.aborted) return;
      this.#retryAt = this.#options.deps.clock.now() + RETRY_MS;
      this.#warn('session-not-added', error);
    }
  }

  /** A further session that cannot be replaced: its connections were reset, and new ones go to the others. */
  #lost(session: CarryingSession, error: unknown): void {
    if (this.#ending.signal.aborted || !this.#sessions.delete(session)) return;
    this.#retryAt = this.#options.deps.clock.now() + RETRY_MS;
    session.forward.close().catch(() => undefined);
    this.#warn('session-not-added', error);
    this.#direct();
    this.#counted();
  }

  #note(message: string, sessions = 1): void {
    this.#options.deps.report({
      type: 'note',
      level: 'info',
      code: 'sessions-changed',
      message,
      details: { sessions },
    });
  }

  #warn(code: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.deps.report({
      type: 'note',
      level: 'warning',
      code,
      message:
        code === 'session-not-added'
          ? `the forward goes on with fewer sessions: ${reason}`
          : `a further session has not ended: ${reason}`,
    });
  }
}
