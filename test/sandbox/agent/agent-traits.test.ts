import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { AgentTrait } from '../../../src/sandbox/agent/agent-traits.ts';
import { AGENT_TRAITS, agentTraits, parseAgentTraits } from '../../../src/sandbox/agent/agent-traits.ts';
import { MuxSession } from '../../../src/protocol/smux.ts';
import { type Lab, PRIVATE_IP, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

/** Tests each trait of the official agent, and the agent without that trait (BEHAVIOUR-sessions.md). */

let lab: Lab | undefined;
const clients: RawClient[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) server.close();
  await lab?.close();
  lab = undefined;
});

async function start(without: readonly AgentTrait[], of: Parameters<typeof startLab>[0] = {}): Promise<Lab> {
  lab = await startLab({ agentWithout: without, ...of });
  return lab;
}

async function open(of: Lab, plan: Parameters<Lab['start']>[0]): Promise<RawClient> {
  const client = await RawClient.open(of.start(plan));
  clients.push(client);
  return client;
}

async function serve(of: Lab, onConnection: (socket: Socket) => void): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  of.network.listen(PRIVATE_IP, 8080, (server.address() as AddressInfo).port);
}

const command = (line: string) =>
  ({
    type: 'NonInteractiveCommands',
    command: line,
    separateOutput: true,
    stdOutPrefix: '',
    stdErrPrefix: '',
  }) as const;

const forwarding = {
  type: 'Port',
  properties: { portNumber: '8080', type: 'LocalPortForwarding', localPortNumber: '0' },
} as const;

const exitCode = (of: RawClient): number | undefined =>
  of.events.flatMap((event) => (event.type === 'exit-code' ? [event.code] : []))[0];

test('an agent has all traits, except those that are switched off', () => {
  expect([...agentTraits()]).toEqual(AGENT_TRAITS);
  expect(agentTraits(['no-half-close']).has('no-half-close')).toBe(false);
  expect(agentTraits(['no-half-close']).size).toBe(AGENT_TRAITS.length - 1);
});

test('an unknown trait is a usage error that names the known ones', () => {
  expect(parseAgentTraits(['handled-twice'])).toEqual(['handled-twice']);
  expect(() => parseAgentTraits(['tired'])).toThrow(
    expect.objectContaining({ code: 'bad-arguments', role: 'usage' }) as Error,
  );
});

describe('output-ends-at-pause', () => {
  /** The client is disconnected until the command has written its second line, and then connects again. */
  async function cutBetweenLines(without: readonly AgentTrait[]): Promise<RawClient> {
    const of = await start(without);
    const access = of.start(command(`/bin/sh -c 'echo one; sleep 0.3; echo two; sleep 0.3; echo three'`));
    const client = await RawClient.open(access);
    clients.push(client);
    await client.untilOutput('one\n');
    client.cut();
    await client.until(() => client.closeCode !== undefined, 'the cut');
    await client.until(
      () => of.gateway.sessions.find(access.sessionId)?.status === 'Disconnected',
      'the gateway to notice the cut',
    );
    const resumed = of.gateway.sessions.resume(access.sessionId);
    if (resumed === undefined || resumed === 'over') throw new Error('the session is over');
    await client.connect(resumed);
    await client.event('closed');
    return client;
  }

  test('the output of a command after a cut never arrives, but its exit code does', async () => {
    const client = await cutBetweenLines([]);
    expect([client.stdout, exitCode(client)]).toEqual(['one\n', 0]);
  });

  test('without the trait all output arrives', async () => {
    const client = await cutBetweenLines(['output-ends-at-pause']);
    expect([client.stdout, exitCode(client)]).toEqual(['one\ntwo\nthree\n', 0]);
  });
});

describe('partial-character-dropped', () => {
  const printed = async (without: readonly AgentTrait[], line: string): Promise<string> => {
    const client = await open(await start(without), command(line));
    await client.event('closed');
    return Buffer.concat(client.bytes).toString('latin1');
  };

  test.each([
    [String.raw`printf 'abc\377\376\375'`, 'abc'],
    [String.raw`printf 'abc\342\202'`, 'abc'],
    [String.raw`printf '\377abcd'`, '\xffabcd'],
    [String.raw`printf 'gr\303\274n \342\202\254'`, 'gr\xc3\xbcn \xe2\x82\xac'],
  ])('%s loses only incomplete final bytes', async (line, arrives) => {
    expect(await printed([], `/bin/sh -c "${line}"`)).toBe(arrives);
  });

  test('without the trait the last bytes arrive too', async () => {
    const line = String.raw`/bin/sh -c "printf 'abc\377\376\375'"`;
    expect(await printed(['partial-character-dropped'], line)).toBe('abc\xff\xfe\xfd');
  });
});

