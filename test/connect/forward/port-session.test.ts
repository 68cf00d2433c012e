import { createServer, connect as connectTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';

import { Forward } from '../../../src/connect/forward/forward.ts';
import type { ReadPeer } from '../../../src/connect/forward/local-peer.ts';
import { LocalListener } from '../../../src/connect/forward/local-listener.ts';
import { PortSession } from '../../../src/connect/forward/port-session.ts';
import { MuxSession } from '../../../src/protocol/smux.ts';
import { FakeGateway, SESSION } from '../../support/fake-gateway.ts';
import { reportSkip } from '../../support/on-path.ts';

const handshake = {
  sessionType: 'Port',
  properties: { portNumber: '80', type: 'LocalPortForwarding' },
} as const;

const hasIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

if (!hasIpv6()) reportSkip('a port in use on ::1', 'this machine has no IPv6');

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** The numbers of the first streams of the client (protocol/mux-messages.ts). */
const [FIRST, SECOND, THIRD] = [0x4080_0003, 0x4080_0005, 0x4080_0007];

/** The agent side of a mux session: it records what each stream received, and can answer. */
function muxAgent(gateway: FakeGateway) {
  const mux = new MuxSession({ role: 'server', keepAlive: false, now: gateway.clock.now() });
  const streams = new Map<number, { data: string; finished: boolean }>();
  const flush = (): void => {
    for (const frame of mux.takeOutput()) gateway.agent.send(frame, gateway.clock.now());
    gateway.flush();
  };
  gateway.onAgentEvent = (event) => {
    if (event.type !== 'input') return;
    for (const frame of mux.receive(event.bytes)) {
      if (frame.type === 'stream-opened') streams.set(frame.id, { data: '', finished: false });
      const stream = streams.get(frame.id);
      if (stream === undefined) continue;
      if (frame.type === 'data') stream.data += Buffer.from(frame.bytes).toString('latin1');
      if (frame.type === 'stream-finished') stream.finished = true;
    }
  };
  return {
    streams,
    write: (id: number, text: string | Uint8Array) => {
      mux.write(id, Buffer.from(text));
      flush();
    },
    finish: (id: number) => {
      mux.finish(id);
      flush();
    },
  };
}

async function session(gateway: FakeGateway, readPeer?: ReadPeer) {
  const counts: number[] = [];
  const port = new PortSession(SESSION, 'i-1', gateway.deps(), {
    connections: (open) => counts.push(open),
    ...(readPeer === undefined ? {} : { readPeer }),
  });
  const started = port.start();
  started.catch(() => undefined);
  await gateway.clock.advance(20);
  await started;
  port.ended().catch(() => undefined);
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
    port.accept(socket),
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => void server.close());
  const dial = (): Promise<LocalClient> => client((server.address() as AddressInfo).port);
  return { port, counts, dial };
}

interface LocalClient {
  readonly socket: Socket;
  readonly received: () => string;
  readonly end: Promise<'end' | 'reset'>;
}

async function client(port: number): Promise<LocalClient> {
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  const end = new Promise<'end' | 'reset'>((resolve) => {
    socket.on('end', () => resolve('end'));
    socket.on('error', () => resolve('reset'));
  });
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve());
  });
  closers.push(() => void socket.destroy());
  return { socket, received: () => received, end };
}

/** Lets the real sockets and the fake clock, which the test moves, continue until `ready`. */
async function until(gateway: FakeGateway, ready: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !ready(); i++) await gateway.clock.advance(1);
  expect(ready()).toBe(true);
}

