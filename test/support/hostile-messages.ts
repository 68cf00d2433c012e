import * as fc from 'fast-check';
import { encodeAgentMessage } from '../../src/protocol/agent-message.ts';
import type { DataChannel } from '../../src/protocol/data-channel.ts';
import { agentMessages } from './agent-messages.ts';
import {
  agent,
  client,
  closedMessage,
  counting,
  handshakeComplete,
  handshakeRequest,
  handshakeResponse,
  inputMessage,
  NOW,
  openClient,
  outputMessage,
  portHandshake,
  publication,
} from './channel.ts';
import { protocolErrorCode } from './protocol-error-code.ts';

/** Channels in every state of both roles, and messages that a faulty or hostile peer may send. */

const kms = { sessionType: 'Standard_Stream' as const, kmsKeyId: 'k', challenge: 'AAAA' };

const ends: readonly (() => DataChannel)[] = [
  () => client(),
  () => openClient(),
  () => {
    const channel = client();
    channel.receive(handshakeRequest(), NOW);
    return channel;
  },
  () => {
    const channel = client();
    channel.receive(
      handshakeRequest({ actions: [{ ActionType: 'KMSEncryption', ActionParameters: { KMSKeyId: 'k' } }] }),
      NOW,
    );
    channel.provideDataKey({ plaintext: counting(64), ciphertextBlob: counting(9) }, NOW);
    return channel;
  },
  () => agent(),
  () => agent({ handshake: portHandshake }),
  () => agent({ handshake: kms }),
];

const json = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '{}',
    '[]',
    'null',
    '{"Challenge":5}',
    '{"RequestedClientActions":[null]}',
    '{"ProcessedClientActions":[{}]}',
  ),
);

/** Well-formed stream messages with any kind of payload, and some plausible messages. */
const plausible = fc.oneof(
  fc
    .record({
      seq: fc.nat(3),
      payloadType: fc.nat(14),
      payload: fc.oneof(json, fc.uint8Array({ minLength: 1 })),
    })
    .chain((fields) => fc.constantFrom(outputMessage(fields), inputMessage(fields))),
  agentMessages.map((message) => encodeAgentMessage(message)),
  fc.constantFrom(
    handshakeRequest(),
    handshakeComplete(),
    handshakeResponse('1.2.707.0'),
    publication('pause_publication'),
    publication('start_publication'),
    closedMessage('x'),
  ),
);

const mutated = fc
  .tuple(plausible, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }), fc.option(fc.nat(200)))
  .map(([message, patches, cut]) => {
    const frame = Uint8Array.from(message);
    for (const [at, value] of patches) if (at < frame.byteLength) frame[at] = value;
    return cut === null ? frame : frame.subarray(0, cut);
  });

const messages = fc.array(fc.oneof(plausible, mutated, fc.uint8Array({ maxLength: 300 })), { maxLength: 8 });

export interface Attack {
  /** The index of the kind of channel. */
  readonly end: number;
  readonly messages: readonly Uint8Array[];
}

export const attacks: fc.Arbitrary<Attack> = fc.record({ end: fc.nat(ends.length - 1), messages });

/**
 * Undefined if the channel handled the input as required: with events, or with a ProtocolError that closed it, and at
 * most a few messages in return.
 */
export function attack({ end, messages }: Attack): string | undefined {
  const channel = ends[end]!();
  let now = NOW;
  const code = protocolErrorCode(() => {
    for (const message of messages) {
      channel.receive(message, now);
      now += 50;
      channel.tick(now);
    }
  });
  if (code !== undefined && channel.phase !== 'closed') return `${code}, but the channel is ${channel.phase}`;
  const answers = channel.takeOutput().length;
  return answers > 4 * messages.length + 4 ? `${answers} messages in return` : undefined;
}