describe('acknowledged-when-handled', () => {
  test.each([
    [[], false],
    [['acknowledged-when-handled'], true],
  ] as const)(
    'without the traits %j: the agent acknowledges before the pty has taken the input: %s',
    async (without, acknowledged) => {
      let take: (() => void) | undefined;
      const of = await start(without, {
        machine: (machine) => ({
          ...machine,
          async terminal(options) {
            const terminal = await machine.terminal(options);
            terminal.write = (bytes, taken) => {
              take = taken;
            };
            return terminal;
          },
        }),
      });
      const client = await open(of, { type: 'Standard_Stream' });
      await client.event('opened');
      client.send('typed');
      await client.until(() => take !== undefined, 'the pty to be given the input');
      // The answer to the ping arrives after everything that the agent sent before it.
      await client.ping();
      expect(client.channel.unackedBytes === 0).toBe(acknowledged);
      take?.();
      await client.until(() => client.channel.unackedBytes === 0, 'the acknowledgement');
    },
  );
});

describe('handled-twice', () => {
  /**
   * Cuts the socket of the agent while a burst travels to it. Resolves with the bytes that the server got, and how the
   * session ended.
   */
  async function cutInTheBurst(without: readonly AgentTrait[]): Promise<{ got: number; end: string }> {
    const of = await start(without, { faults: ['cut-agent=after:100000'] });
    let got = 0;
    await serve(of, (socket) => socket.on('data', (bytes: Buffer) => (got += bytes.byteLength)));
    const client = await open(of, forwarding);
    await client.event('opened');
    const mux = new MuxSession({ role: 'client', keepAlive: false, now: Date.now() });
    mux.write(mux.open(), Buffer.alloc(200_000, 0x55));
    for (const frame of mux.takeOutput()) client.send(frame);
    const end = await client.until(() => {
      const closed = client.events.find((event) => event.type === 'closed');
      if (closed?.type === 'closed') return closed.output;
      return got >= 200_000 ? 'all arrived' : undefined;
    }, 'all bytes, or the end');
    return { got, end };
  }

  test('a message that the agent handled during the cut is handled again, which breaks the multiplexer', async () => {
    const { end } = await cutInTheBurst([]);
    expect(end).toMatch(/version|command|frame/);
  });

  test('without the trait every byte arrives once', async () => {
    expect(await cutInTheBurst(['handled-twice'])).toEqual({ got: 200_000, end: 'all arrived' });
  });
});

describe('no-half-close', () => {
  /** A server that answers at the end of the request, and a client that ends its side after the request. */
  async function answerToHalfClose(without: readonly AgentTrait[]): Promise<string> {
    const of = await start(without);
    await serve(of, (socket) => {
      socket.resume();
      socket.on('end', () => socket.end('answer'));
    });
    const client = await open(of, forwarding);
    await client.event('opened');
    const mux = new MuxSession({ role: 'client', keepAlive: false, now: Date.now() });
    const id = mux.open();
    mux.write(id, Buffer.from('request'));
    mux.finish(id);
    for (const frame of mux.takeOutput()) client.send(frame);
    let read = 0;
    let answer = '';
    await client.until(() => {
      for (; read < client.bytes.length; read++)
        for (const event of mux.receive(client.bytes[read] ?? Buffer.alloc(0))) {
          if (event.type === 'data') answer += Buffer.from(event.bytes).toString();
          if (event.type === 'stream-finished') return true;
        }
      return false;
    }, 'the FIN of the agent');
    return answer;
  }

  test('an answer that comes after the end of the request is lost', async () => {
    expect(await answerToHalfClose([])).toBe('');
  });

  test('without the trait the answer arrives', async () => {
    expect(await answerToHalfClose(['no-half-close'])).toBe('answer');
  });
});
