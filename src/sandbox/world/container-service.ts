import { createServer, type RequestListener, type Server } from 'node:http';
import type { Listener } from './vpc-network.ts';

/** Who answers: a container of a task. */
export interface ServiceIdentity {
  readonly cluster: string;
  readonly service: string | undefined;
  readonly task: string;
  readonly container: string;
  readonly port: number;
}

/**
 * A small HTTP service, so that a forward to a task's port has something to talk to: any request is answered with the
 * identity of the container as one line of JSON. It starts at the first connection.
 */
export function createContainerService(
  identity: ServiceIdentity,
  /** Takes one line for each request. */
  log: (line: string) => void = () => undefined,
): {
  readonly listener: Listener;
  close(): Promise<void>;
} {
  const answer: RequestListener = (request, response) => {
    // A body that nobody reads would keep a slow client waiting.
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
  // Thousands of containers may never be asked.
  let server: Server | undefined;
  let started: Promise<number> | undefined;
  return {
    listener: () => {
      started ??= new Promise((resolve, reject) => {
        const opened = createServer(answer);
        server = opened;
        opened.once('error', reject);
        opened.listen(0, '127.0.0.1', () => {
          const address = opened.address();
          resolve(typeof address === 'object' && address !== null ? address.port : 0);
        });
      });
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
