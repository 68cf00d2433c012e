import { utf8 } from '../../src/core/bytes.ts';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeAgentMessage,
  MESSAGE_TYPE,
  PAYLOAD_TYPE,
} from '../../src/protocol/agent-message.ts';
import { encodeChannelClosed, encodePublication } from '../../src/protocol/channel-closed.ts';
import {
  type AgentHandshake,
  DataChannel,
  type DataChannelEvent,
  type DataChannelOptions,
} from '../../src/protocol/data-channel.ts';

/** One of our channel ends for tests, and messages of an imaginary peer as its input. */

export const NOW = 1_700_000_000_000;

const uuids = (prefix: string): (() => string) => {
  let count = 0;
  return () => `${prefix}-0000-4000-8000-${(++count).toString(16).padStart(12, '0')}`;
};

export const client = (options: Partial<DataChannelOptions> = {}): DataChannel =>
  new DataChannel({ role: 'client', randomUuid: uuids('cccccccc'), randomBytes: counting, ...options });

/** A started agent; without `handshake` its `agent-opened` event is already consumed. */
export function agent(options: Partial<DataChannelOptions> = {}): DataChannel {
  const channel = new DataChannel({
    role: 'agent',
    randomUuid: uuids('aaaaaaaa'),
    randomBytes: counting,
    sessionId: 's-1',
    ...options,
  });
  channel.start(NOW);
  if (options.handshake === undefined) channel.tick(NOW);
  return channel;
}

export const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index);

export interface Fields {
  readonly seq?: number;
  readonly payloadType?: number;
  readonly payload?: string | Uint8Array;
}

const peerIds = uuids('eeeeeeee');

function stream(messageType: string, { seq = 0, payloadType = 1, payload = 'x' }: Fields): AgentMessage {
  return {
    messageType,
    messageId: peerIds(),
    createdDate: NOW,
    sequenceNumber: seq,
    flags: 0,
    payloadType,
    payload: typeof payload === 'string' ? utf8(payload) : payload,
  };
}

/** A message from an agent. */
export const outputMessage = (fields: Fields = {}): Uint8Array =>
  encodeAgentMessage(stream(MESSAGE_TYPE.output, fields));
/** A message from a client. */
export const inputMessage = (fields: Fields = {}): Uint8Array =>
  encodeAgentMessage(stream(MESSAGE_TYPE.input, fields));
export const otherMessage = (messageType: string, fields: Fields = {}): Uint8Array =>
  encodeAgentMessage(stream(messageType, fields));

/** The peer's acknowledgement of one of our stream messages. */
export function acknowledgeMessage(of: AgentMessage): Uint8Array {
  return otherMessage(MESSAGE_TYPE.acknowledge, {
    payloadType: 0,
    payload: JSON.stringify({
      AcknowledgedMessageType: of.messageType,
      AcknowledgedMessageId: of.messageId,
      AcknowledgedMessageSequenceNumber: of.sequenceNumber,
      IsSequentialMessage: true,
    }),
  });
}

export const publication = (kind: 'start_publication' | 'pause_publication'): Uint8Array =>
  encodePublication(kind, { messageId: peerIds(), createdDate: NOW });

export const closedMessage = (output = ''): Uint8Array =>
  encodeChannelClosed({
    messageId: peerIds(),
    createdDate: NOW,
    destinationId: 'i-0123456789abcdef0',
    sessionId: 's-1',
    output,
  });

/** A message without payload, which no encoder produces. */
export function emptied(message: Uint8Array): Uint8Array {
  const frame = Buffer.from(message).subarray(0, 120);
  frame.fill(0, 116, 120);
  return frame;
}

export const sent = (channel: DataChannel): readonly AgentMessage[] =>
  channel.takeOutput().map((bytes) => decodeAgentMessage(bytes));

export const streamOf = (messages: readonly AgentMessage[]): readonly AgentMessage[] =>
  messages.filter((message) => message.messageType.endsWith('_stream_data'));

/** The sequence numbers that these messages acknowledge, in order. */
export const acknowledged = (messages: readonly AgentMessage[]): readonly number[] =>
  messages
    .filter((message) => message.messageType === MESSAGE_TYPE.acknowledge)
    .map(
      (message) =>
        (JSON.parse(Buffer.from(message.payload).toString()) as { AcknowledgedMessageSequenceNumber: number })
          .AcknowledgedMessageSequenceNumber,
    );

export const portHandshake: AgentHandshake = {
  sessionType: 'Port',
  properties: { portNumber: '80', type: 'LocalPortForwarding' },
};

export interface HandshakeChoices {
  readonly sessionType?: string;
  readonly agentVersion?: string;
  readonly properties?: unknown;
  /** Further elements of RequestedClientActions. */
  readonly actions?: readonly unknown[];
}

export const handshakeRequest = (choices: HandshakeChoices = {}): Uint8Array =>
  outputMessage({
    payloadType: PAYLOAD_TYPE.handshakeRequest,
    payload: JSON.stringify({
      AgentVersion: choices.agentVersion ?? '3.3.987.0',
      RequestedClientActions: [
        {
          ActionType: 'SessionType',
          ActionParameters: {
            SessionType: choices.sessionType ?? 'Port',
            Properties: choices.properties ?? portHandshake.properties,
          },
        },
        ...(choices.actions ?? []),
      ],
    }),
  });

export const handshakeComplete = (seq = 1, customerMessage = ''): Uint8Array =>
  outputMessage({
    seq,
    payloadType: PAYLOAD_TYPE.handshakeComplete,
    payload: JSON.stringify({ HandshakeTimeToComplete: 1, CustomerMessage: customerMessage }),
  });

export const handshakeResponse = (clientVersion: string, seq = 0): Uint8Array =>
  inputMessage({
    seq,
    payloadType: PAYLOAD_TYPE.handshakeResponse,
    payload: JSON.stringify({
      ClientVersion: clientVersion,
      ProcessedClientActions: [{ ActionType: 'SessionType', ActionStatus: 1, ActionResult: null, Error: '' }],
      Errors: null,
    }),
  });

/** A client in an open session without handshake, after message 0 of the agent. */
export function openClient(options: Partial<DataChannelOptions> = {}): DataChannel {
  const channel = client(options);
  channel.receive(outputMessage({ payload: '# ' }), NOW);
  channel.takeOutput();
  return channel;
}

/** Passes the output of each end to the other until both have none; `answer` may react to events. */
export function converse(
  a: DataChannel,
  b: DataChannel,
  answer: (event: DataChannelEvent, at: DataChannel) => void = () => undefined,
): { readonly [side in 'a' | 'b']: readonly DataChannelEvent[] } {
  const events = { a: [...a.tick(NOW)], b: [...b.tick(NOW)] };
  for (let quiet = false; !quiet;) {
    quiet = true;
    for (const [from, to, log] of [
      [a, b, events.b],
      [b, a, events.a],
    ] as const)
      for (const message of from.takeOutput()) {
        quiet = false;
        for (const event of to.receive(message, NOW)) {
          log.push(event);
          answer(event, to);
        }
      }
  }
  return events;
}
