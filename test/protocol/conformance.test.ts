import { describe, expect, test } from 'vitest';
import { fromBase64, hex, text, utf8 } from '../../src/core/bytes.ts';
import { encodeAgentMessage, MESSAGE_TYPE, PAYLOAD_TYPE } from '../../src/protocol/agent-message.ts';
import type { DataChannelEvent } from '../../src/protocol/data-channel.ts';
import { openDataChannelInput } from '../../src/protocol/open-data-channel.ts';
import { SessionEncryption } from '../../src/protocol/session-encryption.ts';
import { MuxSession } from '../../src/protocol/smux.ts';
import {
  acknowledged,
  acknowledgeMessage,
  agent,
  client,
  closedMessage,
  converse,
  counting,
  emptied,
  handshakeComplete,
  handshakeRequest,
  handshakeResponse,
  inputMessage,
  NOW,
  openClient,
  otherMessage,
  outputMessage,
  portHandshake,
  publication,
  sent,
  streamOf,
} from '../support/channel.ts';

/**
 * The items of the interoperability checklist that concern the protocol and not a process, a terminal or a socket, with
 * their numbers. Where an item describes only the official client, the test checks what our client does instead, and
 * its title says so.
 */

const types = (events: readonly DataChannelEvent[]): readonly string[] => events.map((event) => event.type);
const opened = (events: readonly DataChannelEvent[]): unknown =>
  events.find((event) => event.type === 'opened');

test('conformance 1: the opening text frame has exactly five members', () => {
  const input = { tokenValue: 't', clientId: 'c', requestId: 'r', clientVersion: '1.2.707.0' };
  expect(openDataChannelInput(input)).toBe(
    '{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c","ClientVersion":"1.2.707.0"}',
  );
});

test('conformance 4: a client sends nothing before the agent has sent a message', () => {
  const channel = client();
  channel.start(NOW);
  channel.tick(NOW + 60_000);
  expect(channel.takeOutput()).toEqual([]);
  expect(channel.nextTimeout()).toBeUndefined();
});

test('conformance 5: header length 116, payload length at 116, payload at 120, big-endian', () => {
  const channel = openClient();
  channel.send(Uint8Array.of(1, 2, 3), NOW);
  const [frame] = channel.takeOutput();
  expect(hex(frame!.subarray(0, 4))).toBe('00000074');
  expect(hex(frame!.subarray(112))).toBe('0000000100000003010203');
});

test('conformance 6: the halves of the message id are swapped', () => {
  const channel = openClient({ randomUuid: () => '00112233-4455-4677-8899-aabbccddeeff' });
  channel.send(Uint8Array.of(1), NOW);
  expect(hex(channel.takeOutput()[0]!.subarray(64, 80))).toBe('8899aabbccddeeff0011223344554677');
});

test('conformance 7: message types are padded with spaces, by either role', () => {
  for (const [channel, name] of [
    [openClient(), 'input_stream_data'],
    [agent(), 'output_stream_data'],
  ] as const) {
    channel.takeOutput();
    channel.send(Uint8Array.of(1), NOW);
    expect(Buffer.from(channel.takeOutput()[0]!).toString('latin1', 4, 36)).toBe(name.padEnd(32));
  }
});

test('conformance 8: channel_closed with a 112-byte header parses', () => {
  const message = closedMessage('bye');
  expect(hex(message.subarray(0, 4))).toBe('00000070');
  expect(openClient().receive(message, NOW)).toEqual([{ type: 'closed', output: 'bye' }]);
});

test('conformance 9: the HandshakeRequest is type 5, number 0, flags 1; the client acknowledges before it answers', () => {
  const far = agent({ handshake: portHandshake });
  const [request] = streamOf(sent(far));
  expect(request).toMatchObject({
    messageType: MESSAGE_TYPE.output,
    payloadType: PAYLOAD_TYPE.handshakeRequest,
    sequenceNumber: 0,
    flags: 1,
  });
  const near = client();
  near.receive(handshakeRequest(), NOW);
  expect(sent(near).map((message) => message.messageType)).toEqual([
    MESSAGE_TYPE.acknowledge,
    MESSAGE_TYPE.input,
  ]);
});

