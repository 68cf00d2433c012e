import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

import type { Clock } from '../../core/clock.ts';
import { access, ProtocolError, ToolError, transport } from '../../core/errors.ts';
import type { NetworkAgents } from '../../core/network-agents.ts';
import { tlsFailure } from '../../core/tls-failures.ts';

/** The WebSocket as the session link uses it: whole messages in both directions. */
export interface MessageSocket {
  /** Sends several messages in as few packets as possible. */
  send(messages: readonly Uint8Array[]): void;
  sendText(text: string): void;
  ping(): void;
  /** Stops reading, so that TCP slows the gateway down. While paused, pongs do not arrive either. */
  pause(): void;
  resume(): void;
  /** Closes the connection at once, without a close frame. */
  destroy(): void;
  /** Sends what is queued and the close frame, and waits only briefly for the gateway's answer. */
  close(): Promise<void>;
}

export interface MessageSocketEvents {
  message(bytes: Uint8Array): void;
  pong(): void;
  /** Called once, and only after the socket was open. `fatal` is set when the peer broke the WebSocket protocol. */
  closed(reason: string, fatal: ProtocolError | undefined): void;
}

export interface OpenSocketOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Throws `upgrade-refused` (with `status`), `not-aws`, `tls-…`, `proxy-…` or `gateway-unreachable`. */
export type OpenSocket = (
  url: URL,
  options: OpenSocketOptions,
  events: MessageSocketEvents,
) => Promise<MessageSocket>;

/** Far above what any agent sends (at most 32 KiB was seen), and small enough to hold in memory. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const CLOSE_TIMEOUT_MS = 300;

/** WebSockets by `ws`, through the proxy and with the trusted certificates of the account's agents. */
export function createOpenSocket(agents: NetworkAgents, clock: Clock): OpenSocket {
  return (url, options, events) => {
    const socket = new WebSocket(url, {
      headers: options.headers,
      perMessageDeflate: false,
      // A message may arrive in a text frame although it is binary (SPEC.md §9).
      skipUTF8Validation: true,
      maxPayload: MAX_MESSAGE_BYTES,
      agent: url.protocol === 'wss:' ? agents.https : agents.http,
    });
    return new Promise((resolve, reject) => {
      let isOpen = false;
      let tcp: Duplex | undefined;
      let failure: Error | undefined;
      const abort = (): void => socket.terminate();
      options.signal.addEventListener('abort', abort, { once: true });

      socket.on('upgrade', (response) => {
        tcp = response.socket;
      });
      socket.on('unexpected-response', (request, response) => {
        request.destroy();
        reject(upgradeRefused(url.host, response.statusCode ?? 0, response.headers['content-type'] ?? ''));
      });
      socket.on('open', () => {
        isOpen = true;
        options.signal.removeEventListener('abort', abort);
        resolve(wrap(socket, () => tcp, clock));
      });
      socket.on('message', (data: Buffer) => events.message(data));
      socket.on('pong', () => events.pong());
      socket.on('error', (error) => {
        failure = error;
        if (isOpen) {
          // Nothing useful follows; ws itself would wait 30 s for the gateway's close frame.
          socket.terminate();
          return;
        }
        const known = error instanceof ToolError ? error : tlsFailure(error, url.host);
        if (known !== undefined) {
          reject(known);
          return;
        }
        reject(
          transport(
            'gateway-unreachable',
            `no connection to the message gateway ${url.host}: ${error.message}`,
            {
              details: { host: url.host },
              cause: error,
            },
          ),
        );
      });
      socket.on('close', (code, reason) => {
        if (!isOpen) return;
        const closeText = reason.byteLength > 0 ? ` (${reason.toString('utf8').slice(0, 120)})` : '';
        events.closed(
          failure === undefined ? `connection closed with code ${code}${closeText}` : failure.message,
          protocolFailure(failure),
        );
      });
    });
  };
}

function upgradeRefused(host: string, status: number, contentType: string): ToolError {
  const details = { status, host };
  // The gateway answers in JSON or without a body; it never sends HTML pages or redirects.
  if (contentType.startsWith('text/html') || (status >= 300 && status < 400) || status === 511) {
    return transport(
      'not-aws',
      `${host} answered ${status} instead of a WebSocket, and this is not AWS: a proxy or a portal answered`,
      { details },
    );
  }
  const message = `the message gateway ${host} answered ${status} instead of a WebSocket`;
  return status === 401 || status === 403
    ? access('upgrade-refused', message, { details })
    : transport('upgrade-refused', message, { details });
}

/** A new connection cannot repair a broken frame, but it can repair a reset. */
function protocolFailure(failure: Error | undefined): ProtocolError | undefined {
  const code: unknown = failure === undefined ? undefined : Reflect.get(failure, 'code');
  if (failure === undefined || typeof code !== 'string' || !code.startsWith('WS_ERR_')) return undefined;
  return code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    ? new ProtocolError('message-too-large', `a message is longer than ${MAX_MESSAGE_BYTES} bytes`)
    : new ProtocolError('websocket-broken', `the gateway broke the WebSocket protocol: ${failure.message}`, {
        websocketError: code,
      });
}

function wrap(socket: WebSocket, tcp: () => Duplex | undefined, clock: Clock): MessageSocket {
  const isOpen = (): boolean => socket.readyState === WebSocket.OPEN;
  // 'close' follows a send that fails, and its handler deals with the failure.
  const ignore = (): void => undefined;
  return {
    send(messages) {
      if (!isOpen()) return;
      const stream = tcp();
      stream?.cork();
      for (const message of messages) socket.send(message, ignore);
      stream?.uncork();
    },
    sendText(text) {
      if (isOpen()) socket.send(text, ignore);
    },
    ping() {
      if (isOpen()) socket.ping('keepalive', true, ignore);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    destroy: () => socket.terminate(),
    close() {
      if (socket.readyState === WebSocket.CLOSED) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.timer(CLOSE_TIMEOUT_MS, () => socket.terminate());
        socket.once('close', () => {
          cancel();
          resolve();
        });
        // A paused socket would never read the answer to its close frame.
        socket.resume();
        socket.close(1000);
      });
    },
  };
}
