import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';

import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import { LocalListener } from '../../../src/connect/forward/local-listener.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { type Plugin, pluginInvocation } from '../../../src/connect/plugin/plugin-transport.ts';
import { PortSession } from '../../../src/connect/forward/port-session.ts';
import { runShellSession } from '../../../src/connect/session/shell-session.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { decodeAgentMessage } from '../../../src/protocol/agent-message.ts';
import type { DataChannel } from '../../../src/protocol/data-channel.ts';
import { MuxSession } from '../../../src/protocol/smux.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { FakeGateway, SESSION } from '../../support/fake-gateway.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { ALL_TTY, fakeTerminal } from '../../support/fake-terminal.ts';

/**
 * The items of the interoperability checklist that concern a socket, a terminal, a process or a listener; the other
 * items are in test/protocol/conformance.test.ts, and docs/conformance.md has the whole table. Where an item describes
 * the official client, the test checks what our client does, and its title says so when that differs.
 */

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

describe('the WebSocket', () => {
  /** A server that records everything about its connections, optionally with an agent behind it. */
  async function gateway(agent?: DataChannel, isBinary = true) {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    const seen: string[] = [];
    const flush = (socket: WebSocket): void => {
      for (const message of agent?.takeOutput() ?? []) socket.send(message, { binary: isBinary });
    };
    const connected = new Promise<{ headers: string[]; socket: WebSocket }>((resolve) => {
      sockets.on('connection', (socket, request) => {
        socket.on('message', (data: Buffer, binary) => {
          seen.push(binary ? nameOf(data) : `text ${data.toString()}`);
          if (binary) agent?.receive(data, Date.now());
          else if (seen.length === 1) agent?.start(Date.now());
          else agent?.reconnected(Date.now());
          flush(socket);
        });
        socket.on('ping', (data: Buffer) => seen.push(`ping ${data.toString()}`));
        resolve({ headers: Object.keys(request.headers), socket });
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    closers.push(
      () => server.close(),
      () => sockets.close(),
    );
    const fake = new FakeGateway();
    const streamUrl = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/data-channel/s?role=publish_subscribe`;
    const driver = new ChannelDriver(
      { ...SESSION, streamUrl },
      'i-1',
      fake.deps({ openSocket: createOpenSocket(DIRECT, systemClock), clock: systemClock }),
      { output: () => undefined },
    );
    fake.onResume = () => Promise.resolve({ ...SESSION, streamUrl, tokenValue: 'token-2' });
    closers.push(() => driver.terminate());
    const started = driver.start();
    started.catch(() => undefined);
    const until = async (ready: () => boolean): Promise<void> => {
      while (!ready()) await new Promise((resolve) => setImmediate(resolve));
    };
    return { ...(await connected), driver, started, seen, until };
  }

  /** Message type and payload type. */
  function nameOf(frame: Uint8Array): string {
    const { messageType, payloadType } = decodeAgentMessage(frame);
    return `binary ${messageType} ${payloadType}`;
  }

  test('conformance 1: each connection is opened by one text frame; handshake, size, data, flags and acknowledgements are binary', async () => {
    const { agent } = new FakeGateway({ handshake: { sessionType: 'Standard_Stream' } });
    const { driver, started, seen, socket, until } = await gateway(agent);
    await started;
    driver.sendSize({ columns: 80, rows: 24 });
    driver.send(Buffer.from('before'));
    await until(() => seen.includes('binary input_stream_data 1'));
    const before = seen.length;
    socket.close(1000, 'Bye');
    driver.send(Buffer.from('after'));
    await until(() => seen.slice(before).includes('binary input_stream_data 1'));
    await driver.terminate();
    await until(() => seen.includes('binary input_stream_data 10'));

    const texts = seen.filter((each) => each.startsWith('text'));
    expect(texts.map((each) => /token-\d/.exec(each)?.[0])).toEqual(['token-1', 'token-2']);
    expect(seen[0]).toBe(texts[0]);
    expect(new Set(seen.filter((each) => !each.startsWith('text')))).toEqual(
      new Set([
        'ping keepalive',
        'binary acknowledge 0',
        'binary input_stream_data 6',
        'binary input_stream_data 3',
        'binary input_stream_data 1',
        'binary input_stream_data 10',
      ]),
    );
  });

  test('binary messages in text frames are read like others, although they are not text (SPEC.md §9)', async () => {
    const { agent } = new FakeGateway({ handshake: { sessionType: 'Standard_Stream' } });
    const { started } = await gateway(agent, false);
    expect(await started).toMatchObject({ sessionType: 'Standard_Stream' });
  });

  test('conformance 2: the upgrade asks for no subprotocol, origin or extension', async () => {
    const { headers } = await gateway();
    expect(headers).not.toContain('sec-websocket-protocol');
    expect(headers).not.toContain('origin');
    expect(headers).not.toContain('sec-websocket-extensions');
  });

  test('conformance 3: a ping "keepalive" follows the text frame at once', async () => {
    const { seen, socket, until } = await gateway();
    await until(() => seen.length >= 2);
    expect(seen[0]).toMatch(/^text \{"MessageSchemaVersion":"1.0"/);
    expect(seen[1]).toBe('ping keepalive');
    socket.terminate();
  });
});

async function opened(gateway: FakeGateway) {
  const driver = new ChannelDriver(SESSION, 'i-1', gateway.deps(), { output: () => undefined });
  const started = driver.start();
  started.catch(() => undefined);
  await gateway.clock.advance(1);
  return { driver, started };
}

test('conformance 4: the client ends with an error if the agent sends nothing for 30 s', async () => {
  const gateway = new FakeGateway();
  const { started } = await opened(gateway);
  await gateway.clock.advance(29_000);
  expect(gateway.terminated).toEqual([]);
  await gateway.clock.advance(2_000);
  await expect(started).rejects.toMatchObject({ code: 'agent-silent' });
});

describe('a shell', () => {
  async function shell(tty: Parameters<typeof fakeTerminal>[0]) {
    const gateway = new FakeGateway();
    const terminal = fakeTerminal(tty);
    const signals = new FakeSignals();
    const done = runShellSession({
      session: SESSION,
      target: 'i-1',
      deps: gateway.deps(),
      terminal,
      signals,
      signal: new AbortController().signal,
      report: gateway.deps().report,
    });
    done.catch(() => undefined);
    await gateway.clock.advance(1);
    gateway.say('$ ');
    await gateway.clock.advance(5);
    const sizes = (): readonly unknown[] => gateway.agentEvents.filter((event) => event.type === 'size');
    return { gateway, terminal, signals, done, sizes };
  }

  test('conformance 17: a resize sends one size message at once; SIGWINCH without a change of size sends none', async () => {
    const tty = { ...ALL_TTY, columns: 80 };
    const { gateway, signals, sizes } = await shell(tty);
    expect(sizes()).toHaveLength(1);
    signals.raise('SIGWINCH');
    await gateway.clock.advance(1_000);
    expect(sizes()).toHaveLength(1);
    tty.columns = 132;
    signals.raise('SIGWINCH');
    await gateway.clock.advance(5);
    expect(sizes().slice(1)).toEqual([{ type: 'size', columns: 132, rows: 24 }]);
    await gateway.clock.advance(5_000);
    expect(sizes()).toHaveLength(2);
  });

  test('conformance 20: Ctrl-C, Ctrl-\\ and Ctrl-Z are sent as the bytes 03, 1c and 1a, because the terminal is in raw mode', async () => {
    const { gateway, terminal } = await shell(ALL_TTY);
    for (const key of ['\x03', '\x1c', '\x1a']) {
      terminal.stdin.write(key);
      await gateway.clock.advance(5);
    }
    expect(gateway.agentEvents.flatMap((event) => (event.type === 'input' ? [...event.bytes] : []))).toEqual([
      3, 0x1c, 0x1a,
    ]);
  });

  test('conformance 44: the end of stdin is passed on and does not end the session: the output is read to its end', async () => {
    const { gateway, terminal, done } = await shell({});
    terminal.stdin.end('uptime\n');
    await gateway.clock.advance(10_000);
    expect(gateway.input).toBe('uptime\n\x04');
    gateway.say('up 3 days');
    await gateway.clock.advance(5);
    gateway.closeChannel();
    expect(await done).toBe(0);
    expect(terminal.stdout.text).toBe('$ up 3 days');
  });
});

/** The number of the first stream of the client (protocol/mux-messages.ts). */
const FIRST = 0x4080_0003;

describe('a forward', () => {
  async function forward() {
    const gateway = new FakeGateway({
      handshake: { sessionType: 'Port', properties: { portNumber: '80', type: 'LocalPortForwarding' } },
    });
    const mux = new MuxSession({ role: 'server', keepAlive: false, now: gateway.clock.now() });
    const seen: string[] = [];
    gateway.onAgentEvent = (event) => {
      if (event.type !== 'input') return;
      for (const frame of mux.receive(event.bytes)) seen.push(`${frame.type} ${frame.id}`);
    };
    const port = new PortSession(SESSION, 'i-1', gateway.deps());
    const started = port.start();
    await gateway.clock.advance(20);
    await started;
    port.ended().catch(() => undefined);
    const server = createTcpServer({ allowHalfOpen: true }, (socket: Duplex) => port.accept(socket));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const client = connectTcp({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    const events: string[] = [];
    client.on('data', (bytes: Buffer) => events.push(bytes.toString()));
    client.on('end', () => events.push('end'));
    client.on('error', () => events.push('reset'));
    closers.push(
      () => server.close(),
      () => client.destroy(),
    );
    const agent = (act: () => void): void => {
      act();
      for (const frame of mux.takeOutput()) gateway.agent.send(frame, gateway.clock.now());
      gateway.flush();
    };
    const until = async (ready: () => boolean): Promise<void> => {
      for (let i = 0; i < 5_000 && !ready(); i++) await gateway.clock.advance(1);
      expect(ready()).toBe(true);
    };
    await until(() => seen.includes(`stream-opened ${FIRST}`));
    return { gateway, mux, port, client, events, seen, agent, until };
  }

  test('conformance 37: FIN from the remote closes the read half of the local connection; the FIN goes back when the program has closed too', async () => {
    const { mux, client, events, seen, agent, until } = await forward();
    agent(() => {
      mux.write(FIRST, Buffer.from('bye'));
      mux.finish(FIRST);
    });
    await until(() => events.includes('end'));
    expect(events.join(' ')).toBe('bye end');
    expect(seen).not.toContain(`stream-finished ${FIRST}`);
    client.end();
    await until(() => seen.includes(`stream-finished ${FIRST}`));
  });

  test('conformance 38: flag 3 is reported, resets the connection that it names, and does not end the session', async () => {
    const { gateway, mux, port, events, agent, until } = await forward();
    agent(() => {
      gateway.agent.sendFlag('ConnectToPortError', gateway.clock.now());
      mux.finish(FIRST);
    });
    await until(() => events.includes('reset'));
    expect(gateway.reports).toContainEqual(expect.objectContaining({ code: 'remote-refused' }));
    expect(gateway.states()).toEqual([]);
    expect(port.openCount).toBe(0);
  });

  test('conformance 39: when the user ends the session, the client sends flag 2, calls TerminateSession and resets open connections', async () => {
    const { gateway, port, events, until } = await forward();
    const closing = port.close();
    await gateway.clock.run(closing);
    expect(gateway.agentEvents).toContainEqual({ type: 'flag', flag: 'TerminateSession' });
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
    await until(() => events.includes('reset'));
    expect(gateway.isConnected).toBe(false);
  });

  test('conformance 39: a local port that is in use is an error before a session is started', async () => {
    const listener = await LocalListener.bind('127.0.0.1', 0);
    closers.push(() => listener.close());
    await expect(LocalListener.bind('127.0.0.1', listener.port)).rejects.toMatchObject({
      code: 'local-port-taken',
    });
  });
});

test('conformance 40: close 1000 is followed by ResumeSession at once and a connection with the same ClientId and a new token', async () => {
  const gateway = new FakeGateway();
  const { driver, started } = await opened(gateway);
  gateway.say('$ ');
  await started;
  driver.send(Buffer.from('one'));
  await gateway.clock.advance(5);
  gateway.drop('connection closed with code 1000 (Bye)');
  await gateway.clock.advance(20);
  expect(gateway.resumes).toBe(1);
  const [first, second] = gateway.opens.map((open) => JSON.parse(open.text ?? '') as Record<string, string>);
  expect(second?.['ClientId']).toBe(first?.['ClientId']);
  expect([first?.['TokenValue'], second?.['TokenValue']]).toEqual(['token-1', 'token-2']);
  driver.send(Buffer.from('two'));
  await gateway.clock.advance(20);
  expect(gateway.input).toBe('onetwo');
});

test('conformance 41: if ResumeSession returns no token, the session is over, which is a transport error and not exit 0', async () => {
  const gateway = new FakeGateway();
  const { driver, started } = await opened(gateway);
  gateway.say('$ ');
  await started;
  gateway.onResume = () => Promise.resolve(undefined);
  gateway.drop();
  await gateway.clock.advance(20);
  await expect(driver.ended).rejects.toMatchObject({ code: 'session-over', role: 'transport' });
});

describe('the official plugin, started by us', () => {
  const call = {
    session: SESSION,
    region: 'eu-west-1',
    profile: undefined,
    target: 'i-1',
    ssmEndpoint: 'https://ssm.eu-west-1.amazonaws.com',
    env: { PATH: '/usr/bin' },
  };
  const invoke = (version: string) =>
    pluginInvocation({ path: '/bin/session-manager-plugin', version } satisfies Plugin, call);

  test('conformance 47: the plugin gets the response with the keys that each of its versions reads', () => {
    const { args } = invoke('1.2.0.0');
    expect(JSON.parse(args[0] ?? '')).toEqual({
      SessionId: SESSION.sessionId,
      TokenValue: SESSION.tokenValue,
      StreamUrl: SESSION.streamUrl,
    });
    expect(args.slice(1)).toEqual([
      'eu-west-1',
      'StartSession',
      '',
      '{"Target":"i-1"}',
      'https://ssm.eu-west-1.amazonaws.com',
    ]);
  });

  test('conformance 48: from 1.2.498 on the response goes through AWS_SSM_START_SESSION_RESPONSE, and no token is in argv', () => {
    for (const version of ['1.2.497.1', '1.2.707.0', '2.0.0.0']) {
      const { args, env } = invoke(version);
      expect(args[0]).toBe('AWS_SSM_START_SESSION_RESPONSE');
      expect(args.join(' ')).not.toContain(SESSION.tokenValue);
      expect(env['AWS_SSM_START_SESSION_RESPONSE']).toContain(SESSION.tokenValue);
    }
    expect(invoke('1.2.497.0').env).not.toHaveProperty('AWS_SSM_START_SESSION_RESPONSE');
  });
});