test('conformance 10: the HandshakeResponse is type 6, number 0, flags 0', () => {
  const channel = client();
  channel.receive(handshakeRequest(), NOW);
  expect(streamOf(sent(channel))).toMatchObject([
    { payloadType: PAYLOAD_TYPE.handshakeResponse, sequenceNumber: 0, flags: 0 },
  ]);
});

test('conformance 11: an acknowledgement has number 0, flags 3, type 0, and is never acknowledged', () => {
  const channel = client();
  channel.receive(outputMessage(), NOW);
  const [acknowledge] = sent(channel);
  expect(acknowledge).toMatchObject({ sequenceNumber: 0, flags: 3, payloadType: 0 });
  expect(JSON.parse(text(acknowledge!.payload))).toEqual({
    AcknowledgedMessageType: 'output_stream_data',
    AcknowledgedMessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    AcknowledgedMessageSequenceNumber: 0,
    IsSequentialMessage: true,
  });
  channel.send(Uint8Array.of(1), NOW);
  const [input] = sent(channel);
  channel.receive(acknowledgeMessage(input!), NOW);
  expect(channel.takeOutput()).toEqual([]);
});

test('conformance 12: HandshakeComplete may arrive before the acknowledgement of the response', () => {
  const channel = client();
  channel.receive(handshakeRequest(), NOW);
  const [response] = streamOf(sent(channel));
  expect(types(channel.receive(handshakeComplete(), NOW))).toEqual(['opened']);
  expect(channel.unackedBytes).toBeGreaterThan(0);
  channel.receive(acknowledgeMessage(response!), NOW);
  expect(channel.unackedBytes).toBe(0);
});

test('conformance 13: the client sends neither size nor data before HandshakeComplete, and both after it', () => {
  const channel = client();
  channel.receive(handshakeRequest({ sessionType: 'Standard_Stream' }), NOW);
  channel.takeOutput();
  channel.sendSize({ columns: 1, rows: 1 }, NOW);
  channel.sendSize({ columns: 80, rows: 24 }, NOW);
  expect(channel.room).toBe(0);
  expect(() => channel.send(Uint8Array.of(1), NOW)).toThrow('the session has not started yet');
  expect(channel.takeOutput()).toEqual([]);
  channel.receive(handshakeComplete(), NOW);
  const messages = streamOf(sent(channel));
  expect(messages).toMatchObject([{ payloadType: PAYLOAD_TYPE.size, sequenceNumber: 1 }]);
  expect(text(messages[0]!.payload)).toBe('{"cols":80,"rows":24}');
  expect(channel.room).toBeGreaterThan(0);
});

test('conformance 14: without a handshake nothing is sent before the first output', () => {
  const channel = client();
  channel.sendSize({ columns: 80, rows: 24 }, NOW);
  expect(channel.takeOutput()).toEqual([]);
  expect(channel.receive(outputMessage({ payload: '# ' }), NOW)).toMatchObject([
    { type: 'opened', sessionType: undefined, agentVersion: '', mux: false },
    { type: 'output', stream: 'stdout' },
  ]);
  expect(streamOf(sent(channel))).toMatchObject([{ payloadType: PAYLOAD_TYPE.size, sequenceNumber: 0 }]);
});

test('conformance 15: without a handshake the first message of the agent is output; the client accepts another type too', () => {
  const far = agent();
  far.takeOutput();
  far.send(Uint8Array.of(1), NOW, 'stderr');
  expect(sent(far)).toMatchObject([{ payloadType: PAYLOAD_TYPE.output }]);
  const events = client().receive(outputMessage({ payloadType: PAYLOAD_TYPE.stdErr, payload: 'oops' }), NOW);
  expect(events).toMatchObject([{ type: 'opened' }, { type: 'output', stream: 'stderr' }]);
});

