import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, hex, text, utf8 } from '../../src/core/bytes.ts';
import { type MuxEvent, type MuxLimits, MuxSession } from '../../src/protocol/smux.ts';
import { protocolErrorCode } from '../support/protocol-error-code.ts';
import { fromHex } from '../support/from-hex.ts';

const session = (role: 'client' | 'server', limits: Partial<MuxLimits> = {}, keepAlive = false): MuxSession =>
  new MuxSession({ role, keepAlive, now: 0, limits });

const output = (of: MuxSession): Uint8Array => concat([...of.takeOutput(), new Uint8Array()]);

const frames = (...digits: readonly string[]): Uint8Array => fromHex(digits.join(''));

/** Events with the data of each stream joined, so that the split of the bytes does not matter. */
function summary(events: readonly MuxEvent[]): readonly string[] {
  const lines: string[] = [];
  for (const event of events) {
    const last = lines.at(-1);
    const prefix = `${event.id} data `;
    if (event.type !== 'data') lines.push(`${event.id} ${event.type}`);
    else if (last?.startsWith(prefix) === true) lines[lines.length - 1] = last + hex(event.bytes);
    else lines.push(prefix + hex(event.bytes));
  }
  return lines;
}

describe('streams', () => {
  test('stream ids are 3, 5, 7; SYN is sent at once and is not answered', () => {
    const client = session('client');
    expect([client.open(), client.open(), client.open()]).toEqual([3, 5, 7]);
    const server = session('server');
    expect(summary(server.receive(output(client)))).toEqual([
      '3 stream-opened',
      '5 stream-opened',
      '7 stream-opened',
    ]);
    expect(output(server).byteLength).toBe(0);
    expect(server.streamCount).toBe(3);
  });

  test('writing continues after the peer’s FIN; the stream is removed when both ends have sent FIN', () => {
    const client = session('client');
    const server = session('server');
    const id = client.open();
    client.write(id, utf8('question'));
    client.finish(id);
    expect(summary(server.receive(output(client)))).toEqual([
      '3 stream-opened',
      `3 data ${hex(utf8('question'))}`,
      '3 stream-finished',
    ]);
    server.write(id, utf8('answer'));
    expect(server.streamCount).toBe(1);
    server.finish(id);
    expect(server.streamCount).toBe(0);
    expect(client.streamCount).toBe(1);
    expect(summary(client.receive(output(server)))).toEqual([
      `3 data ${hex(utf8('answer'))}`,
      '3 stream-finished',
    ]);
    expect(client.streamCount).toBe(0);
  });

  test('finishing twice sends one FIN', () => {
    const client = session('client');
    client.open();
    client.finish(3);
    client.finish(3);
    expect(hex(output(client))).toBe('01000000030000000101000003000000');
  });

  test('data and FIN for unknown or finished streams are dropped', () => {
    const server = session('server');
    const strangers = frames('0102020009000000ffff', '0101000009000000');
    expect(server.receive(strangers)).toEqual([]);
    server.receive(frames('0100000003000000', '0101000003000000'));
    expect(server.receive(frames('0102010003000000ff', '0101000003000000'))).toEqual([]);
  });

  test('a repeated SYN, an empty PSH and a NOP have no effect', () => {
    const server = session('server');
    server.receive(fromHex('0100000003000000'));
    expect(server.receive(frames('0100000003000000', '0102000003000000', '0103000000000000'))).toEqual([]);
  });

  test('data is delivered as it arrives, before its frame is complete', () => {
    const server = session('server');
    server.receive(fromHex('0100000003000000'));
    expect(summary(server.receive(fromHex('01020500030000006865')))).toEqual(['3 data 6865']);
    expect(summary(server.receive(fromHex('6c6c6f')))).toEqual(['3 data 6c6c6f']);
  });
});

