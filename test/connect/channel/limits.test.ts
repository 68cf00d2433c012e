import { createServer } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';

import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import { LocalListener } from '../../../src/connect/forward/local-listener.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { PortSession } from '../../../src/connect/forward/port-session.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { FakeGateway, SESSION } from '../../support/fake-gateway.ts';

/** Every limit and every timeout that connect/ sets; those of the protocol are tested with the protocol. */

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

describe('invalid frames from the gateway', () => {
  test.each([
    ['message-too-large', (socket: WebSocket): void => socket.send(Buffer.alloc(1024 * 1024 + 1))],
    [
      'websocket-broken',
      (socket: WebSocket): void => {
        // A frame with reserved bits set.
        (Reflect.get(socket, '_socket') as Socket).write(Buffer.of(0xf2, 0x00));
      },
    ],
  ])(
    '%s ends the session without resuming, because a new connection would not help',
    async (code, misbehave) => {
      // ws waits 30 s for an answer to its close frame, which this gateway never sends; here that wait never ends.
      vi.useFakeTimers({ toFake: ['setTimeout'] });
      closers.push(() => vi.useRealTimers());
      const server = createServer();
      const sockets = new WebSocketServer({ server });
      sockets.on('connection', (socket) =>
        socket.once('message', () => {
          misbehave(socket);
          (Reflect.get(socket, '_socket') as Socket).pause();
        }),
      );
      const port = await listening(server);
      const gateway = new FakeGateway();
      const driver = new ChannelDriver(
        { ...SESSION, streamUrl: `ws://127.0.0.1:${port}/` },
        'i-1',
        gateway.deps({ openSocket: createOpenSocket(DIRECT, systemClock) }),
        { output: () => undefined },
      );
      await expect(driver.start()).rejects.toMatchObject({ code, role: 'transport' });
      expect(gateway.resumes).toBe(0);
      sockets.close();
    },
  );
});

describe('timeouts', () => {
  test('gateway-timeout: a WebSocket does not open in time', async () => {
    const gateway = new FakeGateway();
    const driver = new ChannelDriver(
      SESSION,
      'i-1',
      gateway.deps({ openSocket: () => new Promise(() => undefined) }),
      { output: () => undefined },
    );
    await expect(gateway.clock.run(driver.start())).rejects.toMatchObject({ code: 'gateway-timeout' });
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
  });

  test('resume-timeout: a ResumeSession without an answer is repeated, and named in the error at the end', async () => {
    const gateway = new FakeGateway();
    const driver = new ChannelDriver(SESSION, 'i-1', gateway.deps(), { output: () => undefined });
    const started = driver.start();
    await gateway.clock.advance(1);
    gateway.say('$ ');
    await started;
    gateway.onResume = () => new Promise(() => undefined);
    const ended = expect(driver.ended).rejects.toMatchObject({
      code: 'session-lost',
      cause: expect.objectContaining({ code: 'resume-timeout' }) as unknown,
    });
    gateway.drop();
    await gateway.clock.advance(25 * 60_000);
    await ended;
    expect(gateway.resumes).toBeGreaterThan(40);
  });
});

describe('local connections', () => {
  const port = async (gateway: FakeGateway): Promise<PortSession> => {
    const session = new PortSession(SESSION, 'i-1', gateway.deps());
    const started = session.start();
    await gateway.clock.advance(20);
    await started;
    session.ended().catch(() => undefined);
    return session;
  };
  const handshake = {
    sessionType: 'Port',
    properties: { portNumber: '80', type: 'LocalPortForwarding' },
  } as const;

  test('too-many-connections: the 1025th is reset and reported, and the others stay open', async () => {
    const gateway = new FakeGateway({ handshake });
    const session = await port(gateway);
    const connections = Array.from({ length: 1_025 }, () => new PassThrough());
    for (const connection of connections) session.accept(connection);
    expect(session.openCount).toBe(1_024);
    expect(connections.map((connection) => connection.destroyed).indexOf(true)).toBe(1_024);
    expect(gateway.reports).toMatchObject([{ code: 'too-many-connections', level: 'warning' }]);
    await session.close();
  });

  test('a listener without a session keeps 128 connections waiting and resets the next one', async () => {
    const listener = await LocalListener.bind('127.0.0.1', 0);
    closers.push(() => listener.close());
    const sockets = Array.from({ length: 129 }, () => connect(listener.port, '127.0.0.1'));
    const reset = await Promise.race(
      sockets.map(
        (socket) =>
          new Promise<string>((resolve) => {
            socket.on('error', (error) => resolve(error.message));
            closers.push(() => socket.destroy());
          }),
      ),
    );
    expect(reset).toContain('ECONNRESET');
    const accepted: Socket[] = [];
    listener.open((socket) => {
      accepted.push(socket);
      closers.push(() => socket.destroy());
    });
    expect(accepted).toHaveLength(128);
  });

  test('data of an old agent before the first connection is kept up to 256 KiB, then the gateway is paused', async () => {
    const gateway = new FakeGateway({ handshake, agentVersion: '3.0.196.0' });
    const session = await port(gateway);
    for (let i = 0; i < 16; i++) {
      gateway.say(Buffer.alloc(16 * 1024, i));
      await gateway.clock.advance(5);
    }
    expect(gateway.isPaused).toBe(true);
    const local = new PassThrough();
    const far = { length: 0 };
    local.on('data', (bytes: Buffer) => {
      far.length += bytes.byteLength;
    });
    session.accept(local);
    for (let i = 0; i < 1_000 && far.length < 256 * 1024; i++) await gateway.clock.advance(1);
    expect(gateway.isPaused).toBe(false);
    expect(far.length).toBeGreaterThanOrEqual(256 * 1024);
    await session.close();
  });
});
