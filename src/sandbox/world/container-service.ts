import { createServer, type RequestListener, type Server } from 'node:http';
import { listenOnLoopback } from './loopback.ts';
import type { Listener } from './vpc-network.ts';

/** The container that an answer names. */
export interface ServiceIdentity {
  readonly cluster: string;
  readonly service: string | undefined;
  readonly task: string;
  readonly container: string;
  readonly port: number;
}

/**
 * A small HTTP service that answers when a session forwards to a port of a task: the answer to every request is one
 * line of JSON that identifies the container. The service starts at the first connection.
 */
export function createContainerService(
  identity: ServiceIdentity,
  /** Receives one line for each request. */
  log: (line: string) => void = () => undefined,
): {
  readonly listener: Listener;
  close(): Promise<void>;
} {
  const answer: RequestListener = (request, response) => {
    // The body is read and discarded, because otherwise a client that is still sending it would wait.
    request.resume();
    const body = `${JSON.stringify({ ...identity, method: request.method, path: request.url })}\n`;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      server: identity.container,
    });
    log(`INFO  ${request.method ?? 'GET'} ${request.url ?? '/'} 200`);
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  // The server is created on demand, because there may be thousands of containers that no client connects to.
  let server: Server | undefined;
  let started: Promise<number> | undefined;
  return {
    listener: () => {
      server ??= createServer(answer);
      started ??= listenOnLoopback(server);
      return started;
    },
    close: () =>
      new Promise((resolve) => {
        if (server === undefined) {
          resolve();
          return;
        }
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
