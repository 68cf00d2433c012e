import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MuxEvent, MuxSession } from '../../../src/protocol/smux.ts';
import { type Lab, PRIVATE_IP, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab;
const clients: RawClient[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  lab = await startLab();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) server.close();
  await lab.close();
});

/** A server that the container reaches at its own port 8080. */
async function serve(onConnection: (socket: Socket) => void): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  lab.network.listen(PRIVATE_IP, 8080, (server.address() as AddressInfo).port);
}

const forwarding = (properties: Record<string, string> = {}) =>
  ({
    type: 'Port',
    properties: { portNumber: '8080', type: 'LocalPortForwarding', localPortNumber: '0', ...properties },
  }) as const;

/** The client side of a mux session. */
class Mux {
  readonly client: RawClient;
  readonly session: MuxSession;
  readonly events: MuxEvent[] = [];
  #taken = 0;

  constructor(client: RawClient, keepAlive = false) {
    this.client = client;
    this.session = new MuxSession({ role: 'client', keepAlive, now: Date.now() });
  }

  static async open(plan = forwarding()): Promise<Mux> {
    const client = await RawClient.open(lab.start(plan));
    clients.push(client);
    await client.event('opened');
    return new Mux(client);
  }

  act<T>(action: (session: MuxSession) => T): T {
    const result = action(this.session);
    for (const frame of this.session.takeOutput()) this.client.send(frame);
    return result;
  }

  data(id: number): Buffer {
    return Buffer.concat(
      this.events.flatMap((event) => (event.type === 'data' && event.id === id ? [event.bytes] : [])),
    );
  }

  isFinished(id: number): boolean {
    return this.events.some((event) => event.type === 'stream-finished' && event.id === id);
  }

