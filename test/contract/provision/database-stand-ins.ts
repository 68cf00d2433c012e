import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll } from 'vitest';

import type { Sandbox } from '../../../src/sandbox/sandbox.ts';
import type { SeedDatabase } from '../../../src/sandbox/seed-shapes.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { cli } from '../../support/cli-in-process.ts';

/**
 * Starts simple servers in place of databases, whose engines take seconds to start, for tests of the route to them. The
 * returned function gives the id of the database that answers behind a forward through the bastion, or an empty string.
 */
export function databaseStandIns(
  sandbox: () => Sandbox,
  databases: readonly SeedDatabase[],
): (id: string) => Promise<string> {
  const places = databases.map((database) => ({
    ...database,
    server: createServer((socket) => socket.on('error', () => undefined).end(database.id)),
  }));
  beforeAll(async () => {
    for (const { privateIp, ipv6Address, port, server } of places) {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      sandbox().listen(ipv6Address ?? privateIp, port, (server.address() as AddressInfo).port);
    }
  });
  afterAll(() => {
    for (const { server } of places) server.close();
  });

  return async (id) => {
    const { host = '', port } = places.find((place) => place.id === id) ?? {};
    const signals = new FakeSignals();
    let answer: Promise<string> | undefined;
    await cli(['forward', '-L', `0:${host}:${port}`, '--via', 'bastion', '--json'], {
      env: sandbox().env,
      signals,
      onStdout: (said) => {
        const local = /"local":\{[^}]*"port":(\d+)/.exec(said)?.[1];
        if (local === undefined) return;
        answer ??= text(connect(Number(local), '127.0.0.1'))
          .catch(() => '')
          .finally(() => signals.raise('SIGINT'));
      },
    });
    return (await answer) ?? '';
  };
}