describe('mux connections', () => {
  test('several connections at the same time carry their own bytes', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial, port } = await session(gateway);
    const clients = await Promise.all([dial(), dial(), dial()]);
    for (const [index, { socket }] of clients.entries()) socket.write(`hello ${index}`);
    await until(gateway, () => [...agent.streams.values()].filter((each) => each.data !== '').length === 3);
    for (const [id, { data }] of agent.streams) agent.write(id, `re: ${data}`);
    await until(gateway, () => clients.every((each) => each.received() !== ''));
    expect(clients.map((each) => each.received())).toEqual(['re: hello 0', 're: hello 1', 're: hello 2']);
    expect([...agent.streams.keys()]).toEqual([FIRST, SECOND, THIRD]);
    expect(port.openCount).toBe(3);
  });

  test('every byte value arrives unchanged, a single 0x0A too', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway);
    const { socket, received } = await dial();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    socket.write('\n');
    await until(gateway, () => agent.streams.get(FIRST)?.data === '\n');
    socket.write(bytes);
    await until(gateway, () => agent.streams.get(FIRST)?.data.length === 257);
    agent.write(FIRST, bytes);
    await until(gateway, () => received().length === 256);
    expect(received()).toBe(bytes.toString('latin1'));
  });

  test('an end of data from the local program does not cut off the reply', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway);
    const { socket, received, end } = await dial();
    socket.end('GET / HTTP/1.0\r\n\r\n');
    await until(gateway, () => agent.streams.get(FIRST)?.data.includes('GET') === true);
    await gateway.clock.advance(10_000);
    expect(agent.streams.get(FIRST)?.finished).toBe(false);
    agent.write(FIRST, 'HTTP/1.0 200 OK\r\n\r\n');
    agent.write(FIRST, 'body');
    agent.finish(FIRST);
    await until(gateway, () => agent.streams.get(FIRST)?.finished === true);
    expect(await end).toBe('end');
    expect(received()).toBe('HTTP/1.0 200 OK\r\n\r\nbody');
  });

  test('if the program has closed its connection, the connection of the server is closed at once', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial, counts } = await session(gateway, () => Promise.resolve('closed'));
    const { socket } = await dial();
    socket.end('bye');
    await until(gateway, () => agent.streams.get(FIRST)?.finished === true);
    expect(agent.streams.get(FIRST)?.data).toBe('bye');
    expect(counts.at(-1)).toBe(0);
  });

  test('a program that still reads gets an answer that comes after a minute', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway, () => Promise.resolve('reading'));
    const { socket, received, end } = await dial();
    socket.end('question');
    await until(gateway, () => agent.streams.get(FIRST)?.data === 'question');
    await gateway.clock.advance(60_000);
    expect(agent.streams.get(FIRST)?.finished).toBe(false);
    agent.write(FIRST, 'answer');
    agent.finish(FIRST);
    expect(await end).toBe('end');
    expect(received()).toBe('answer');
  });

  test('if it is unknown whether the program reads, and its last request is answered, the server gets FIN within 100 ms', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway, () => Promise.resolve('unknown'));
    const { socket, received } = await dial();
    socket.write('question');
    await until(gateway, () => agent.streams.get(FIRST)?.data === 'question');
    agent.write(FIRST, 'answer');
    await until(gateway, () => received() === 'answer');
    const before = gateway.clock.now();
    socket.end();
    await until(gateway, () => agent.streams.get(FIRST)?.finished === true);
    expect(gateway.clock.now() - before).toBeLessThanOrEqual(100);
  });

  test.each([
    ['the server gets FIN within 100 ms', false, true],
    ['unless the server still sends: then only the check decides', true, false],
  ])('while the kernel is asked, and the last request is answered, %s', async (_, isSending, isFinished) => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    let isAsked = false;
    const { dial } = await session(gateway, () => {
      isAsked = true;
      return new Promise(() => undefined);
    });
    const { socket, received } = await dial();
    socket.write('question');
    await until(gateway, () => agent.streams.get(FIRST)?.data === 'question');
    agent.write(FIRST, 'answer');
    await until(gateway, () => received() === 'answer');
    socket.end();
    while (!isAsked) await new Promise(setImmediate);
    await gateway.clock.advance(50);
    if (isSending) agent.write(FIRST, ' and more');
    await gateway.clock.advance(49);
    expect(agent.streams.get(FIRST)?.finished).toBe(isFinished);
  });

  test('if it is unknown, and more than four connections wait for an answer, the oldest are closed', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway, () => Promise.resolve('unknown'));
    for (let i = 0; i < 6; i++) {
      const { socket } = await dial();
      socket.end('question');
      await until(gateway, () => [...agent.streams.values()][i]?.data === 'question');
      await gateway.clock.advance(5);
    }
    await until(gateway, () => [...agent.streams.values()].filter(({ finished }) => finished).length === 2);
    expect([...agent.streams.values()].map(({ finished }) => finished)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test('if it is unknown, and no answer comes, the server gets FIN after fifteen seconds', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial, counts } = await session(gateway, () => Promise.resolve('unknown'));
    const { socket } = await dial();
    socket.end('bye');
    await until(gateway, () => agent.streams.get(FIRST)?.data === 'bye');
    await gateway.clock.advance(16_000);
    await until(gateway, () => agent.streams.get(FIRST)?.finished === true);
    expect(counts.at(-1)).toBe(0);
  });

  test('a refused remote port resets only its own connection, and the session continues', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway);
    const first = await dial();
    await until(gateway, () => agent.streams.has(FIRST));
    gateway.agent.sendFlag('ConnectToPortError', gateway.clock.now());
    agent.finish(FIRST);
    await until(gateway, () => first.socket.destroyed || first.socket.errored !== null);
    expect(await first.end).toBe('reset');
    expect(gateway.reports).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ code: 'remote-refused' })]) as object,
    );
    const second = await dial();
    second.socket.write('x');
    await until(gateway, () => agent.streams.get(SECOND)?.data === 'x');
  });

  test('a reset by the local program is passed on', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway);
    const { socket } = await dial();
    await until(gateway, () => agent.streams.has(FIRST));
    socket.resetAndDestroy();
    await until(gateway, () => agent.streams.get(FIRST)?.finished === true);
  });

  test('an upload larger than the window is neither lost nor buffered without limit', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway);
    const { socket } = await dial();
    const megabytes = Buffer.alloc(3 * 1024 * 1024, 'u');
    socket.write(megabytes);
    await until(gateway, () => agent.streams.get(FIRST)?.data.length === megabytes.byteLength);
  });

  test('a program that does not read pauses the gateway at a limit, and no data is lost', async () => {
    const gateway = new FakeGateway({ handshake });
    const agent = muxAgent(gateway);
    const { dial } = await session(gateway);
    const { socket, received } = await dial();
    await until(gateway, () => agent.streams.has(FIRST));
    socket.pause();
    const total = 24 * 1024 * 1024;
    const piece = Buffer.alloc(32 * 1024, 'd');
    let sent = 0;
    const feed = async (): Promise<void> => {
      while (sent < total && !gateway.isPaused) {
        if (gateway.agent.room === 0) {
          await gateway.clock.advance(1);
          continue;
        }
        agent.write(FIRST, piece);
        sent += piece.byteLength;
        await gateway.clock.advance(1);
      }
    };
    await feed();
    expect(gateway.isPaused).toBe(true);
    // The limit of four megabytes, and the bytes in the kernel's own socket buffers.
    expect(sent).toBeLessThan(total / 2);
    socket.resume();
    await until(gateway, () => !gateway.isPaused && received().length === sent);
  });

  test('when the session ends every connection is reset', async () => {
    const gateway = new FakeGateway({ handshake });
    muxAgent(gateway);
    const { dial } = await session(gateway);
    const { end } = await dial();
    await gateway.clock.advance(5);
    gateway.closeChannel();
    expect(await end).toBe('reset');
  });

  test('a malformed smux frame ends the session with an error code', async () => {
    const gateway = new FakeGateway({ handshake });
    const port = new PortSession(SESSION, 'i-1', gateway.deps());
    const started = port.start();
    await gateway.clock.advance(20);
    await started;
    const ended = port.ended();
    gateway.say(Buffer.from('0900000003000000', 'hex'));
    await expect(ended).rejects.toMatchObject({ role: 'transport' });
  });
});

