import { describe, expect, test } from 'vitest';
import { hex, text, utf8 } from '../../src/core/bytes.ts';
import { decodeAgentMessage, PAYLOAD_TYPE } from '../../src/protocol/agent-message.ts';
import type { DataChannel, DataChannelEvent } from '../../src/protocol/data-channel.ts';
import {
  acknowledged,
  acknowledgeMessage,
  agent,
  client,
  closedMessage,
  converse,
  counting,
  handshakeComplete,
  handshakeRequest,
  inputMessage,
  NOW,
  openClient,
  outputMessage,
  portHandshake,
  publication,
  sent,
  streamOf,
} from '../support/channel.ts';
import { protocolErrorCode } from '../support/protocol-error-code.ts';

const types = (events: readonly DataChannelEvent[]): readonly string[] => events.map((event) => event.type);

/** Calls tick whenever the channel requests it, up to `until`; returns the messages sent. */
function run(channel: DataChannel, until: number): readonly Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let next = channel.nextTimeout(); next !== undefined && next <= until; next = channel.nextTimeout()) {
    channel.tick(next);
    messages.push(...channel.takeOutput());
  }
  return messages;
}

const sentNumbers = (messages: readonly Uint8Array[]): readonly number[] =>
  messages.map((message) => decodeAgentMessage(message).sequenceNumber);

/** The acknowledgement of our message with this number. */
const acknowledgeOf = (sequenceNumber: number): Uint8Array =>
  acknowledgeMessage({ ...decodeAgentMessage(inputMessage()), sequenceNumber });

describe('sending', () => {
  test('splits data at the payload size', () => {
    const channel = openClient({ payloadSize: 10 });
    channel.send(counting(25), NOW);
    expect(sent(channel).map((message) => message.payload.byteLength)).toEqual([10, 10, 5]);
    expect(channel.unackedBytes).toBe(25);
  });

  test('an empty buffer sends no message', () => {
    const channel = openClient();
    channel.send(new Uint8Array(), NOW);
    expect(channel.takeOutput()).toEqual([]);
  });

  test('stderr is sent separately, and so is the exit status of NonInteractiveCommands', () => {
    const far = agent({ handshake: { sessionType: 'NonInteractiveCommands' } });
    const near = client();
    converse(near, far);
    far.send(utf8('out'), NOW);
    far.send(utf8('err'), NOW, 'stderr');
    far.sendExitCode(-1, NOW);
    expect(converse(near, far).a).toMatchObject([
      { type: 'output', stream: 'stdout' },
      { type: 'output', stream: 'stderr' },
      { type: 'exit-code', code: -1 },
    ]);
  });

  test('terminate sends a message to the gateway', () => {
    const far = agent();
    far.takeOutput();
    far.terminating(NOW);
    expect(sent(far).map((message) => text(message.payload))).toEqual([
      '{"SchemaVersion":1,"SessionState":"Terminating","SessionId":"s-1"}',
    ]);
  });

  test('fractional times and a clock at 0 give valid messages', () => {
    const channel = openClient();
    channel.send(utf8('x'), 0.5);
    expect(sent(channel)).toMatchObject([{ createdDate: 1 }]);
  });
});

