import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';

import type { ForwardRoute } from '../../../src/connect/forward/forward.ts';
import { LocalListener } from '../../../src/connect/forward/local-listener.ts';
import {
  FAILURE_MS,
  MAX_DESTINATIONS,
  MAX_REPORTED_REFUSALS,
  ProxyForward,
  type ProxyForwardOptions,
} from '../../../src/connect/forward/proxy-forward.ts';
import { HANDSHAKE_MS } from '../../../src/connect/forward/proxy-handshake.ts';
import { failed } from '../../../src/core/errors.ts';
import { until } from '../../support/eventually.ts';
import { FakeGateway } from '../../support/fake-gateway.ts';

/** The proxy of `-D` with real sockets, a clock that the test moves, and sessions that never open or fail. */

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function proxyWith(
  openRoute: (host: string, port: number) => Promise<ForwardRoute>,
  check: (host: string) => Promise<void> = () => Promise.resolve(),
  over: Partial<ProxyForwardOptions> = {},
) {
  const gateway = new FakeGateway();
  const listener = await LocalListener.bind('127.0.0.1', 0);
  const asked: string[] = [];
  const deps = gateway.deps();
  const proxy = new ProxyForward({
    listener,
    name: '-D 1080',
    deps,
    findCarrier: () => Promise.resolve({ via: 'bastion', target: 'i-1' }),
    allowed: [],
    checkAllowed: () => undefined,
    requests: {},
    check,
    openRoute: (host, port) => {
      asked.push(`${host}:${port}`);
      return openRoute(host, port);
    },
    reportFor: () => deps.report,
    ...over,
  });
  closers.push(() => proxy.close());
  await proxy.start();
  const warnings = (): readonly string[] =>
    gateway.reports.flatMap((event) => (event.type === 'note' ? [`${event.code}: ${event.message}`] : []));
  return { gateway, asked, warnings, dial: () => dial(listener.port) };
}

function dial(port: number) {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  const state = { received: '', isClosed: false };
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => (state.received += bytes.toString('latin1')));
  socket.on('close', () => (state.isClosed = true));
  closers.push(() => void socket.destroy());
  return { socket, state, ask: (target: string) => socket.write(`CONNECT ${target} HTTP/1.1\r\n\r\n`) };
}

const never = (): Promise<ForwardRoute> => new Promise(() => undefined);

describe('requests that never become one', () => {
  test.each([
    ['nothing', ''],
    ['half a greeting', '\x05'],
    ['a greeting without a request', '\x05\x01\x00'],
    ['half a head', 'CONNECT a:1 HTTP/1.1\r\n'],
  ])('%s: the connection is reset at the deadline, and no session is started', async (_, bytes) => {
    const { gateway, asked, dial: open } = await proxyWith(never);
    const { socket, state } = open();
    await new Promise((resolve) => socket.once('connect', resolve));
    if (bytes !== '') socket.write(Buffer.from(bytes, 'latin1'));
    await until(() => gateway.clock.pendingTimers > 0);
    await gateway.clock.advance(HANDSHAKE_MS - 1);
    expect(state.isClosed).toBe(false);
    await gateway.clock.advance(1);
    await until(() => state.isClosed);
    expect(asked).toEqual([]);
  });

  test('a program that closes in the middle leaves no timer', async () => {
    const { gateway, dial: open } = await proxyWith(never);
    const { socket } = open();
    socket.write('CONNECT a:');
    await until(() => gateway.clock.pendingTimers > 0);
    socket.destroy();
    await until(() => gateway.clock.pendingTimers === 0);
  });
});

test('two connections to one destination start one session, and names are compared without case', async () => {
  const { asked, dial: open } = await proxyWith(never);
  open().ask('db.internal:5432');
  await until(() => asked.length === 1);
  open().ask('DB.internal:5432');
  open().ask('db.internal:5433');
  await until(() => asked.length === 2);
  expect(asked).toEqual(['db.internal:5432', 'db.internal:5433']);
});

test('a failure answers the program, is reported once, and is repeated without a session for a while', async () => {
  const {
    gateway,
    asked,
    warnings,
    dial: open,
  } = await proxyWith(() =>
    Promise.reject(
      failed('port-not-open', 'bastion default may not connect to port 80', {
        details: { name: 'default', port: 80 },
      }),
    ),
  );
  const http = open();
  http.ask('admin.internal:80');
  await until(() => http.state.isClosed);
  expect(http.state.received).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*may not connect to port 80\n$/);
  const socks = open();
  socks.socket.write(Buffer.from('050100050100030e61646d696e2e696e7465726e616c0050', 'hex'));
  await until(() => socks.state.isClosed);
  expect(asked).toEqual(['admin.internal:80']);
  expect(Buffer.from(socks.state.received, 'latin1').toString('hex')).toBe('050005020001000000000000');
  expect(warnings()).toEqual([
    'port-not-open: -D 1080 to admin.internal:80: bastion default may not connect to port 80',
  ]);
  await gateway.clock.advance(FAILURE_MS);
  open().ask('admin.internal:80');
  await until(() => asked.length === 2);
});