describe('input split anywhere', () => {
  const client = session('client');
  const first = client.open();
  client.write(first, utf8('hello'));
  const second = client.open();
  client.write(second, new Uint8Array(20).fill(7));
  client.finish(first);
  client.write(second, utf8('end'));
  client.finish(second);
  const bytes = output(client);
  const whole = summary(session('server').receive(bytes));

  test('the unsplit byte stream gives the expected events', () => {
    expect(whole).toEqual([
      '3 stream-opened',
      '3 data 68656c6c6f',
      '5 stream-opened',
      `5 data ${'07'.repeat(20)}`,
      '3 stream-finished',
      '5 data 656e64',
      '5 stream-finished',
    ]);
  });

  test('gives the same events at every offset', () => {
    for (let at = 0; at <= bytes.byteLength; at++) {
      const server = session('server');
      const events = [...server.receive(bytes.subarray(0, at)), ...server.receive(bytes.subarray(at))];
      expect(summary(events)).toEqual(whole);
    }
  });

  test('gives the same events byte by byte', () => {
    const server = session('server');
    expect(summary([...bytes].flatMap((byte) => server.receive(Uint8Array.of(byte))))).toEqual(whole);
  });

  test('gives the same events for any set of offsets, with any data', () => {
    const writes = fc.array(fc.tuple(fc.nat(4), fc.uint8Array({ maxLength: 100 })), { maxLength: 12 });
    fc.assert(
      fc.property(writes, fc.array(fc.integer({ min: 1, max: 50 })), (all, lengths) => {
        const sender = session('client');
        const ids = [0, 1, 2, 3, 4].map(() => sender.open());
        const sent = new Map(ids.map((id) => [id, '']));
        for (const [index, data] of all) {
          const id = ids[index]!;
          sender.write(id, data);
          sent.set(id, sent.get(id)! + hex(data));
        }
        const stream = output(sender);
        const receiver = session('server');
        const seen = new Map(ids.map((id) => [id, '']));
        for (let at = 0, turn = 0; at < stream.byteLength; turn++) {
          const length = lengths[turn] ?? 1000;
          for (const event of receiver.receive(stream.subarray(at, at + length)))
            if (event.type === 'data') seen.set(event.id, seen.get(event.id)! + hex(event.bytes));
          at += length;
        }
        expect(seen).toEqual(sent);
      }),
    );
  });
});