describe('the window', () => {
  test('room shrinks by the bytes sent and grows with acknowledgements', () => {
    const channel = openClient();
    const before = channel.room;
    channel.send(new Uint8Array(1000), NOW);
    // Whole messages of 1 KiB.
    expect(channel.room).toBe(before - 1024);
    channel.receive(acknowledgeMessage(sent(channel)[0]!), NOW + 5);
    expect(channel.room).toBeGreaterThanOrEqual(before);
  });

  test('room for less than one message counts as none, unless nothing is unacknowledged', () => {
    const channel = openClient({ limits: { maxUnackedBytes: 3000 } });
    expect(channel.room).toBe(1500);
    channel.send(new Uint8Array(500), NOW);
    expect(channel.room).toBe(0);
    const narrow = openClient({ limits: { maxUnackedBytes: 100 } });
    expect(narrow.room).toBe(50);
  });

  test('grows while acknowledgements are quick, up to half of the hard limit', () => {
    const channel = openClient({ payloadSize: 16_384, limits: { maxUnackedBytes: 2 * 1024 * 1024 } });
    const start = channel.room;
    for (let now = NOW; now < NOW + 200; now += 10) {
      channel.send(new Uint8Array(channel.room), now);
      for (const message of sent(channel)) channel.receive(acknowledgeMessage(message), now + 5);
    }
    expect(start).toBeLessThan(1024 * 1024);
    expect(channel.room).toBe(1024 * 1024);
  });

  test('shrinks when messages are lost, but never closes', () => {
    const channel = openClient();
    const start = channel.room;
    channel.send(new Uint8Array(10_000), NOW);
    run(channel, NOW + 60_000);
    expect(channel.room).toBe(0);
    for (const seq of Array.from({ length: 10 }, (_, index) => index))
      channel.receive(acknowledgeOf(seq), NOW + 60_000);
    expect(channel.room).toBeLessThan(start / 2);
    expect(channel.room).toBeGreaterThanOrEqual(4096);
  });

  test('shrinks when acknowledgements take longer and longer', () => {
    const channel = openClient({ payloadSize: 16_384 });
    const round = (now: number, roundTrip: number): void => {
      channel.send(new Uint8Array(channel.room), now);
      for (const message of sent(channel)) channel.receive(acknowledgeMessage(message), now + roundTrip);
    };
    for (let i = 0; i < 5; i++) round(NOW + i * 1000, 10);
    const grown = channel.room;
    for (let i = 5; i < 10; i++) round(NOW + i * 1000, 600);
    expect(channel.room).toBeLessThan(grown * 0.8);
  });

  test('grows again after the round trip time has become permanently longer', () => {
    const channel = openClient({ payloadSize: 4096 });
    const round = (now: number, roundTrip: number): void => {
      channel.send(new Uint8Array(channel.room), now);
      for (const message of sent(channel)) channel.receive(acknowledgeMessage(message), now + roundTrip);
    };
    round(NOW, 1);
    for (let i = 1; i < 40; i++) round(NOW + i * 1000, 150);
    expect(channel.room).toBeGreaterThan(1024 * 1024);
  });

  test('an idle sender learns nothing about the path, and its window does not change', () => {
    const channel = openClient();
    const before = channel.room;
    for (let i = 0; i < 2000; i++) {
      channel.send(new Uint8Array(100), NOW + i);
      channel.receive(acknowledgeMessage(sent(channel)[0]!), NOW + i + 1);
    }
    expect(channel.room).toBe(before);
  });

  test('there is no room before the session has started', () => {
    for (const channel of [client(), agent({ handshake: { sessionType: 'Port' } })])
      expect(protocolErrorCode(() => channel.send(utf8('x'), NOW))).toBe('channel-not-open');
  });

  test('the hard limit rejects the whole payload', () => {
    const channel = openClient({ limits: { maxUnackedBytes: 1000 } });
    channel.send(new Uint8Array(600), NOW);
    expect(protocolErrorCode(() => channel.send(new Uint8Array(401), NOW))).toBe('window-exceeded');
    expect(channel.unackedBytes).toBe(600);
    expect(protocolErrorCode(() => channel.send(new Uint8Array(400), NOW))).toBeUndefined();
    expect(channel.room).toBe(0);
  });

  test('acknowledgements of messages that were never sent change nothing', () => {
    const channel = openClient();
    channel.send(utf8('x'), NOW);
    const [message] = sent(channel);
    channel.receive(acknowledgeMessage({ ...message!, sequenceNumber: 99 }), NOW);
    expect(channel.unackedBytes).toBe(1);
    channel.receive(acknowledgeMessage(message!), NOW);
    channel.receive(acknowledgeMessage(message!), NOW);
    expect(channel.unackedBytes).toBe(0);
    expect(channel.nextTimeout()).toBeUndefined();
  });
});

