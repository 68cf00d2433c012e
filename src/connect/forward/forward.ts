import { AwakeTime } from '../../core/awake-time.ts';
import { backoffDelay } from '../../core/backoff.ts';
import { sleep } from '../../core/clock.ts';
import { ToolError, failed } from '../../core/errors.ts';
import type { ForwardRemote } from '../../core/events.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { needsSignIn, reportSignIn } from '../channel/sign-in.ts';
import type { LocalListener } from './local-listener.ts';
import { PortSession } from './port-session.ts';
import type { SessionStart } from '../ports.ts';
import { endMessage, END_WITHOUT_REASON } from '../session/session-end.ts';
import { whenAborted } from '../session/shell-session.ts';

/** A session that was just opened to a target. When it is lost, the forward asks for a new route. */
export interface ForwardRoute {
  readonly target: string;
  readonly via: 'task' | 'bastion';
  readonly session: SessionStart;
  /**
   * Aborted, with the reason as an Error, when the target is known to be gone, even if the session has not noticed yet.
   */
  readonly lost?: AbortSignal;
  /**
   * Checks whether the target is gone, and resolves when `lost` is aborted if it is. Called when the session has ended
   * or its agent does not answer; never rejects.
   */
  readonly look?: () => Promise<unknown>;
  /** Aborted when a better route is available while this one still works: new connections move, open ones stay. */
  readonly superseded?: AbortSignal;
}

/** Where a forward's connections come from: a bound port, or a proxy that serves several destinations. */
export type ForwardListener = Pick<LocalListener, 'host' | 'port' | 'open' | 'hold' | 'close'>;

export interface ForwardOptions {
  readonly listener: ForwardListener;
  /** For the ready event: the destination of the route. */
  readonly remote: ForwardRemote;
  /** Finds the target (perhaps a different one than last time) and starts a session to it. */
  readonly openRoute: () => Promise<ForwardRoute>;
  readonly deps: ChannelDeps;
  /** How long the forward tries to replace a lost route before it gives up. */
  readonly maxOutageMs?: number;
}

interface OpenRoute {
  readonly route: ForwardRoute;
  readonly session: PortSession;
}

const MAX_OUTAGE_MS = 10 * 60_000;
/** The user who has to sign in may be away for the night. */
const MAX_SIGN_IN_MS = 12 * 60 * 60_000;
/** A session that lived this long counts as good: the next loss starts with a full budget. */
const STABLE_MS = 30_000;
/**
 * Two sessions in a row that end this soon with the same text of the agent mean a wrong host name or a denial, not an
 * outage.
 */
const REFUSED_WITHIN_MS = 5_000;

/**
 * One `-L` from its bound port to its end. When a session is lost for good, another one replaces it; the listener
 * stays, new connections wait, and connections that were open are reset.
 */
export class Forward {
  readonly #options: ForwardOptions;
  readonly #ending = new AbortController();
  #current: OpenRoute | undefined;
  /** The session that new connections go to. */
  #serving: PortSession | undefined;
  /** Sessions that were superseded but still carry connections. */
  readonly #leaving = new Set<PortSession>();

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  /** Resolves when connections can pass; throws the error that kept the first session from starting. */
  async start(): Promise<void> {
    const current = await this.#openSession();
    const { route } = current;
    const { listener, remote, deps } = this.#options;
    deps.report({
      type: 'forward-ready',
      local: { host: listener.host, port: listener.port },
      remote,
      via: route.via,
      target: route.target,
    });
    this.#current = current;
  }

