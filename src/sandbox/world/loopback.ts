import type { Server } from 'node:net';

/** Listens on a free port of 127.0.0.1, which the promise returns; it rejects if the operating system refuses. */
export const listenOnLoopback = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
