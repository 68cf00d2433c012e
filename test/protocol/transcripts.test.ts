import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concat, hex, text } from '../../src/core/bytes.ts';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeAgentMessage,
  MESSAGE_TYPE,
  PAYLOAD_TYPE,
} from '../../src/protocol/agent-message.ts';
import { type AgentHandshake, DataChannel, type DataChannelEvent } from '../../src/protocol/data-channel.ts';
import { decodeHandshakeRequest } from '../../src/protocol/handshake-payloads.ts';
import { MuxSession } from '../../src/protocol/smux.ts';
import { readTranscript, type Transcript } from '../support/transcripts.ts';

/** Recorded sessions of the official client and agent, replayed for both of our roles. */

interface Expected {
  readonly name: string;
  /** The data that the session delivered, as its record describes it; for mux sessions the data of all streams. */
  readonly stdout: string | RegExp;
  readonly stderr?: string;
  readonly exitCode?: number;
  readonly input: string | RegExp;
  readonly flags?: readonly string[];
  readonly portErrors?: number;
  /** The output in channel_closed; undefined where the client ended first. */
  readonly closed?: string | RegExp;
}

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `n${from + index}\r\n`).join('');

const SESSIONS: readonly Expected[] = [
  {
    name: 'a1-shell-standard-stream',
    // `$` before the run of 20 000: the expression does not try it again at every character.
    stdout: /^# PS1=.*?grün €😀\r\n.*?\^C\r\n.*?st=130.*?[^a]a{20000}\r\nLAB\$ exit 5\r\n$/s,
    input: /^PS1='LAB\$ '\nstty size\nstty size\necho grün €😀\r.*\u0003.*\u001c.*\u0004.*\u001a.*exit 5\n$/s,
    closed: '',
  },
  { name: 'b1-ecs-exec-pty', stdout: 'out\r\nerr\r\n', input: '', closed: '' },
  { name: 'b4-ecs-exec-not-found', stdout: '', input: '', closed: /^\n-{10}ERROR-{7}\n/ },
  { name: 'c1-noninteractive-merged', stdout: 'out\nerr\n', input: '', closed: '' },
  {
    name: 'c2-noninteractive-separate',
    stdout: 'out\n',
    stderr: 'err\n',
    exitCode: 7,
    input: '',
    closed: '',
  },
  {
    name: 'c3-noninteractive-separate-prefix',
    stdout: 'STDOUT:a\nSTDOUT:cd',
    stderr: 'STDERR:b\n',
    exitCode: 44,
    input: '',
    closed: '',
  },
  { name: 'c5-noninteractive-signal', stdout: '', exitCode: -1, input: '', closed: '' },
  {
    name: 'd1-port-one-connection',
    stdout: /^(HTTP\/1\.1 200 OK\r\n.*hello from the instance\n){2}$/s,
    input: /^(GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:18080\r\n.*\r\n\r\n){2}$/s,
    flags: ['TerminateSession'],
  },
  {
    name: 'd3-port-server-first',
    stdout: '220 lab ready\r\n250 HELO x\r\n221 bye\r\n',
    input: 'HELO x\r\nQUIT\r\n',
    flags: ['TerminateSession'],
  },
  { name: 'd4-port-half-close-client', stdout: '', input: 'hello half close', flags: ['TerminateSession'] },
  { name: 'd5-port-half-close-server', stdout: 'first\n', input: '', flags: ['TerminateSession'] },
  {
    name: 'd6-port-closed-port',
    stdout: '',
    input: 'abcabc',
    portErrors: 2,
    flags: ['TerminateSession'],
  },
  { name: 'd8-port-agent-killed', stdout: '220 lab ready\r\n', input: '', closed: '' },
  {
    name: 'e1-remote-host',
    stdout: /^(HTTP\/1\.1 200 OK\r\n.*){2}$/s,
    input: /^(GET \/ HTTP\/1\.1\r\n.*\r\n\r\n){2}$/s,
    flags: ['TerminateSession'],
  },
  {
    name: 'e2-remote-host-forbidden',
    stdout: '',
    input: '',
    closed: 'Forwarding to IP address 169.254.169.254 is forbidden.',
  },
  {
    name: 'e4-ssh-stdio',
    stdout: '220 lab ready\r\n250 HELO y\r\n250 \rabc\r\n221 bye\r\n',
    // The official client turned the lone LF into CR; our client does not.
    input: /^HELO y\r\n\rabc\r\nQUIT\r\n$/,
    closed: '',
  },
  {
    name: 'f1-cut-client-tcp',
    stdout: new RegExp(
      `^# i=0; while.*${numbers(1, 150).replaceAll('\r\n', '\\r\\n(?:echo typed-after\\r\\n)?')}`,
      's',
    ),
    input: /^i=0; while .*\necho typed-after\nexit\n$/s,
    closed: '',
  },
];

const EPOCH = 1_700_000_000_000;

interface Replay {
  readonly events: readonly DataChannelEvent[];
  readonly sent: readonly AgentMessage[];
}

/** Sends to one of our ends what the recorded peer and gateway sent. */
function replay(channel: DataChannel, transcript: Transcript, to: 'client' | 'agent'): Replay {
  const events: DataChannelEvent[] = [...channel.tick(EPOCH)];
  const sent: AgentMessage[] = [];
  const take = (): void => {
    for (const bytes of channel.takeOutput()) sent.push(decodeAgentMessage(bytes));
  };
  take();
  for (const recorded of transcript.messages) {
    if (recorded.to !== to || recorded.lost) continue;
    events.push(...channel.receive(recorded.bytes, EPOCH + recorded.ms));
    take();
  }
  return { events, sent };
}