describe('retransmission', () => {
  test('an agent that is busy and acknowledges nothing gets only the oldest message again', () => {
    const channel = openClient({ payloadSize: 10 });
    channel.send(counting(200), NOW);
    const first = sent(channel);
    expect(sentNumbers(run(channel, NOW + 350))).toEqual([0]);
    // The agent continues, in order: no message was lost.
    for (const [index, message] of first.entries())
      channel.receive(acknowledgeMessage(message), NOW + 351 + index);
    expect(channel.takeOutput()).toEqual([]);
    expect(channel.unackedBytes).toBe(0);
  });

  test('a message is retransmitted at once when a later one is acknowledged', () => {
    const channel = openClient({ payloadSize: 10 });
    channel.send(counting(40), NOW);
    const messages = sent(channel);
    for (const index of [0, 2, 3]) channel.receive(acknowledgeMessage(messages[index]!), NOW + 20);
    expect(channel.takeOutput()).toEqual([]);
    expect(channel.nextTimeout()).toBe(NOW + 30);
    expect(sentNumbers(run(channel, NOW + 30))).toEqual([1]);
  });

  test('a burst that was lost completely: the oldest message after the timeout, the others when that one is acknowledged', () => {
    const channel = openClient({ payloadSize: 10 });
    channel.send(counting(40), NOW);
    const [oldest] = sent(channel);
    expect(sentNumbers(run(channel, NOW + 200))).toEqual([0]);
    channel.receive(acknowledgeMessage(oldest!), NOW + 220);
    expect(sentNumbers(run(channel, NOW + 229))).toEqual([]);
    expect(sentNumbers(run(channel, NOW + 230))).toEqual([1, 2, 3]);
  });

  test('timeouts without any acknowledgement double up to two seconds, each with the next message', () => {
    const channel = openClient({ payloadSize: 10 });
    channel.send(counting(40), NOW);
    sent(channel);
    const at: number[] = [];
    for (let now = NOW; now <= NOW + 8_000; now += 10) if (run(channel, now).length > 0) at.push(now - NOW);
    expect(at).toEqual([200, 400, 800, 1600, 3200, 5200, 7200]);
  });

  test('the timeout grows to the round trip time of a slow path', () => {
    const channel = openClient();
    let repeated = 0;
    for (let now = NOW, i = 0; i < 20; i++, now += 1000) {
      channel.send(utf8('x'), now);
      const [message] = sent(channel);
      repeated = run(channel, now + 450).length;
      // Every transmission is acknowledged.
      for (let times = 0; times <= repeated; times++)
        channel.receive(acknowledgeMessage(message!), now + 450);
    }
    expect(repeated).toBe(0);
  });

  test('a clock that is set back causes an immediate retransmission instead of a long wait', () => {
    const channel = openClient();
    channel.send(utf8('x'), NOW);
    const first = channel.takeOutput();
    channel.tick(NOW - 3_600_000);
    expect(channel.takeOutput()).toEqual(first);
  });

  test('the session fails after maxUnackedMs, and the channel is closed', () => {
    const channel = openClient({ limits: { maxUnackedMs: 5_000 } });
    channel.send(utf8('x'), NOW);
    expect(protocolErrorCode(() => run(channel, NOW + 4_900))).toBeUndefined();
    expect(protocolErrorCode(() => run(channel, NOW + 10_000))).toBe('peer-silent');
    expect(channel.phase).toBe('closed');
    expect(channel.nextTimeout()).toBeUndefined();
  });

  test('any acknowledgement of the oldest message restarts maxUnackedMs', () => {
    const channel = openClient({ limits: { maxUnackedMs: 5_000 }, payloadSize: 1 });
    channel.send(utf8('xy'), NOW);
    const [first] = sent(channel);
    run(channel, NOW + 4_000);
    channel.receive(acknowledgeMessage(first!), NOW + 4_000);
    expect(protocolErrorCode(() => run(channel, NOW + 8_000))).toBeUndefined();
    expect(protocolErrorCode(() => run(channel, NOW + 12_000))).toBe('peer-silent');
  });

  test('acknowledgements of later messages do not restart maxUnackedMs', () => {
    const channel = openClient({ limits: { maxUnackedMs: 5_000 }, payloadSize: 1 });
    channel.send(utf8('xyz'), NOW);
    const [, second, third] = sent(channel);
    run(channel, NOW + 3_000);
    channel.receive(acknowledgeMessage(second!), NOW + 3_000);
    run(channel, NOW + 4_500);
    channel.receive(acknowledgeMessage(third!), NOW + 4_500);
    expect(protocolErrorCode(() => run(channel, NOW + 6_500))).toBe('peer-silent');
  });

  test('more than a window is retransmitted as acknowledgements make room', () => {
    const channel = openClient({ payloadSize: 1000, limits: { maxUnackedBytes: 200_000 } });
    channel.send(new Uint8Array(150_000), NOW);
    const messages = sent(channel);
    channel.receive(acknowledgeMessage(messages.at(-1)!), NOW + 10);
    const portion = sentNumbers(run(channel, NOW + 20));
    expect(portion.length).toBeLessThan(100);
    expect(portion).toEqual(Array.from({ length: portion.length }, (_, index) => index));
    channel.receive(acknowledgeMessage(messages[0]!), NOW + 30);
    expect(sentNumbers(channel.takeOutput())[0]).toBe(portion.length);
  });

  test('hours of suspension count as two seconds', () => {
    const channel = openClient({ limits: { maxUnackedMs: 5_000 } });
    channel.send(utf8('x'), NOW);
    expect(protocolErrorCode(() => channel.tick(NOW + 8 * 3_600_000))).toBeUndefined();
  });
});