test('conformance 16: the size is the first message: number 1 after HandshakeComplete, number 0 without a handshake', () => {
  const shaken = client();
  shaken.receive(handshakeRequest({ sessionType: 'Standard_Stream' }), NOW);
  shaken.receive(handshakeComplete(), NOW);
  shaken.takeOutput();
  shaken.sendSize({ columns: 80, rows: 24 }, NOW);
  expect(sent(shaken)).toMatchObject([{ payloadType: PAYLOAD_TYPE.size, sequenceNumber: 1 }]);
  const plain = openClient();
  plain.sendSize({ columns: 80, rows: 24 }, NOW);
  expect(sent(plain)).toMatchObject([{ payloadType: PAYLOAD_TYPE.size, sequenceNumber: 0 }]);
});

test('conformance 18, 19: bytes are unchanged; a single LF stays LF in every session type', () => {
  const plain = openClient();
  plain.send(Uint8Array.of(0x0a), NOW);
  expect(hex(sent(plain)[0]!.payload)).toBe('0a');
  const far = agent({ handshake: portHandshake });
  const near = client();
  converse(near, far);
  near.send(Uint8Array.of(0x0a), NOW);
  far.send(Uint8Array.of(0x0a), NOW);
  expect(converse(near, far)).toMatchObject({
    a: [{ type: 'output', bytes: Buffer.of(0x0a) }],
    b: [{ type: 'input', bytes: Buffer.of(0x0a) }],
  });
});

test('conformance 21: an unacknowledged message is repeated without a change after 200 ms, and after that at each timeout', () => {
  for (const channel of [openClient(), agent()]) {
    channel.takeOutput();
    channel.send(Uint8Array.of(1), NOW);
    const [first] = channel.takeOutput();
    expect(channel.nextTimeout()).toBe(NOW + 200);
    channel.tick(NOW + 199);
    expect(channel.takeOutput()).toEqual([]);
    channel.tick(NOW + 200);
    expect(channel.takeOutput()).toEqual([first]);
    expect(channel.nextTimeout()).toBe(NOW + 400);
  }
});

test('conformance 22: a duplicate is acknowledged again and not delivered, by either role', () => {
  const near = client();
  const output = outputMessage();
  near.receive(output, NOW);
  near.takeOutput();
  expect(near.receive(output, NOW)).toEqual([]);
  expect(acknowledged(sent(near))).toEqual([0]);
  const far = agent();
  far.takeOutput();
  const input = inputMessage();
  expect(types(far.receive(input, NOW))).toEqual(['input']);
  expect(far.receive(input, NOW)).toEqual([]);
  expect(acknowledged(sent(far))).toEqual([0, 0]);
});

test('conformance 23: a message that arrives early is acknowledged at once, and delivered when the missing one has arrived', () => {
  const channel = openClient();
  expect(channel.receive(outputMessage({ seq: 2, payload: 'c' }), NOW)).toEqual([]);
  expect(acknowledged(sent(channel))).toEqual([2]);
  const events = channel.receive(outputMessage({ seq: 1, payload: 'b' }), NOW);
  expect(events.map((event) => (event.type === 'output' ? text(event.bytes) : event.type))).toEqual([
    'b',
    'c',
  ]);
  expect(acknowledged(sent(channel))).toEqual([1]);
});

describe('conformance 24: not acknowledged, and the session continues:', () => {
  const broken = (change: (frame: Buffer) => Buffer): Uint8Array =>
    change(Buffer.from(outputMessage({ seq: 1 })));
  test.each([
    ['a wrong digest', broken((frame) => frame.fill(0, 80, 84))],
    ['date 0', broken((frame) => frame.fill(0, 40, 48))],
    ['a truncated frame', broken((frame) => frame.subarray(0, 100))],
    ['an absurd header length', broken((frame) => frame.fill(0xff, 0, 4))],
  ])('%s', (_, message) => {
    const channel = openClient();
    expect(types(channel.receive(message, NOW))).toEqual(['ignored']);
    expect(channel.takeOutput()).toEqual([]);
    expect(types(channel.receive(outputMessage({ seq: 1 }), NOW))).toEqual(['output']);
  });
});

