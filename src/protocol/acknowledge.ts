import { text } from '../core/bytes.ts';
import { type AgentMessage, encodeAgentMessage, MESSAGE_TYPE, PAYLOAD_TYPE } from './agent-message.ts';
import { numberMember, parseObject } from './json-payload.ts';

/** Acknowledges exactly one stream message; an acknowledgement is never acknowledged itself (SPEC.md §3). */
export function encodeAcknowledge(
  acknowledged: AgentMessage,
  header: { readonly messageId: string; readonly createdDate: number },
): Uint8Array {
  // Built as text, in the member order of the official serialisers, because every received message needs one.
  const payload =
    `{"AcknowledgedMessageType":"${acknowledged.messageType}","AcknowledgedMessageId":"${acknowledged.messageId}",` +
    `"AcknowledgedMessageSequenceNumber":${acknowledged.sequenceNumber},"IsSequentialMessage":true}`;
  return encodeAgentMessage({
    messageType: MESSAGE_TYPE.acknowledge,
    messageId: header.messageId,
    createdDate: header.createdDate,
    sequenceNumber: 0,
    flags: 3,
    payloadType: PAYLOAD_TYPE.none,
    payload: Buffer.from(payload),
  });
}

/** The only member that an official receiver reads; undefined if the payload cannot be read. */
export function acknowledgedSequenceNumber(payload: Uint8Array): number | undefined {
  return numberMember(parseObject(text(payload)), 'AcknowledgedMessageSequenceNumber');
}
