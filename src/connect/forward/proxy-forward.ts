import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';

import { failed, ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import {
  acceptedReply,
  type ProxyProtocol,
  type ProxyRequest,
  type ProxyRequestOptions,
  type Refusal,
  refusedReply,
} from './proxy-request.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import { ConnectionQueue } from './connection-queue.ts';
import type { ForwardRoute } from './forward.ts';
import { hostPort } from '../../core/host-port.ts';
import type { LocalListener } from './local-listener.ts';
import { endWith, readProxyRequest } from './proxy-handshake.ts';
import { SpreadForward } from './spread-forward.ts';
import { StartPace } from './start-pace.ts';

/** Destinations that have a session at the same time. One without connections is closed in favour of a new one. */
export const MAX_DESTINATIONS = 20;
/** How long the session of a destination stays open without a connection. */
const DESTINATION_IDLE_MS = 5 * 60_000;
/** For this long after a failure, further requests for that destination fail without another session. */
export const FAILURE_MS = 5_000;
/** Connections whose request has not arrived completely; further ones are reset. */
const MAX_HANDSHAKES = 256;
/** Destinations that may not be reached and are reported, once each; a browser can ask for hundreds. */
export const MAX_REPORTED_REFUSALS = 50;

export interface ProxyForwardOptions {
  readonly listener: LocalListener;
  /** What messages call the proxy, for example `-D 1080`. */
  readonly name: string;
  /** What the ready event says of `checkAllowed`; empty = every host is allowed. */
  readonly allowed: readonly string[];
  readonly deps: ChannelDeps;
  /** Finds what carries the connections, before the proxy is ready. Its errors are those of `start`. */
  readonly findCarrier: () => Promise<Pick<ForwardRoute, 'via' | 'target'>>;
  /** Throws the error of a destination that the person has not allowed. */
  readonly checkAllowed: (host: string, port: number) => void;
  /** Throws the error of a host that the proxy does not lead to. */
  readonly check: (host: string) => Promise<void>;
  /** What the requests of programs are held to. */
  readonly requests: ProxyRequestOptions;
  /** Starts a session to one destination. */
  readonly openRoute: (host: string, port: number) => Promise<ForwardRoute>;
  /** As for `SpreadForward`, for each destination. */
  readonly sessions?: number | undefined;
  /** Adds the name of the destination to what its session reports. */
  readonly reportFor: (name: string) => Report;
}

interface Destination {
  readonly key: string;
  readonly forward: SpreadForward;
  readonly queue: ConnectionQueue;
  /** Connections, waiting ones too. */
  open: number;
  idleSince: number;
  cancelIdle: (() => void) | undefined;
}

/**
 * One `-D`: a SOCKS5 and HTTP CONNECT proxy. Each destination that a program asks for has a forward of its own, opened
 * at the first request, healed as that of a `-L` is, and closed when it was not used for a while.
 */
export class ProxyForward {
  readonly #options: ProxyForwardOptions;
  readonly #destinations = new Map<string, Destination>();
  readonly #failures = new Map<string, { readonly error: unknown; readonly until: number }>();
  readonly #protocols = new WeakMap<Socket, ProxyProtocol>();
  readonly #handshakes = new Set<Socket>();
  /** Destinations whose refusal was reported. */
  readonly #reportedRefusals = new Set<string>();
  readonly #ending = new AbortController();
  readonly #pace: StartPace;
  #open = 0;

  constructor(options: ProxyForwardOptions) {
    this.#options = options;
    this.#pace = new StartPace(options.deps.clock);
    // As many destinations may wait for the pace as there are, and Node.js would warn at the eleventh.
    setMaxListeners(0, this.#ending.signal);
  }

  /** Resolves when the proxy takes requests; throws what `findCarrier` throws. */
  async start(): Promise<void> {
    const { via, target } = await this.#options.findCarrier();
    const { listener, deps, allowed } = this.#options;
    deps.report({
      type: 'forward-ready',
      local: { host: listener.host, port: listener.port },
      remote: { proxy: 'socks5,http', ...(allowed.length === 0 ? {} : { allowed }) },
      via,
      target,
    });
    listener.open((socket) => void this.#serve(socket));
  }

  /** Resolves after `close`. A destination that fails does not end the proxy. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#ending.signal.addEventListener('abort', () => resolve());
    });
  }

  /** Throws `session-not-ended` after everything else is closed. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the proxy was closed'));
    for (const socket of this.#handshakes) socket.destroy();
    const destinations = [...this.#destinations.values()];
    this.#destinations.clear();
    for (const { cancelIdle } of destinations) cancelIdle?.();
    const closing = [this.#options.listener.close(), ...destinations.map(({ forward }) => forward.close())];
    await Promise.allSettled(closing);
    await Promise.all(closing);
  }

  async #serve(socket: Socket): Promise<void> {
    if (this.#handshakes.size >= MAX_HANDSHAKES) {
      socket.resetAndDestroy();
      return;
    }
    const { deps, name, requests } = this.#options;
    this.#handshakes.add(socket);
    const debug = (reason: string): void => deps.debug?.(`${name}: ${reason}`);
    const request = await readProxyRequest(socket, deps.clock, debug, requests);
    this.#handshakes.delete(socket);
    if (request === undefined) return;
    if (socket.destroyed || this.#ending.signal.aborted) {
      socket.destroy();
      return;
    }
    try {
      this.#take(socket, request);
    } catch (error) {
      this.#refuse(socket, request.protocol, error);
    }
  }

  #take(socket: Socket, request: ProxyRequest): void {
    const destination = this.#destinationOf(request);
    destination.cancelIdle?.();
    destination.open++;
    this.#changed(1);
    this.#protocols.set(socket, request.protocol);
    socket.once('close', () => {
      destination.open--;
      this.#changed(-1);
      if (destination.open === 0) this.#idle(destination);
    });
    destination.queue.push(socket);
  }

  #changed(by: 1 | -1): void {
    this.#open += by;
    const { deps, listener } = this.#options;
    deps.report({ type: 'forward-connection', localPort: listener.port, open: this.#open });
  }

  /** Throws what `checkAllowed` throws, `too-many-destinations`, or the failure of a short while ago. */
  #destinationOf({ host, port }: ProxyRequest): Destination {
    const key = hostPort(host, port);
    const known = this.#destinations.get(key);
    if (known !== undefined) return known;
    try {
      this.#options.checkAllowed(host, port);
    } catch (error) {
      this.#warn(key, error);
      throw error;
    }
    const now = this.#options.deps.clock.now();
    for (const [failedKey, { until }] of this.#failures) if (until <= now) this.#failures.delete(failedKey);
    const failure = this.#failures.get(key);
    if (failure !== undefined) throw failure.error;
    this.#makeRoom(key);
    const destination = this.#openDestination(key, host, port);
    this.#destinations.set(key, destination);
    void this.#live(destination);
    return destination;
  }

  #makeRoom(key: string): void {
    if (this.#destinations.size < MAX_DESTINATIONS) return;
    const [longestIdle] = [...this.#destinations.values()]
      .filter(({ open }) => open === 0)
      .sort((a, b) => a.idleSince - b.idleSince);
    if (longestIdle !== undefined) {
      this.#end(longestIdle);
      return;
    }
    const error = failed('too-many-destinations', `${MAX_DESTINATIONS} destinations have open connections`, {
      details: { destination: key, limit: MAX_DESTINATIONS },
    });
    this.#remember(key, error);
    throw error;
  }

  #openDestination(key: string, host: string, port: number): Destination {
    const { listener, deps, name, check, openRoute, reportFor, sessions } = this.#options;
    const queue = new ConnectionQueue();
    const report = reportFor(`${name} to ${key}`);
    const forward = new SpreadForward({
      listener: {
        host: listener.host,
        port: listener.port,
        open: (accept) =>
          queue.open((socket) => {
            this.#answerAccepted(socket);
            accept(socket);
          }),
        hold: () => queue.hold(),
        close: () => {
          for (const socket of queue.takeWaiting()) socket.resetAndDestroy();
          return Promise.resolve();
        },
      },
      remote: { host, port },
      reportFor: (session) => reportFor(`${name} to ${key}, session ${session}`),
      sessions,
      pace: this.#pace,
      openRoute: async (isFirst) => {
        await check(host);
        if (isFirst) await this.#pace.turn(this.#ending.signal);
        return openRoute(host, port);
      },
      deps: {
        ...deps,
        report: (event) => {
          // The proxy reports when it is ready itself, and the connections of all its destinations.
          if (event.type === 'forward-connection') return;
          if (event.type !== 'forward-ready') report(event);
          else
            report({
              type: 'note',
              level: 'info',
              code: 'destination-opened',
              message: `a session is open via ${event.via}`,
              details: { destination: key, via: event.via, target: event.target },
            });
        },
      },
    });
    return { key, forward, queue, open: 0, idleSince: 0, cancelIdle: undefined };
  }

  #answerAccepted(socket: Socket): void {
    const protocol = this.#protocols.get(socket);
    // A connection that is passed on a second time would be answered twice.
    this.#protocols.delete(socket);
    if (protocol !== undefined) socket.write(acceptedReply(protocol));
  }

  /** Runs the forward of a destination until it is closed or fails; a failure is the answer to all that wait. */
  async #live(destination: Destination): Promise<void> {
    const { key, forward, queue } = destination;
    try {
      await forward.start();
      await forward.run();
    } catch (error) {
      if (this.#destinations.get(key) !== destination) return;
      this.#remember(key, error);
      for (const socket of queue.takeWaiting()) {
        const protocol = this.#protocols.get(socket);
        if (protocol !== undefined) this.#refuse(socket, protocol, error);
      }
      this.#end(destination);
    }
  }

  /** Reports the failure, and lets requests fail with it for a while. */
  #remember(key: string, error: unknown): void {
    this.#failures.set(key, { error, until: this.#options.deps.clock.now() + FAILURE_MS });
    this.#warn(key, error);
  }

  #warn(key: string, error: unknown): void {
    const { deps, name } = this.#options;
    if (isRefused(error)) {
      const reported = this.#reportedRefusals;
      if (reported.has(key) || reported.size > MAX_REPORTED_REFUSALS) return;
      reported.add(key);
      if (reported.size > MAX_REPORTED_REFUSALS) {
        const message = `${name}: more destinations were refused; further ones are not reported`;
        deps.report({ type: 'note', level: 'warning', code: 'refusals-not-reported', message });
        return;
      }
    }
    const known = error instanceof ToolError ? error : undefined;
    deps.report({
      type: 'note',
      level: 'warning',
      code: known?.code ?? 'forward-failed',
      message: `${name} to ${key}: ${messageOf(error)}`,
      details: known?.details ?? {},
    });
  }

  #refuse(socket: Socket, protocol: ProxyProtocol, error: unknown): void {
    endWith(socket, refusedReply(protocol, refusalOf(error), messageOf(error)), this.#options.deps.clock);
  }

  #idle(destination: Destination): void {
    const { clock } = this.#options.deps;
    if (this.#destinations.get(destination.key) !== destination) return;
    destination.idleSince = clock.now();
    destination.cancelIdle = clock.timer(DESTINATION_IDLE_MS, () => this.#end(destination));
  }

  #end(destination: Destination): void {
    const { key, forward } = destination;
    destination.cancelIdle?.();
    this.#destinations.delete(key);
    forward.close().catch((error: unknown) => this.#warn(key, error));
  }
}

const NOT_ALLOWED: ReadonlySet<string> = new Set(['host-not-allowed', 'port-not-open', 'link-local-refused']);

/** True for a destination that stays refused until the person changes something. */
const isRefused = (error: unknown): boolean => error instanceof ToolError && NOT_ALLOWED.has(error.code);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof ToolError)) return 'unreachable';
  if (error.code === 'too-many-destinations') return 'too-many';
  return isRefused(error) || error.role === 'access' ? 'not-allowed' : 'unreachable';
}