test('conformance 25: publications need no date', () => {
  const message = Buffer.from(publication('pause_publication')).fill(0, 40, 48);
  expect(types(openClient().receive(message, NOW))).toEqual(['paused']);
});

test('conformance 26: unknown and misdirected types are ignored, not acknowledged', () => {
  for (const name of ['interactive_shell', MESSAGE_TYPE.input, MESSAGE_TYPE.agentSessionState]) {
    const channel = openClient();
    expect(types(channel.receive(otherMessage(name, { seq: 1 }), NOW))).toEqual(['ignored']);
    expect(channel.takeOutput()).toEqual([]);
  }
  const far = agent();
  far.takeOutput();
  expect(types(far.receive(outputMessage(), NOW))).toEqual(['ignored']);
  expect(far.takeOutput()).toEqual([]);
});

test('conformance 27: output during the handshake is not acknowledged, and accepted when the agent repeats it', () => {
  const channel = client();
  channel.receive(handshakeRequest({ sessionType: 'Standard_Stream' }), NOW);
  channel.takeOutput();
  expect(types(channel.receive(outputMessage({ seq: 1, payload: 'early' }), NOW))).toEqual(['ignored']);
  expect(channel.takeOutput()).toEqual([]);
  channel.receive(handshakeComplete(1), NOW);
  expect(types(channel.receive(outputMessage({ seq: 2, payload: 'again' }), NOW))).toEqual(['output']);
});

test('conformance 28: types 11 and 12 are delivered as stderr and exit status, not as output', () => {
  const channel = openClient();
  expect(
    channel.receive(outputMessage({ seq: 1, payloadType: PAYLOAD_TYPE.stdErr, payload: 'e' }), NOW),
  ).toMatchObject([{ type: 'output', stream: 'stderr' }]);
  const exit = outputMessage({ seq: 2, payloadType: PAYLOAD_TYPE.exitCode, payload: 'EXIT_CODE: 7' });
  expect(channel.receive(exit, NOW)).toEqual([{ type: 'exit-code', code: 7 }]);
});

test('conformance 29: an empty payload is acknowledged, by either role', () => {
  const near = openClient();
  near.receive(emptied(outputMessage({ seq: 1 })), NOW);
  expect(acknowledged(sent(near))).toEqual([1]);
  const far = agent();
  far.takeOutput();
  far.receive(emptied(inputMessage()), NOW);
  expect(acknowledged(sent(far))).toEqual([0]);
});

test('conformance 30: flags are four bytes, big-endian', () => {
  const channel = openClient();
  channel.sendFlag('DisconnectToPort', NOW);
  channel.sendFlag('TerminateSession', NOW);
  expect(sent(channel).map((message) => [message.payloadType, hex(message.payload)])).toEqual([
    [10, '00000001'],
    [10, '00000002'],
  ]);
  const far = agent();
  expect(far.receive(inputMessage({ payloadType: 10, payload: Uint8Array.of(0, 0, 0, 2) }), NOW)).toEqual([
    { type: 'flag', flag: 'TerminateSession' },
  ]);
});

test('conformance 31: with a current agent and LocalPortForwarding the session uses smux, and its first bytes are SYN of stream 3', () => {
  const channel = client();
  channel.receive(handshakeRequest(), NOW);
  expect(opened(channel.receive(handshakeComplete(), NOW))).toMatchObject({ sessionType: 'Port', mux: true });
  const mux = new MuxSession({ role: 'client', keepAlive: false, now: NOW });
  mux.open();
  expect(hex(mux.takeOutput()[0]!)).toBe('0100000003000000');
});

test.each([
  ['3.0.196.0', false],
  ['3.0.196.1', true],
  ['3.3.987', false],
  ['3.3.987.0', true],
  ['', false],
])('conformance 32: agent version %j, mux %j', (agentVersion, mux) => {
  const channel = client();
  channel.receive(handshakeRequest({ agentVersion }), NOW);
  expect(opened(channel.receive(handshakeComplete(), NOW))).toMatchObject({ agentVersion, mux });
});