describe('pause and disconnection', () => {
  test('new data is held, nothing is retransmitted and maxUnackedMs does not run; start_publication sends everything in order', () => {
    const channel = openClient({ limits: { maxUnackedMs: 1_000 } });
    channel.send(utf8('a'), NOW);
    channel.takeOutput();
    expect(types(channel.receive(publication('pause_publication'), NOW))).toEqual(['paused']);
    channel.send(utf8('b'), NOW);
    channel.send(utf8('c'), NOW);
    expect(channel.takeOutput()).toEqual([]);
    expect(protocolErrorCode(() => run(channel, NOW + 4_000))).toBeUndefined();
    expect(types(channel.receive(publication('start_publication'), NOW + 4_000))).toEqual(['resumed']);
    expect(sent(channel).map((message) => text(message.payload))).toEqual(['a', 'b', 'c']);
    channel.tick(NOW + 4_001);
    expect(sent(channel)).toEqual([]);
  });

  test('any stream message or acknowledgement ends the pause too', () => {
    for (const kind of ['stream', 'acknowledge'] as const) {
      const channel = openClient();
      channel.send(utf8('a'), NOW);
      const [first] = sent(channel);
      channel.receive(publication('pause_publication'), NOW);
      channel.send(utf8('b'), NOW);
      const message = kind === 'stream' ? outputMessage({ seq: 1 }) : acknowledgeMessage(first!);
      expect(types(channel.receive(message, NOW))).toContain('resumed');
      expect(streamOf(sent(channel)).map((resumed) => text(resumed.payload))).toEqual(['b']);
    }
  });

  test('acknowledgements are not held', () => {
    const channel = agent();
    channel.takeOutput();
    channel.receive(publication('pause_publication'), NOW);
    channel.receive(inputMessage({ seq: 1 }), NOW);
    expect(acknowledged(sent(channel))).toEqual([1]);
  });

  test('a pause before the session is open causes no event', () => {
    const channel = client();
    expect(channel.receive(publication('pause_publication'), NOW)).toEqual([]);
    expect(channel.receive(publication('start_publication'), NOW)).toEqual([]);
    channel.receive(publication('pause_publication'), NOW);
    expect(types(channel.receive(outputMessage(), NOW))).toEqual(['opened', 'output']);
  });

  test('a repeated pause or start causes no second event', () => {
    const channel = openClient();
    expect(types(channel.receive(publication('start_publication'), NOW))).toEqual([]);
    channel.receive(publication('pause_publication'), NOW);
    expect(types(channel.receive(publication('pause_publication'), NOW))).toEqual([]);
  });

  test('a paused channel sends one message every 5 s to check whether it is still paused', () => {
    const channel = openClient();
    channel.receive(publication('pause_publication'), NOW);
    channel.send(utf8('a'), NOW);
    channel.send(utf8('b'), NOW);
    const probes = run(channel, NOW + 11_000);
    expect(probes.length).toBe(2);
    expect(probes[0]).toEqual(probes[1]);
  });

  test('a reconnect ends a pause, and the next call returns the event', () => {
    const channel = openClient();
    channel.receive(publication('pause_publication'), NOW);
    channel.reconnected(NOW + 10);
    expect(channel.nextTimeout()).toBeLessThanOrEqual(NOW + 10);
    expect(types(channel.tick(NOW + 10))).toEqual(['resumed']);
  });

  test('while disconnected no limit runs and nothing is retransmitted, but pending acknowledgements are kept', () => {
    const channel = openClient({ limits: { maxUnackedMs: 1_000 } });
    channel.send(utf8('a'), NOW);
    channel.receive(outputMessage({ seq: 1 }), NOW);
    channel.disconnected(NOW);
    expect(channel.nextTimeout()).toBeUndefined();
    channel.tick(NOW + 600_000);
    expect(acknowledged(sent(channel))).toEqual([1]);
    channel.reconnected(NOW + 600_000);
    expect(streamOf(sent(channel)).map((message) => text(message.payload))).toEqual(['a']);
  });

  test('a new socket gets 32 KiB at once and the rest gradually, in order, each message once', () => {
    const channel = openClient();
    const letters = Array.from({ length: 60 }, (_, i) => String.fromCharCode(65 + i));
    for (const letter of letters) channel.send(utf8(letter.repeat(1024)), NOW);
    sent(channel);
    channel.reconnected(NOW + 5);
    const numbers = (): readonly string[] =>
      streamOf(sent(channel)).map((message) => text(message.payload).slice(0, 1));
    const seen = [...numbers()];
    expect(seen).toEqual(letters.slice(0, 32));
    for (let seq = 0; seq < 60; seq++) {
      channel.receive(acknowledgeOf(seq), NOW + 10);
      seen.push(...numbers());
    }
    expect(seen).toEqual(letters);
  });

  test('no data is lost with a driver that never reports a disconnection', () => {
    const channel = openClient();
    channel.send(utf8('a'), NOW);
    channel.reconnected(NOW + 5);
    expect(streamOf(sent(channel)).map((message) => text(message.payload))).toEqual(['a']);
  });
});