const acknowledgements = (messages: readonly AgentMessage[]): readonly string[] =>
  messages
    .filter((message) => message.messageType === MESSAGE_TYPE.acknowledge)
    .map((message) => text(message.payload));

/** What is in `expected` and not in `actual`. */
const missingIn = (actual: readonly string[], expected: readonly string[]): readonly string[] => {
  const found = new Set(actual);
  return expected.filter((each) => !found.has(each));
};

const sentBy = (transcript: Transcript, from: 'client' | 'agent'): readonly AgentMessage[] =>
  transcript.messages.filter((recorded) => recorded.from === from).map((recorded) => recorded.message);

const handshakeOf = (transcript: Transcript): AgentHandshake | undefined => {
  const request = sentBy(transcript, 'agent').find(
    (message) => message.payloadType === PAYLOAD_TYPE.handshakeRequest,
  );
  const action = request === undefined ? undefined : decodeHandshakeRequest(request.payload).actions[0];
  if (action?.type !== 'SessionType') return undefined;
  return {
    sessionType: action.sessionType as AgentHandshake['sessionType'],
    properties: action.properties,
  };
};

const joined = (
  events: readonly DataChannelEvent[],
  pick: (event: DataChannelEvent) => Uint8Array | undefined,
): Uint8Array => concat(events.flatMap((event) => pick(event) ?? []));

/** The data of all streams, one after another. */
function muxData(role: 'client' | 'server', stream: Uint8Array): string {
  const session = new MuxSession({ role, keepAlive: false, now: 0 });
  if (role === 'client') for (let i = 0; i < 4; i++) session.open();
  const events = session.receive(stream);
  return text(concat(events.flatMap((event) => (event.type === 'data' ? [event.bytes] : []))));
}

const options = {
  randomUuid: randomUUID,
  randomBytes: (length: number): Uint8Array => new Uint8Array(length),
};

describe.each(SESSIONS)('$name', (expected) => {
  const transcript = readTranscript(expected.name);
  const handshake = handshakeOf(transcript);

  test('every message can be decoded, and encoded to the same bytes', () => {
    for (const { bytes, message, from } of transcript.messages) {
      const encoded = encodeAgentMessage(message, { layout: from === 'gateway' ? 'gateway' : 'full' });
      expect(hex(encoded)).toBe(hex(bytes));
    }
  });

  test('the recorded agent works with our client', () => {
    const channel = new DataChannel({ ...options, role: 'client' });
    const { events, sent } = replay(channel, transcript, 'client');
    const opened = events.find((event) => event.type === 'opened');
    const raw = joined(events, (event) =>
      event.type === 'output' && event.stream === 'stdout' ? event.bytes : undefined,
    );
    expect(opened?.mux === true ? muxData('client', raw) : text(raw)).toEqual(
      typeof expected.stdout === 'string' ? expected.stdout : expect.stringMatching(expected.stdout),
    );
    const stderr = joined(events, (event) =>
      event.type === 'output' && event.stream === 'stderr' ? event.bytes : undefined,
    );
    expect(text(stderr)).toBe(expected.stderr ?? '');
    expect(events.find((event) => event.type === 'exit-code')?.code).toBe(expected.exitCode);
    expect(events.filter((event) => event.type === 'connect-to-port-error').length).toBe(
      expected.portErrors ?? 0,
    );
    const closed = events.find((event) => event.type === 'closed')?.output;
    if (expected.closed === undefined) expect(closed).toBeUndefined();
    else expect(closed).toEqual(expect.stringMatching(expected.closed === '' ? /^$/ : expected.closed));

    const official = sentBy(transcript, 'client');
    expect(missingIn(acknowledgements(sent), acknowledgements(official))).toEqual([]);
    const response = (messages: readonly AgentMessage[]): string | undefined => {
      const found = messages.find((message) => message.payloadType === PAYLOAD_TYPE.handshakeResponse);
      return found === undefined ? undefined : text(found.payload);
    };
    expect(response(sent)).toBe(response(official));
  });

  test('the recorded client works with our agent', () => {
    const channel = new DataChannel({
      ...options,
      role: 'agent',
      ...(handshake === undefined ? {} : { handshake }),
    });
    channel.start(EPOCH);
    const { events, sent } = replay(channel, transcript, 'agent');
    const opened = events.find((event) => event.type === 'agent-opened');
    const raw = joined(events, (event) => (event.type === 'input' ? event.bytes : undefined));
    expect(opened?.mux === true ? muxData('server', raw) : text(raw)).toEqual(
      typeof expected.input === 'string' ? expected.input : expect.stringMatching(expected.input),
    );
    expect(events.flatMap((event) => (event.type === 'flag' ? [event.flag] : []))).toEqual(
      expected.flags ?? [],
    );
    const official = sentBy(transcript, 'agent');
    expect(missingIn(acknowledgements(sent), acknowledgements(official))).toEqual([]);
    const shape = (messages: readonly AgentMessage[]): readonly unknown[] =>
      messages
        .filter(
          (message) =>
            message.payloadType >= PAYLOAD_TYPE.handshakeRequest && message.payloadType < PAYLOAD_TYPE.flag,
        )
        .map(({ messageType, sequenceNumber, flags, payloadType }) => ({
          messageType,
          sequenceNumber,
          flags,
          payloadType,
        }));
    expect(shape(sent)).toEqual(shape(official));
  });
});