test.each([
  ['3.1.1511.0', true],
  ['3.1.1512.0', false],
])(
  'conformance 33: agent version %s, keepalive %j: a NOP every 10 s, or never',
  (agentVersion, keepAlive) => {
    const channel = client();
    channel.receive(handshakeRequest({ agentVersion }), NOW);
    expect(opened(channel.receive(handshakeComplete(), NOW))).toMatchObject({ mux: true, keepAlive });
    const mux = new MuxSession({ role: 'client', keepAlive, now: NOW });
    mux.tick(NOW + 10_000);
    expect(mux.takeOutput().map(hex)).toEqual(keepAlive ? ['0103000000000000'] : []);
  },
);

test.each([
  ['0.0.1', false, false],
  ['1.1.69', false, false],
  ['1.1.70', true, true],
  ['1.2.331.0', true, true],
  ['1.2.332.0', true, false],
  ['2.0.0', true, false],
])(
  'conformance 34: the agent for client version %s: mux %j, keepalive %j, and it never times out on missing NOPs',
  (version, mux, keepAlive) => {
    const channel = agent({ handshake: portHandshake });
    const events = channel.receive(handshakeResponse(version), NOW);
    expect(events).toEqual([{ type: 'agent-opened', clientVersion: version, mux, keepAlive }]);
    const server = new MuxSession({ role: 'server', keepAlive, now: NOW });
    for (let minute = 1; minute < 10; minute++)
      expect(() => server.tick(NOW + minute * 60_000)).not.toThrow();
  },
);

test('conformance 35: smux is little-endian inside the big-endian message', () => {
  const mux = new MuxSession({ role: 'client', keepAlive: false, now: NOW });
  mux.write(mux.open(), new Uint8Array(258));
  expect(hex(mux.takeOutput()[1]!.subarray(0, 8))).toBe('0102020103000000');
});

test('conformance 36: smux frames that are split over messages of 1024 bytes, or share one message, are reassembled', () => {
  const near = client();
  const far = agent({ handshake: portHandshake });
  converse(near, far);
  const sender = new MuxSession({ role: 'client', keepAlive: false, now: NOW });
  const first = sender.open();
  sender.write(first, counting(5000));
  sender.write(sender.open(), counting(10));
  near.send(Buffer.concat(sender.takeOutput()), NOW);
  const receiver = new MuxSession({ role: 'server', keepAlive: false, now: NOW });
  const lengths = new Map<number, number>();
  for (const event of converse(near, far).b)
    if (event.type === 'input')
      for (const part of receiver.receive(event.bytes))
        if (part.type === 'data') lengths.set(part.id, (lengths.get(part.id) ?? 0) + part.bytes.byteLength);
  expect([...lengths]).toEqual([
    [3, 5000],
    [5, 10],
  ]);
});

test('conformance 37: a FIN from the remote is reported, and the other direction stays open until this side sends its FIN', () => {
  const mux = new MuxSession({ role: 'client', keepAlive: false, now: NOW });
  const id = mux.open();
  mux.takeOutput();
  expect(mux.receive(Uint8Array.of(1, 1, 0, 0, 3, 0, 0, 0))).toEqual([{ type: 'stream-finished', id }]);
  expect(mux.takeOutput()).toEqual([]);
  mux.finish(id);
  expect(mux.takeOutput().map(hex)).toEqual(['0101000003000000']);
});

test('conformance 38: flag 3 is reported and does not end the session', () => {
  const channel = openClient();
  const flag = outputMessage({ seq: 1, payloadType: PAYLOAD_TYPE.flag, payload: Uint8Array.of(0, 0, 0, 3) });
  expect(channel.receive(flag, NOW)).toEqual([{ type: 'connect-to-port-error' }]);
  expect(channel.phase).toBe('open');
});