describe('receiving out of order', () => {
  test('a full buffer drops messages without acknowledgement, so the peer retransmits, and nothing is lost', () => {
    for (const limits of [{ maxOutOfOrderMessages: 1 }, { maxOutOfOrderBytes: 4 }]) {
      const channel = openClient({ limits });
      channel.receive(outputMessage({ seq: 2, payload: 'ccc' }), NOW);
      const events = channel.receive(outputMessage({ seq: 3, payload: 'ddd' }), NOW);
      expect(events).toMatchObject([
        { type: 'ignored', reason: expect.stringMatching(/^out-of-order-limit/) },
      ]);
      expect(acknowledged(sent(channel))).toEqual([2]);
      channel.receive(outputMessage({ seq: 1, payload: 'bbb' }), NOW);
      expect(types(channel.receive(outputMessage({ seq: 3, payload: 'ddd' }), NOW))).toEqual(['output']);
    }
  });

  test('the same early message uses its buffer space only once', () => {
    const channel = openClient({ limits: { maxOutOfOrderBytes: 6 } });
    const early = outputMessage({ seq: 2, payload: 'ccc' });
    for (let i = 0; i < 5; i++) channel.receive(early, NOW);
    expect(acknowledged(sent(channel))).toEqual([2, 2, 2, 2, 2]);
    expect(channel.receive(outputMessage({ seq: 3, payload: 'ddd' }), NOW)).toEqual([]);
    expect(types(channel.receive(outputMessage({ seq: 1 }), NOW))).toEqual(['output', 'output', 'output']);
  });

  test('buffer space is freed when the gap closes', () => {
    const channel = openClient({ limits: { maxOutOfOrderBytes: 3 } });
    for (let seq = 1; seq < 20; seq += 2) {
      expect(channel.receive(outputMessage({ seq: seq + 1, payload: 'abc' }), NOW)).toEqual([]);
      expect(types(channel.receive(outputMessage({ seq, payload: 'abc' }), NOW))).toEqual([
        'output',
        'output',
      ]);
    }
  });

  test('a sequence number too far ahead ends the session', () => {
    const channel = openClient();
    expect(protocolErrorCode(() => channel.receive(outputMessage({ seq: 2_000_000 }), NOW))).toBe(
      'sequence-too-far',
    );
    expect(channel.phase).toBe('closed');
  });

  test('a HandshakeComplete that arrives early is kept and takes effect later', () => {
    const channel = client();
    channel.receive(handshakeComplete(1), NOW);
    expect(types(channel.receive(handshakeRequest(), NOW))).toEqual(['opened']);
  });
});

