import { AwakeTime } from '../../core/awake-time.ts';
import { backoffDelay, type BackoffOptions, retry } from '../../core/backoff.ts';
import { type Clock, sleep, withDeadline } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import { ProtocolError, ToolError, transport } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { openDataChannelInput } from '../../protocol/open-data-channel.ts';
import { needsSignIn, reportSignIn } from './sign-in.ts';
import type { MessageSocket, OpenSocket } from './message-socket.ts';
import type { SessionStart, SsmPort, UpgradeSigner } from '../ports.ts';
import { resumeDenied } from '../session/session-refusals.ts';

/** The deadlines of a link, in milliseconds. */
export interface LinkTiming {
  /** One TCP, TLS and WebSocket handshake. */
  readonly openMs: number;
  /** All attempts of the first opening together. */
  readonly openBudgetMs: number;
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  readonly resumeCallMs: number;
  /**
   * How long one outage may last: the idle limit of ECS Exec, after which the service has ended the session
   * (docs/reference/ecs-exec.md §4).
   */
  readonly maxOutageMs: number;
  /** How long the link repeats a refused ResumeSession with fresh credentials. */
  readonly refusedBudgetMs: number;
  /**
   * A connection that lived this long, or carried this many messages, counts as good: the next outage starts with a
   * full budget.
   */
  readonly stableMs: number;
  readonly stableMessages: number;
}

const LINK_TIMING: LinkTiming = {
  openMs: 15_000,
  openBudgetMs: 30_000,
  pingEveryMs: 25_000,
  pongWithinMs: 10_000,
  resumeCallMs: 15_000,
  maxOutageMs: 20 * 60_000,
  refusedBudgetMs: 120_000,
  stableMs: 10_000,
  stableMessages: 32,
};

export interface LinkDeps {
  readonly ssm: Pick<SsmPort, 'resumeSession'>;
  readonly signer: UpgradeSigner;
  readonly openSocket: OpenSocket;
  readonly clock: Clock;
  readonly random: { number(): number; uuid(): string };
  readonly report: Report;
  /** `wss://HOST` or `ws://HOST:PORT` instead of the host that AWS names; undefined = the host that AWS names. */
  readonly gateway?: string | undefined;
  readonly timing?: Partial<LinkTiming> | undefined;
}

export interface LinkEvents {
  message(bytes: Uint8Array): void;
  /** The connection was lost; `resumed` or `lost` follows. */
  interrupted(): void;
  /** A new connection is open; everything unacknowledged must be sent again. */
  resumed(): void;
  /** The link will not connect again. Not called after `close()`. */
  lost(error: ToolError): void;
}

/**
 * The version that we report to the agent; four components above 1.2.331.0 select mux, no keep-alive and separate
 * output (SPEC.md §4).
 */
export const CLIENT_VERSION = '1.2.707.0';

/**
 * The connection of one session to the message gateway, over as many WebSockets in turn as it needs: opens them, sends
 * pings, detects a silent gateway, and resumes with what ResumeSession returns. It knows nothing of the messages that
 * it carries.
 */
export class SessionLink {
  readonly #session: SessionStart;
  readonly #deps: LinkDeps;
  readonly #events: LinkEvents;
  readonly #timing: LinkTiming;
  readonly #clientId: string;
  readonly #ending = new AbortController();
  #socket: MessageSocket | undefined;
  #reading = true;
  #openedAt = 0;
  #carried = 0;
  /** Start of the present outage and the attempts so far; kept when a new connection was lost again at once. */
  #outage: { readonly since: number; readonly awake: AwakeTime; attempts: number } | undefined;
  #cancelPing: (() => void) | undefined;
  #cancelPong: (() => void) | undefined;

  constructor(session: SessionStart, deps: LinkDeps, events: LinkEvents) {
    this.#session = session;
    this.#deps = deps;
    this.#events = events;
    this.#timing = { ...LINK_TIMING, ...deps.timing };
    this.#clientId = deps.random.uuid();
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Throws `upgrade-refused`, `not-aws`, `gateway-unreachable`, `gateway-timeout` or `stream-url-invalid`. */
  async open(): Promise<void> {
    await retry(() => this.#connect(this.#session), {
      ...this.#backoff(),
      clock: this.#deps.clock,
      deadlineMs: this.#timing.openBudgetMs,
      shouldRetry: (error) => !this.#ending.signal.aborted && !isRefusal(error) && !isPortal(error),
      signal: this.#ending.signal,
    });
  }