  until(probe: () => boolean, what: string): Promise<true> {
    return this.client.until(() => {
      for (const bytes of this.client.bytes.slice(this.#taken))
        this.events.push(...this.session.receive(bytes));
      this.#taken = this.client.bytes.length;
      return probe() || undefined;
    }, what);
  }
}

test('mux: several connections carry data in both directions and are closed by the server, and the session continues', async () => {
  await serve((socket) => {
    socket.on('data', (bytes) => {
      socket.write(`you said ${bytes.toString()}`);
      socket.end();
    });
  });
  const mux = await Mux.open();
  const [first, second] = mux.act((session) => {
    const ids = [session.open(), session.open()] as const;
    for (const id of ids) session.write(id, Buffer.from(`hello ${id}`));
    return ids;
  });
  await mux.until(() => mux.isFinished(first) && mux.isFinished(second), 'both FINs');
  expect([first, second]).toEqual([3, 5]);
  expect(mux.data(3).toString()).toBe('you said hello 3');
  expect(mux.data(5).toString()).toBe('you said hello 5');
  expect(lab.gateway.sessions.records()[0]?.status).toBe('Connected');
});

test('mux: the agent sends nothing by itself between HandshakeComplete and the first stream', async () => {
  const mux = await Mux.open();
  const frames = mux.client.frames.length;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(mux.client.frames.length).toBe(frames);
});

test('mux: a connection to a closed port gets flag 3 and then FIN, each time', async () => {
  const mux = await Mux.open();
  for (const id of [3, 5]) {
    mux.act((session) => session.open());
    await mux.until(() => mux.isFinished(id), `FIN of ${id}`);
  }
  expect(mux.client.events.filter((event) => event.type === 'connect-to-port-error')).toHaveLength(2);
});

test('mux: a FIN from the client closes the whole server connection, so a late answer is lost (transcript d4)', async () => {
  const seen: string[] = [];
  await serve((socket) => {
    socket.on('error', () => seen.push('error'));
    socket.on('data', (bytes) => seen.push(bytes.toString()));
    socket.on('end', () => {
      seen.push('end');
      socket.end('LATE');
    });
  });
  const mux = await Mux.open();
  mux.act((session) => {
    const id = session.open();
    session.write(id, Buffer.from('hello half close'));
    session.finish(id);
  });
  await mux.until(() => mux.isFinished(3), 'FIN');
  await mux.until(() => seen.includes('end'), 'EOF at the server');
  expect(mux.data(3).toString()).toBe('');
  expect(seen.slice(0, 2)).toEqual(['hello half close', 'end']);
});

test('mux: the end of data from the server closes its connection in both directions (transcript d5)', async () => {
  let ended = false;
  await serve((socket) => {
    socket.on('error', () => undefined);
    socket.on('end', () => {
      ended = true;
    });
    socket.resume();
    socket.end('first\n');
  });
  const mux = await Mux.open();
  mux.act((session) => session.open());
  await mux.until(() => mux.isFinished(3), 'FIN');
  await mux.until(() => ended, 'EOF at the server');
  expect(mux.data(3).toString()).toBe('first\n');
});

/**
 * The window depends on the delay and may be smaller than the data: then the data is written when nothing is
 * unacknowledged.
 */
const mayWrite = ({ client: { channel } }: Mux, bytes: number): boolean =>
  channel.room > bytes || channel.unackedBytes === 0;

test('mux: megabytes in both directions through an echo server that waits until its output is sent', async () => {
  await serve((socket) => socket.pipe(socket));
  const mux = await Mux.open();
  const sent = randomBytes(3_000_000);
  const id = mux.act((session) => session.open());
  for (let at = 0; at < sent.length; at += 16_384) {
    await mux.until(() => mayWrite(mux, 16_384), 'room');
    mux.act((session) => session.write(id, sent.subarray(at, at + 16_384)));
  }
  await mux.until(() => mux.data(id).length >= sent.length, 'echo');
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  expect(digest(mux.data(id))).toBe(digest(sent));
});

test('mux: while one server does not read, data for others still arrives, and memory stays bounded', async () => {
  const sockets: Socket[] = [];
  await serve((socket) => {
    socket.on('error', () => undefined);
    socket.pause();
    sockets.push(socket);
  });
  const mux = await Mux.open();
  const [stalled, busy] = mux.act((session) => [session.open(), session.open()] as const);
  await mux.until(() => sockets.length === 2, 'both connections');
  const piece = Buffer.alloc(32_768, 1);
  let sent = 0;
  // Writes until the agent takes no more: its buffer, the kernel's buffers and one window are full.
  for (let quiet = 0; quiet < 30;) {
    if (mayWrite(mux, piece.length)) {
      mux.act((session) => session.write(stalled, piece));
      sent += piece.length;
      quiet = 0;
    } else {
      quiet++;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  expect(sent).toBeLessThan(24 * 1024 * 1024);
  sockets[1]?.end(Buffer.alloc(3_000_000, 2));
  await mux.until(() => mux.isFinished(busy), 'the download beside it');
  expect(mux.data(busy).length).toBe(3_000_000);
  let received = 0;
  sockets[0]?.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  sockets[0]?.resume();
  await mux.until(() => received === sent, 'the upload, once the server reads');
});

test('the flag TerminateSession ends the session and its connections', async () => {
  let closed = false;
  await serve((socket) => {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      closed = true;
    });
    socket.resume();
    socket.on('end', () => socket.end());
    socket.write('hi');
  });
  const mux = await Mux.open();
  mux.act((session) => session.open());
  await mux.until(() => mux.data(3).length === 2, 'data');
  mux.client.act((channel, now) => channel.sendFlag('TerminateSession', now));
  expect(await mux.client.event('closed')).toMatchObject({ output: '' });
  await mux.until(() => closed, 'server connection closed');
  expect(lab.gateway.sessions.records()[0]?.status).toBe('Terminated');
});

test.each([
  ['169.254.169.254', 'Forwarding to IP address 169.254.169.254 is forbidden.'],
  ['10.0.0.2', 'Forwarding to IP address 10.0.0.2 is forbidden.'],
  ['nosuch.invalid', 'lookup nosuch.invalid on 10.0.0.2:53: no such host'],
])('remote host %s fails the session after the handshake', async (host, output) => {
  const client = await RawClient.open(lab.start(forwarding({ host })));
  clients.push(client);
  expect(await client.event('closed')).toMatchObject({ output });
  expect(client.events.some((event) => event.type === 'opened')).toBe(true);
  expect(lab.gateway.sessions.records()[0]?.status).toBe('Failed');
});

test('stdio: the server ends the only connection', async () => {
  await serve((socket) => {
    socket.write('220 ready\r\n');
    socket.on('data', (bytes) => socket.end(`221 ${bytes.toString('hex')}\r\n`));
  });
  const client = await RawClient.open(lab.start({ type: 'Port', properties: { portNumber: '8080' } }));
  clients.push(client);
  await client.untilOutput('220 ready');
  client.send('\n');
  await client.event('closed');
  expect(client.stdout).toBe('220 ready\r\n221 0a\r\n');
});

test('stdio: a closed port makes the session fail', async () => {
  const client = await RawClient.open(lab.start({ type: 'Port', properties: { portNumber: '9' } }));
  clients.push(client);
  expect((await client.event('closed')).output).toMatch(
    /^Unable to connect to specified port: dial tcp 127\.0\.0\.1:9: connect: connection refused$/,
  );
});

test('basic listener mode for old clients: data of the next connection makes the agent connect again', async () => {
  let connections = 0;
  await serve((socket) => {
    connections++;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => socket.write(`${connections}:${bytes.toString()};`));
  });
  const client = await RawClient.open(lab.start(forwarding()), { clientVersion: '1.0.0.0' });
  clients.push(client);
  expect(await client.event('opened')).toMatchObject({ agentVersion: '3.3.987.0' });
  client.send('one');
  await client.untilOutput('1:one;');
  client.act((channel, now) => channel.sendFlag('DisconnectToPort', now));
  client.send('two');
  await client.untilOutput('2:two;');
});