describe('limits on what a peer sends', () => {
  test('a payload that is too large ends the session', () => {
    const channel = openClient({ limits: { maxPayloadBytes: 1000 } });
    const large = outputMessage({ seq: 1, payload: new Uint8Array(1001) });
    expect(protocolErrorCode(() => channel.receive(large, NOW))).toBe('payload-too-large');
    expect(channel.phase).toBe('closed');
    expect(channel.receive(outputMessage({ seq: 1 }), NOW)).toEqual([]);
  });

  test('unreadable messages end the session only if no readable one arrives any more', () => {
    const channel = openClient({ limits: { maxMalformedMessages: 3 } });
    const broken = new Uint8Array(10);
    for (let i = 0; i < 3; i++) channel.receive(broken, NOW);
    channel.receive(outputMessage({ seq: 1 }), NOW);
    for (let i = 0; i < 3; i++) channel.receive(broken, NOW);
    expect(protocolErrorCode(() => channel.receive(broken, NOW))).toBe('malformed-messages');
  });

  test('acknowledgements, sizes, flags and exit statuses that cannot be read have no effect', () => {
    const near = openClient();
    const far = agent();
    const cases: readonly (readonly [DataChannel, Uint8Array])[] = [
      [near, outputMessage({ seq: 1, payloadType: PAYLOAD_TYPE.exitCode, payload: 'EXIT_CODE: ' })],
      [near, outputMessage({ seq: 2, payloadType: PAYLOAD_TYPE.flag, payload: 'abc' })],
      [near, outputMessage({ seq: 3, payloadType: PAYLOAD_TYPE.flag, payload: Uint8Array.of(0, 0, 0, 1) })],
      [near, outputMessage({ seq: 4, payloadType: 99 })],
      [near, outputMessage({ seq: 5, payloadType: PAYLOAD_TYPE.handshakeRequest, payload: '{}' })],
      [far, inputMessage({ seq: 0, payloadType: PAYLOAD_TYPE.size, payload: '{"cols":-1,"rows":24}' })],
      [far, inputMessage({ seq: 1, payloadType: PAYLOAD_TYPE.size, payload: '[]' })],
      [far, inputMessage({ seq: 2, payloadType: PAYLOAD_TYPE.flag, payload: Uint8Array.of(0, 0, 0, 3) })],
      [far, inputMessage({ seq: 3, payloadType: 99 })],
    ];
    for (const [channel, message] of cases) {
      channel.takeOutput();
      expect(types(channel.receive(message, NOW))).toEqual(['ignored']);
      expect(acknowledged(sent(channel)).length).toBe(1);
    }
  });
});

describe('after the end', () => {
  test('sending data throws, and everything else has no effect', () => {
    const channel = openClient();
    channel.receive(closedMessage(), NOW);
    expect(protocolErrorCode(() => channel.send(utf8('x'), NOW))).toBe('channel-closed');
    channel.sendFlag('TerminateSession', NOW);
    channel.sendSize({ columns: 1, rows: 1 }, NOW);
    channel.reconnected(NOW);
    expect(channel.tick(NOW)).toEqual([]);
    expect(channel.takeOutput()).toEqual([]);
    expect(channel.room).toBe(0);
  });

  test('a channel_closed whose payload cannot be read still closes the channel', () => {
    const broken = closedMessage().slice(0, 118);
    expect(openClient({ role: 'client' }).receive(broken, NOW)).toMatchObject([{ type: 'ignored' }]);
    const far = agent();
    expect(far.receive(broken, NOW)).toEqual([{ type: 'closed', output: '' }]);
  });
});

describe('phases', () => {
  test('of a client are in order', () => {
    const channel = client();
    expect(channel.phase).toBe('awaiting-handshake');
    channel.receive(handshakeRequest(), NOW);
    expect(channel.phase).toBe('handshaking');
    channel.receive(handshakeComplete(), NOW);
    expect(channel.phase).toBe('open');
  });

  test('of an agent without handshake: open from the start, with the event at the first tick', () => {
    const channel = agent({ handshake: portHandshake });
    expect(channel.phase).toBe('handshaking');
    const plain = agent();
    expect(plain.phase).toBe('open');
  });
});

test('the first messages of an agent are in order', () => {
  const channel = agent({ handshake: portHandshake });
  expect(sent(channel).map((message) => [message.messageType, message.flags])).toEqual([
    ['agent_session_state', 3],
    ['output_stream_data', 1],
  ]);
  const plain = agent();
  plain.takeOutput();
  plain.send(utf8('# '), NOW);
  plain.send(utf8('x'), NOW);
  expect(sent(plain).map((message) => message.flags)).toEqual([1, 0]);
});

test('delivered bytes are views of the message, not copies', () => {
  const message = outputMessage({ seq: 1, payload: 'abc' });
  const [event] = openClient().receive(message, NOW);
  expect(event?.type === 'output' && event.bytes.buffer === message.buffer).toBe(true);
  expect(event?.type === 'output' && hex(event.bytes)).toBe('616263');
});