describe('basic connections (old agents)', () => {
  test('are opened one at a time; the next waits and is announced with DisconnectToPort', async () => {
    const gateway = new FakeGateway({ handshake, agentVersion: '3.0.196.0' });
    const { dial } = await session(gateway);
    gateway.say('220 welcome');
    const first = await dial();
    await until(gateway, () => first.received() === '220 welcome');
    const second = await dial();
    first.socket.write('one');
    second.socket.write('two');
    await until(gateway, () => gateway.input === 'one');
    await gateway.clock.advance(100);
    expect(gateway.input).toBe('one');
    first.socket.end();
    await until(gateway, () => gateway.input === 'onetwo');
    expect(gateway.agentEvents.map((event) => (event.type === 'flag' ? event.flag : event.type))).toEqual([
      'agent-opened',
      'input',
      'DisconnectToPort',
      'input',
    ]);
    gateway.say('answer');
    await until(gateway, () => second.received() === 'answer');
  });
});

describe('local listeners', () => {
  test('a port that is in use is an error that names the process and says what to do', async () => {
    const listener = await LocalListener.bind('127.0.0.1', 0);
    closers.push(() => listener.close());
    await expect(LocalListener.bind('127.0.0.1', listener.port)).rejects.toMatchObject({
      code: 'local-port-taken',
      role: 'failed',
      message: expect.stringContaining(`127.0.0.1:${listener.port}`) as string,
      details: {
        holder: process.platform === 'linux' ? expect.stringContaining(`pid ${process.pid}`) : undefined,
      },
    });
  });

  test('an address that is not of this machine is rejected', async () => {
    await expect(LocalListener.bind('203.0.113.1', 0)).rejects.toMatchObject({
      code: 'bind-address-invalid',
    });
  });

  test('connections that arrive before the session is open wait, and nothing is read from them', async () => {
    const listener = await LocalListener.bind('127.0.0.1', 0);
    closers.push(() => listener.close());
    const early = await client(listener.port);
    early.socket.write('early');
    await new Promise((resolve) => setImmediate(resolve));
    const got = new Promise<string>((resolve) => {
      listener.open((socket) => {
        closers.push(() => void socket.destroy());
        socket.on('data', (bytes: Buffer) => resolve(bytes.toString()));
        socket.resume();
      });
    });
    expect(await got).toBe('early');
  });
});