  /**
   * Resolves after `close`; rejects when the route is lost and cannot be replaced, or is refused (session-failed). Must
   * be called after `start`.
   */
  async run(): Promise<void> {
    const { deps, listener } = this.#options;
    let attempt = 0;
    let earlyEnd: string | undefined;
    for (;;) {
      const current = this.#current;
      if (current === undefined) return;
      const startedAt = deps.clock.now();
      const reason = await endOf(current);
      if (this.#ending.signal.aborted) return;
      if (reason === SUPERSEDED) {
        await this.#move(current);
        continue;
      }
      listener.hold();
      const since = deps.clock.now();
      const lifetimeMs = since - startedAt;
      const early = lifetimeMs < REFUSED_WITHIN_MS && reason !== END_WITHOUT_REASON;
      if (early && reason === earlyEnd) throw this.#refused(reason);
      earlyEnd = early ? reason : undefined;
      deps.report({ type: 'session-state', state: 'interrupted', reason });
      attempt = lifetimeMs >= STABLE_MS ? 0 : attempt + 1;
      this.#current = await this.#replace(new AwakeTime(since), attempt);
      if (this.#current === undefined) return;
      deps.report({ type: 'session-state', state: 'replaced', reason: 'a new session carries the forward' });
    }
  }

  /** Throws `session-not-ended` after everything else is closed. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the forward was closed'));
    const sessions = [...this.#leaving, ...(this.#current === undefined ? [] : [this.#current.session])];
    const closing = [this.#options.listener.close(), ...sessions.map((session) => session.close())];
    await Promise.allSettled(closing);
    await Promise.all(closing);
  }

  #refused(reason: string): ToolError {
    const { remote } = this.#options;
    const where = 'host' in remote ? `${remote.host}:${remote.port}` : `document ${remote.document}`;
    return failed('session-failed', `each session to ${where} ends at once: ${reason}`, {
      details: remote,
    });
  }

  /** Moves new connections to the new session before the old one ends; until then the old one serves. */
  async #move({ route, session }: OpenRoute): Promise<void> {
    const { superseded: _, ...old } = route;
    try {
      this.#current = await this.#openSession();
    } catch (error) {
      this.#options.deps.debug?.(`not moved yet: ${error instanceof Error ? error.message : String(error)}`);
      this.#current = { route: old, session };
      return;
    }
    this.#leaving.add(session);
    void endOf({ route: old, session }).then(
      () => this.#leaving.delete(session),
      () => this.#leaving.delete(session),
    );
    this.#options.deps.report({
      type: 'session-state',
      state: 'replaced',
      reason: 'a new session carries new connections, open ones stay where they are',
    });
  }

  async #replace(outage: AwakeTime, firstAttempt: number): Promise<OpenRoute | undefined> {
    const { deps, maxOutageMs = MAX_OUTAGE_MS } = this.#options;
    const backoff = { baseMs: 500, capMs: 15_000, random: () => deps.random.number() };
    let isReported = false;
    for (let attempt = firstAttempt; ; attempt++) {
      try {
        if (attempt > 0) await sleep(deps.clock, backoffDelay(attempt - 1, backoff), this.#ending.signal);
        return await this.#openSession();
      } catch (error) {
        if (this.#ending.signal.aborted) return undefined;
        const isPermanent = error instanceof ToolError && error.role === 'usage';
        const limitMs = needsSignIn(error) ? MAX_SIGN_IN_MS : maxOutageMs;
        if (isPermanent || outage.elapsed(deps.clock.now()) >= limitMs) throw error;
        if (needsSignIn(error) && !isReported) {
          isReported = true;
          reportSignIn(error, 'the forward', deps.report);
        }
        deps.debug?.(`no new session yet: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  async #openSession(): Promise<OpenRoute> {
    const { deps, listener, openRoute } = this.#options;
    const route = await openRoute();
    const open = (): void => {
      if (this.#serving === session) listener.open((socket) => session.accept(socket));
    };
    const session: PortSession = new PortSession(route.session, route.target, deps, {
      connections: (count) =>
        deps.report({ type: 'forward-connection', localPort: listener.port, open: count }),
      // The next session serves a connection that waits; a connection of the lost session is reset with it.
      interrupted: () => {
        if (this.#serving === session) listener.hold();
      },
      resumed: open,
      silent: () => void route.look?.(),
    });
    try {
      await session.start();
    } catch (error) {
      await session.close().catch(() => undefined);
      throw error;
    }
    if (this.#ending.signal.aborted) {
      await session.close();
      throw this.#ending.signal.reason;
    }
    this.#serving = session;
    open();
    return { route, session };
  }
}

/** What `endOf` returns when the route was superseded but has not ended. */
const SUPERSEDED = Symbol('superseded');

/**
 * Returns why the route has ended, or SUPERSEDED when a better one is available. When the target is gone, the session
 * is not waited for, because it would go on trying to resume.
 */
async function endOf({ route, session }: OpenRoute): Promise<string | typeof SUPERSEDED> {
  const { look, lost, superseded } = route;
  const ended = session
    .ended()
    .then(endMessage, (error: unknown) => {
      if (error instanceof ToolError) return error.message;
      throw error;
    })
    .then(async (reason) => {
      await look?.();
      return reason;
    });
  const signals = [lost, superseded].flatMap((signal) => (signal === undefined ? [] : [whenAborted(signal)]));
  try {
    return await Promise.race([ended, ...signals.map((signal) => signal.promise)]);
  } catch (error) {
    if (lost?.aborted === true) {
      session.close().catch(() => undefined);
      return lost.reason instanceof Error ? lost.reason.message : 'the target is gone';
    }
    if (superseded?.aborted === true) return SUPERSEDED;
    throw error;
  } finally {
    for (const signal of signals) signal.dispose();
  }
}