describe('errors that end the session', () => {
  test.each([
    ['version 2', '0202010003000000ff', 'mux-version'],
    ['an SSH banner', hex(utf8('SSH-2.0-x')), 'mux-version'],
    ['UPD, which is version 2', '0104080003000000', 'mux-command'],
    ['command 255', '01ff000003000000', 'mux-command'],
    ['a SYN with data', '0100010003000000ff', 'mux-frame-length'],
    ['a FIN with data', '0101010003000000ff', 'mux-frame-length'],
    ['a NOP with data', '0103010000000000ff', 'mux-frame-length'],
  ])('%s', (_, frame, code) => {
    expect(protocolErrorCode(() => session('server').receive(fromHex(frame)))).toBe(code);
  });

  test('a stream that the agent opens', () => {
    expect(protocolErrorCode(() => session('client').receive(fromHex('0100000002000000')))).toBe(
      'mux-unexpected-stream',
    );
  });

  test('too many streams, on either side', () => {
    const client = session('client', { maxStreams: 2 });
    const server = session('server', { maxStreams: 2 });
    client.open();
    client.open();
    expect(protocolErrorCode(() => client.open())).toBe('mux-streams');
    server.receive(output(client));
    expect(protocolErrorCode(() => server.receive(fromHex('0100000007000000')))).toBe('mux-streams');
  });

  test('a frame over the limit, at its header', () => {
    const server = session('server', { maxFrameBytes: 100 });
    server.receive(fromHex('0100000003000000'));
    expect(protocolErrorCode(() => server.receive(fromHex('0102650003000000')))).toBe('mux-frame-length');
  });

  test('output that is not taken', () => {
    const client = session('client', { maxBufferedBytes: 100 });
    client.open();
    expect(protocolErrorCode(() => client.write(3, new Uint8Array(93)))).toBe('mux-buffer');
    client.takeOutput();
    expect(protocolErrorCode(() => client.write(3, new Uint8Array(93)))).toBeUndefined();
  });

  test('a stream for which no number is left', () => {
    const client = new MuxSession({
      role: 'client',
      keepAlive: false,
      now: 0,
      nextStreamId: () => undefined,
    });
    expect(protocolErrorCode(() => client.open())).toBe('mux-streams');
  });

  test('writing after finish, or to an unknown stream', () => {
    const client = session('client');
    client.open();
    client.finish(3);
    expect(protocolErrorCode(() => client.write(3, utf8('x')))).toBe('mux-stream-finished');
    expect(protocolErrorCode(() => client.write(9, utf8('x')))).toBe('mux-stream-finished');
  });

  test('arbitrary bytes give events or an error code', () => {
    const start = fc.constantFrom('', '0100000003000000', '01020500030000006865');
    fc.assert(
      fc.property(
        start,
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom('client' as const, 'server' as const),
        (before, bytes, role) => {
          const victim = session(role);
          protocolErrorCode(() => {
            victim.receive(fromHex(before));
            victim.receive(bytes);
          });
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('keepalive', () => {
  test('sends a NOP every 10 s if it is on, never if it is off', () => {
    const on = session('client', {}, true);
    expect(on.nextTimeout()).toBe(10_000);
    on.tick(10_000);
    expect(hex(output(on))).toBe('0103000000000000');
    on.tick(15_000);
    expect(on.takeOutput()).toEqual([]);
    on.tick(20_000);
    expect(hex(output(on))).toBe('0103000000000000');
    const off = session('client');
    expect(off.nextTimeout()).toBeUndefined();
    off.tick(1_000_000);
    expect(off.takeOutput()).toEqual([]);
  });

  const tickUntil = (of: MuxSession, end: number): void => {
    for (let now = 10_000; now <= end; now += 10_000) of.tick(now);
  };

  test('a client fails after 30 s without any frame', () => {
    const client = session('client', {}, true);
    expect(protocolErrorCode(() => tickUntil(client, 20_000))).toBeUndefined();
    expect(protocolErrorCode(() => client.tick(30_000))).toBe('mux-peer-silent');
  });

  test('a server tolerates a silent client, which sends no NOP to an older agent', () => {
    const server = session('server', {}, true);
    expect(server.nextTimeout()).toBe(10_000);
    expect(protocolErrorCode(() => tickUntil(server, 90_000))).toBeUndefined();
  });

  test('ticks give no events, with the keepalive or without', () => {
    expect([session('client').tick(10_000), session('client', {}, true).tick(10_000)]).toEqual([[], []]);
  });

  test('any frame restarts the keepalive deadline', () => {
    const client = session('client', {}, true);
    client.receive(fromHex('0103000000000000'));
    expect(protocolErrorCode(() => tickUntil(client, 50_000))).toBeUndefined();
    expect(protocolErrorCode(() => client.tick(60_000))).toBe('mux-peer-silent');
  });

  test('a process that was suspended does not treat its peer as dead', () => {
    const client = session('client', {}, true);
    client.tick(10_000);
    expect(protocolErrorCode(() => client.tick(3_600_000))).toBeUndefined();
  });

  test('data between NOPs arrives unchanged', () => {
    const client = session('client', {}, true);
    const id = client.open();
    client.takeOutput();
    const events = client.receive(frames('0103000000000000', '0102020003000000', hex(utf8('ok'))));
    expect(events.map((event) => (event.type === 'data' ? text(event.bytes) : event.type))).toEqual(['ok']);
    expect(id).toBe(3);
  });
});