  /** Drops messages that are sent while there is no connection: the channel repeats them after `resumed`. */
  send(messages: readonly Uint8Array[]): void {
    this.#socket?.send(messages);
  }

  /** For a slow consumer: the link reads nothing until `resumeReading`. */
  pauseReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#cancelPong?.();
    this.#socket?.pause();
  }

  resumeReading(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#socket?.resume();
  }

  get isReading(): boolean {
    return this.#reading;
  }

  /** The session ends: the link opens no new connection in place of this one. */
  leave(): void {
    this.#ending.abort(new Error('the session ends'));
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the session link was closed'));
    const socket = this.#socket;
    this.#forget();
    await socket?.close();
  }

  async #connect(session: SessionStart): Promise<void> {
    const { clock, gateway, openSocket, random, signer } = this.#deps;
    const url = atGateway(parseStreamUrl(session.streamUrl), gateway);
    const abort = new AbortController();
    // `attempt` distinguishes late events of this connection from those of its successor.
    const attempt: { socket?: MessageSocket; closedEarly?: string } = {};
    const events = {
      message: (bytes: Uint8Array): void => {
        if (attempt.socket !== undefined && attempt.socket !== this.#socket) return;
        this.#messageReceived();
        this.#carried++;
        this.#events.message(bytes);
      },
      pong: (): void => this.#messageReceived(),
      closed: (reason: string, fatal: ProtocolError | undefined): void => {
        if (attempt.socket === undefined) attempt.closedEarly = reason;
        else if (attempt.socket === this.#socket) this.#dropped(reason, fatal);
      },
    };
    const opening = signer
      .headers(url)
      .then((headers) => openSocket(url, { headers, signal: abort.signal }, events));
    const socket = await withDeadline(clock, this.#timing.openMs, opening, () => {
      abort.abort();
      opening.then(
        (late) => late.destroy(),
        () => undefined,
      );
      return transport(
        'gateway-timeout',
        `no WebSocket to ${url.host} within ${seconds(this.#timing.openMs)}`,
      );
    });
    if (this.#ending.signal.aborted) {
      socket.destroy();
      throw this.#ending.signal.reason;
    }
    if (attempt.closedEarly !== undefined) {
      throw transport(
        'gateway-unreachable',
        `${url.host} closed the connection at once: ${attempt.closedEarly}`,
      );
    }
    attempt.socket = socket;
    this.#socket = socket;
    this.#openedAt = clock.now();
    this.#carried = 0;
    if (!this.#reading) socket.pause();
    socket.sendText(
      openDataChannelInput({
        tokenValue: session.tokenValue,
        clientId: this.#clientId,
        requestId: random.uuid(),
        clientVersion: CLIENT_VERSION,
      }),
    );
    this.#ping();
  }

  #ping(): void {
    const { clock } = this.#deps;
    if (this.#reading) {
      this.#socket?.ping();
      this.#cancelPong?.();
      this.#cancelPong = clock.timer(this.#timing.pongWithinMs, () =>
        this.#dropped(`no answer to a ping within ${seconds(this.#timing.pongWithinMs)}`, undefined),
      );
    }
    this.#cancelPing = clock.timer(this.#timing.pingEveryMs, () => this.#ping());
  }

  /** Any data from the gateway proves that it is alive. */
  #messageReceived(): void {
    this.#cancelPong?.();
    this.#cancelPong = undefined;
  }

  #forget(): void {
    this.#cancelPing?.();
    this.#cancelPong?.();
    this.#cancelPong = undefined;
    this.#socket = undefined;
  }

  #dropped(reason: string, fatal: ProtocolError | undefined): void {
    const { clock, report } = this.#deps;
    this.#socket?.destroy();
    this.#forget();
    if (this.#ending.signal.aborted) return;
    if (fatal !== undefined) {
      this.#lose(fatal);
      return;
    }
    const lifetimeMs = clock.now() - this.#openedAt;
    if (lifetimeMs >= this.#timing.stableMs || this.#carried >= this.#timing.stableMessages)
      this.#outage = undefined;
    this.#events.interrupted();
    report({ type: 'session-state', state: 'interrupted', reason });
    void this.#resume();
  }

  async #resume(): Promise<void> {
    const { clock, report, ssm } = this.#deps;
    const { sessionId } = this.#session;
    const began = clock.now();
    const outage = (this.#outage ??= { since: began, awake: new AwakeTime(began), attempts: 0 });
    let refused: AwakeTime | undefined;
    let isReported = false;
    for (;;) {
      try {
        const attempt = outage.attempts++;
        if (attempt > 0) await sleep(clock, backoffDelay(attempt - 1, this.#backoff()), this.#ending.signal);
        const session = await withDeadline(
          clock,
          this.#timing.resumeCallMs,
          ssm.resumeSession(sessionId),
          () =>
            transport(
              'resume-timeout',
              `no answer to ResumeSession within ${seconds(this.#timing.resumeCallMs)}`,
            ),
        );
        if (this.#ending.signal.aborted) return;
        if (session === undefined) {
          this.#lose(transport('session-over', 'the session ended while the connection was down'));
          return;
        }
        await this.#connect(session);
        report({
          type: 'session-state',
          state: 'resumed',
          reason: `connected again after ${seconds(clock.now() - outage.since)}`,
        });
        this.#events.resumed();
        return;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        // Credentials may be renewed, so a retry can help; a denial by IAM stays a denial.
        if (error instanceof ToolError && error.code === 'access-denied') {
          this.#lose(resumeDenied(sessionId, error));
          return;
        }
        if (needsSignIn(error) && !isReported) {
          isReported = true;
          reportSignIn(error, 'the session', report);
        }
        const now = clock.now();
        const outageMs = outage.awake.elapsed(now);
        refused = isRefusal(error) ? (refused ?? new AwakeTime(now)) : undefined;
        if (refused !== undefined && refused.elapsed(now) >= this.#timing.refusedBudgetMs) {
          this.#lose(resumeRefused(error));
          return;
        }
        if (outageMs >= this.#timing.maxOutageMs) {
          this.#lose(
            transport(
              'session-lost',
              `the connection could not be restored within ${seconds(this.#timing.maxOutageMs)}: ${messageOf(error)}`,
              { cause: error },
            ),
          );
          return;
        }
      }
    }
  }

  #lose(error: ToolError): void {
    this.#ending.abort(error);
    this.#deps.report({ type: 'session-state', state: 'ended', reason: error.message });
    this.#events.lost(error);
  }

  #backoff(): BackoffOptions {
    return { baseMs: 200, capMs: 10_000, random: () => this.#deps.random.number() };
  }
}

/** AWS or the gateway refused; asking again only helps with other credentials. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof ToolError)) return false;
  const status = error.details['status'];
  return (
    error.role === 'access' ||
    error.code === 'stream-url-invalid' ||
    (typeof status === 'number' && status >= 400 && status < 500 && status !== 429)
  );
}

/**
 * A proxy or a portal answered instead of the gateway, which a person has to mend. With the other statuses from 500 on,
 * AWS's own load balancers can answer in HTML.
 */
function isPortal(error: unknown): boolean {
  if (!(error instanceof ToolError) || error.code !== 'not-aws') return false;
  const status = Number(error.details['status']);
  return status < 500 || status === 511;
}

const resumeRefused = (cause: unknown): ToolError =>
  transport('resume-refused', `AWS refused to resume the session: ${messageOf(cause)}`, {
    cause,
  });

/** The same path and query at another host; the signature and the Host header are made for that host. */
function atGateway(url: URL, gateway: string | undefined): URL {
  return gateway === undefined ? url : new URL(`${url.pathname}${url.search}`, gateway);
}

/**
 * Checks the scheme of the URL and leaves the rest unread. Refuses user-info, because it would be logged with the URL.
 * Neither the signature nor the token may cross a network unencrypted: plain `ws:` is allowed only on loopback, where
 * the sandbox uses it.
 */
function parseStreamUrl(streamUrl: string): URL {
  const url = URL.canParse(streamUrl) ? new URL(streamUrl) : undefined;
  if (url === undefined || !/^wss?:$/.test(url.protocol) || url.username !== '') {
    throw new ProtocolError(
      'stream-url-invalid',
      'AWS returned a stream address that is no WebSocket address',
    );
  }
  if (url.protocol === 'ws:' && !isLoopbackHost(url.hostname))
    throw new ProtocolError(
      'stream-url-invalid',
      `AWS returned a stream address that is not encrypted and not of this machine: ${url.host}`,
    );
  return url;
}

const isLoopbackHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

const seconds = (ms: number): string => describeDuration(Math.max(1, Math.round(ms / 1000)) * 1000);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