test('conformance 40, 42: after a reconnect the numbers continue, and all unacknowledged messages are repeated at once, in order', () => {
  const channel = openClient();
  for (const byte of [1, 2, 3]) channel.send(Uint8Array.of(byte), NOW);
  const before = channel.takeOutput();
  channel.disconnected(NOW + 10);
  channel.send(Uint8Array.of(4), NOW + 20);
  expect(channel.takeOutput()).toEqual([]);
  channel.reconnected(NOW + 30);
  const after = channel.takeOutput();
  expect(after.slice(0, 3)).toEqual(before);
  expect(after.length).toBe(4);
  channel.send(Uint8Array.of(5), NOW + 40);
  expect(sent(channel)).toMatchObject([{ sequenceNumber: 4 }]);
});

test('conformance 43: channel_closed is honoured in every state', () => {
  const shaking = client();
  shaking.receive(handshakeRequest(), NOW);
  for (const channel of [client(), shaking, openClient(), agent(), agent({ handshake: portHandshake })]) {
    channel.receive(publication('pause_publication'), NOW);
    expect(channel.receive(closedMessage('why'), NOW)).toEqual([{ type: 'closed', output: 'why' }]);
    expect(channel.phase).toBe('closed');
    expect(channel.nextTimeout()).toBeUndefined();
  }
});

const kms = { sessionType: 'Standard_Stream' as const, kmsKeyId: 'key-1', challenge: 'Y2hhbGxlbmdl' };
const dataKey = { plaintext: counting(64), ciphertextBlob: counting(184), acknowledgeChallenge: true };

test('conformance 49: with KMS "hello" becomes 33 bytes; sizes, flags and the handshake stay readable', () => {
  const near = client();
  const far = agent({ handshake: kms });
  converse(near, far, (event, at) => {
    if (event.type === 'data-key-needed' || event.type === 'data-key-offered')
      at.provideDataKey(dataKey, NOW);
  });
  near.send(utf8('hello'), NOW);
  near.sendSize({ columns: 80, rows: 24 }, NOW);
  near.sendFlag('TerminateSession', NOW);
  expect(sent(near).map((message) => [message.payloadType, message.payload.byteLength])).toEqual([
    [PAYLOAD_TYPE.output, 33],
    [PAYLOAD_TYPE.size, 21],
    [PAYLOAD_TYPE.flag, 4],
  ]);
  far.send(utf8('hello'), NOW, 'stderr');
  far.sendExitCode(7, NOW);
  expect(sent(far).map((message) => [message.payloadType, message.payload.byteLength])).toEqual([
    [PAYLOAD_TYPE.stdErr, 33],
    [PAYLOAD_TYPE.exitCode, 40],
  ]);
});

test('conformance 50: the client returns the same 64 bytes of the challenge, encrypted with its own key', () => {
  const near = client();
  const far = agent({ handshake: kms });
  near.receive(far.takeOutput()[1]!, NOW);
  near.provideDataKey(dataKey, NOW);
  const response = near.takeOutput()[1]!;
  expect(types(far.receive(response, NOW))).toEqual(['data-key-offered']);
  far.provideDataKey(dataKey, NOW);
  const request = streamOf(sent(far)).at(-1)!;
  expect(request.payloadType).toBe(PAYLOAD_TYPE.encChallengeRequest);
  near.receive(encodeAgentMessage(request), NOW);
  const answer = streamOf(sent(near)).at(-1)!;
  expect(answer.payloadType).toBe(PAYLOAD_TYPE.encChallengeResponse);
  const sealed = (payload: Uint8Array): Uint8Array =>
    fromBase64((JSON.parse(text(payload)) as { Challenge: string }).Challenge);
  const asClient = new SessionEncryption('client', dataKey.plaintext, counting);
  const asAgent = new SessionEncryption('agent', dataKey.plaintext, counting);
  const challenge = asClient.open(sealed(request.payload));
  expect(challenge?.byteLength).toBe(64);
  expect(asAgent.open(sealed(answer.payload))).toEqual(challenge);
  expect(types(far.receive(encodeAgentMessage(answer), NOW))).toEqual(['agent-opened']);
});