test('one destination too many is refused with 503, and starts are spread over time', async () => {
  const { gateway, asked, warnings, dial: open } = await proxyWith(never);
  for (let i = 0; i < MAX_DESTINATIONS; i++) open().ask(`host-${i}:443`);
  await until(() => asked.length === 5);
  const clients = open();
  // The requests before this one have been read when their timers for the pace are set.
  await until(() => gateway.clock.pendingTimers >= MAX_DESTINATIONS - 5);
  expect(asked).toHaveLength(5);
  clients.ask('one-more:443');
  await until(() => clients.state.isClosed);
  expect(clients.state.received).toMatch(/^HTTP\/1\.1 503 /);
  expect(warnings()).toEqual([
    'too-many-destinations: -D 1080 to one-more:443: 20 destinations have open connections',
  ]);
  await gateway.clock.advance(400);
  expect(asked).toHaveLength(6);
  await gateway.clock.advance(14 * 400);
  expect(asked).toHaveLength(MAX_DESTINATIONS);
});

test('a host that the proxy does not lead to is refused without a session', async () => {
  const refused = failed('link-local-refused', '169.254.170.2 is a link-local address', {
    details: { host: '169.254.170.2' },
  });
  const { asked, warnings, dial: open } = await proxyWith(never, () => Promise.reject(refused));
  const http = open();
  http.ask('169.254.170.2:80');
  await until(() => http.state.isClosed);
  expect(http.state.received).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*is a link-local address\n$/);
  const socks = open();
  socks.socket.write(Buffer.from('05010005010001a9feaa020050', 'hex'));
  await until(() => socks.state.isClosed);
  expect(Buffer.from(socks.state.received, 'latin1').toString('hex')).toBe('050005020001000000000000');
  expect(asked).toEqual([]);
  expect(warnings()).toEqual([
    'link-local-refused: -D 1080 to 169.254.170.2:80: 169.254.170.2 is a link-local address',
  ]);
});

describe('hosts that are not allowed', () => {
  const onlyDb = (host: string, port: number): void => {
    if (host !== 'db.internal')
      throw failed('host-not-allowed', 'only allowed hosts are reached', { details: { host, port } });
  };

  test('are refused without a session and reported once each; allowed ones are not', async () => {
    const {
      gateway,
      asked,
      warnings,
      dial: open,
    } = await proxyWith(never, undefined, { checkAllowed: onlyDb });
    for (const round of [1, 2]) {
      const http = open();
      http.ask('admin.internal:80');
      await until(() => http.state.isClosed);
      expect(http.state.received).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
      const socks = open();
      socks.socket.write(Buffer.from('050100050100030e61646d696e2e696e7465726e616c0050', 'hex'));
      await until(() => socks.state.isClosed);
      expect(Buffer.from(socks.state.received, 'latin1').toString('hex')).toBe('050005020001000000000000');
      expect(warnings(), `round ${round}`).toEqual([
        'host-not-allowed: -D 1080 to admin.internal:80: only allowed hosts are reached',
      ]);
      await gateway.clock.advance(FAILURE_MS);
    }
    open().ask('db.internal:5432');
    await until(() => asked.length === 1);
    expect(asked).toEqual(['db.internal:5432']);
  });

  test('are not reported any more when there are many', async () => {
    const { warnings, dial: open } = await proxyWith(never, undefined, { checkAllowed: onlyDb });
    for (let i = 0; i < MAX_REPORTED_REFUSALS + 3; i++) {
      const client = open();
      client.ask(`host-${i}.example:443`);
      await until(() => client.state.isClosed);
    }
    expect(warnings()).toHaveLength(MAX_REPORTED_REFUSALS + 1);
    expect(warnings().at(-1)).toBe(
      'refusals-not-reported: -D 1080: more destinations were refused; further ones are not reported',
    );
  });
});

test('the file for browsers is answered without a session', async () => {
  const { asked, dial: open } = await proxyWith(never, undefined, {
    requests: { pacFile: () => 'function FindProxyForURL() {}' },
  });
  const client = open();
  client.socket.write('GET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1:1080\r\n\r\n');
  await until(() => client.state.isClosed);
  expect(client.state.received).toMatch(
    /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/x-ns-proxy-autoconfig\r\n[^]*\r\n\r\nfunction FindProxyForURL\(\) \{\}$/,
  );
  expect(asked).toEqual([]);
});
