import { text, utf8 } from '../core/bytes.ts';
import { encodeAgentMessage, MESSAGE_TYPE, PAYLOAD_TYPE } from './agent-message.ts';
import { parseObject, textMember } from './json-payload.ts';

/** The messages that the gateway itself sends (SPEC.md §1): 112-byte header, NUL padding, never acknowledged. */

export interface ChannelClosed {
  readonly messageId: string;
  /** Milliseconds since the epoch. */
  readonly createdDate: number;
  /** The Target of the session. */
  readonly destinationId: string;
  readonly sessionId: string;
  /** Why the session ended; empty for a regular end. */
  readonly output: string;
}

export function encodeChannelClosed(closed: ChannelClosed): Uint8Array {
  const payload = {
    MessageType: MESSAGE_TYPE.channelClosed,
    MessageId: closed.messageId,
    DestinationId: closed.destinationId,
    SessionId: closed.sessionId,
    SchemaVersion: 1,
    CreatedDate: new Date(closed.createdDate).toISOString(),
    Output: closed.output,
  };
  return encodeGatewayMessage(MESSAGE_TYPE.channelClosed, JSON.stringify(payload), closed);
}

/** The peer's channel became active (`start_publication`) or inactive (`pause_publication`). */
export function encodePublication(
  kind: 'start_publication' | 'pause_publication',
  header: { readonly messageId: string; readonly createdDate: number },
): Uint8Array {
  return encodeGatewayMessage(kind, kind, header);
}

/**
 * The `Output` text of a channel_closed payload; empty if it is absent or cannot be read, because the channel is closed
 * in any case.
 */
export function channelClosedOutput(payload: Uint8Array): string {
  return textMember(parseObject(text(payload)), 'Output') ?? '';
}

function encodeGatewayMessage(
  messageType: string,
  payload: string,
  header: { readonly messageId: string; readonly createdDate: number },
): Uint8Array {
  return encodeAgentMessage(
    {
      messageType,
      messageId: header.messageId,
      createdDate: header.createdDate,
      sequenceNumber: 0,
      flags: 0,
      payloadType: PAYLOAD_TYPE.none,
      payload: utf8(payload),
    },
    { layout: 'gateway' },
  );
}