describe('a listener on loopback', () => {
  test('accepts connections to 127.0.0.1 and ::1 on the same port', async () => {
    const listener = await LocalListener.bindLoopback(0);
    closers.push(() => listener.close());
    const accepted = new Promise<void>((resolve) => {
      let count = 0;
      listener.open((socket) => {
        closers.push(() => void socket.destroy());
        if (++count === hosts.length) resolve();
      });
    });
    const hosts = hasIpv6() ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
    for (const host of hosts) {
      const socket = connectTcp({ host, port: listener.port });
      socket.on('error', () => undefined);
      closers.push(() => void socket.destroy());
    }
    await accepted;
  });

  test.runIf(hasIpv6())('fails if the port is in use on ::1', async () => {
    const other = await LocalListener.bind('::1', 0);
    closers.push(() => other.close());
    await expect(LocalListener.bindLoopback(other.port)).rejects.toMatchObject({ code: 'local-port-taken' });
  });
});

describe('a forward', () => {
  /** Starts a forward: its first session uses the first gateway, each replacement the next one. */
  async function forwardOver(host: string, first: FakeGateway, ...others: readonly FakeGateway[]) {
    const listener = await LocalListener.bind('127.0.0.1', 0);
    const gateways = [first, ...others];
    let routes = 0;
    const forward = new Forward({
      listener,
      remote: { host, port: 5432 },
      // All sessions share one clock and one report; the sockets of each session use its own gateway.
      deps: first.deps({
        openSocket: (url, options, events) =>
          (gateways[routes - 1] ?? first).openSocket(url, options, events),
      }),
      openRoute: () => {
        routes++;
        return Promise.resolve({ target: `i-${routes}`, via: 'bastion', session: SESSION });
      },
    });
    closers.push(() => forward.close());
    const started = forward.start();
    await first.clock.advance(20);
    await started;
    const running = forward.run();
    running.catch(() => undefined);
    return { forward, running, port: listener.port };
  }

  test('a lost session is replaced on the same port; new connections work, old ones are reset', async () => {
    const first = new FakeGateway({ handshake });
    const second = new FakeGateway({ handshake });
    muxAgent(first);
    const agent = muxAgent(second);
    const { forward, running, port } = await forwardOver('db', first, second);
    const old = await client(port);
    await first.clock.advance(5);
    first.closeChannel('idle timeout');
    expect(await old.end).toBe('reset');
    const waiting = await client(port);
    waiting.socket.write('still there?');
    await until(first, () => agent.streams.get(FIRST)?.data === 'still there?');
    expect(first.reports.filter((event) => event.type === 'forward-ready')).toHaveLength(1);
    expect(first.states()).toEqual(['interrupted', 'replaced']);
    await forward.close();
    await running;
  });

  test('sessions that end at once with the same reason end the forward', async () => {
    const first = new FakeGateway({ handshake });
    const second = new FakeGateway({ handshake });
    const { running } = await forwardOver('orders-db', first, second);
    first.closeChannel('lookup orders-db: no such host');
    await until(first, () => first.states().includes('replaced'));
    second.closeChannel('lookup orders-db: no such host');
    await expect(running).rejects.toMatchObject({
      code: 'session-failed',
      message: 'each session to orders-db:5432 ends at once: lookup orders-db: no such host',
      details: { host: 'orders-db', port: 5432 },
    });
  });

  test('sessions that end at once without a reason are an outage: an agent that restarts gives no reason', async () => {
    const first = new FakeGateway({ handshake });
    const second = new FakeGateway({ handshake });
    const third = new FakeGateway({ handshake });
    const agent = muxAgent(third);
    const { forward, running, port } = await forwardOver('db', first, second, third);
    const replacements = (): number => first.states().filter((state) => state === 'replaced').length;
    first.closeChannel();
    await until(first, () => replacements() === 1);
    second.closeChannel();
    await until(first, () => replacements() === 2);
    (await client(port)).socket.write('still there?');
    await until(first, () => agent.streams.get(FIRST)?.data === 'still there?');
    await forward.close();
    await running;
  });

  test('an error that prevents the first session from starting is thrown', async () => {
    const gateway = new FakeGateway({ handshake });
    const listener = await LocalListener.bind('127.0.0.1', 0);
    const forward = new Forward({
      listener,
      remote: { host: 'db', port: 5432 },
      deps: gateway.deps(),
      openRoute: () => Promise.reject(new Error('no bastion')),
    });
    await expect(forward.start()).rejects.toThrow('no bastion');
    await forward.close();
  });
});
