import { utf8 } from '../core/bytes.ts';
import { encodeAgentMessage, MESSAGE_TYPE, PAYLOAD_TYPE } from './agent-message.ts';

/** The states that this agent reports (SPEC.md §2). */
export type SessionState = 'Connected' | 'Terminating';

/** The agent sends this to the gateway, which does not pass it on to clients; it is never acknowledged (SPEC.md §2). */
export function encodeAgentSessionState(
  state: SessionState,
  sessionId: string,
  header: { readonly messageId: string; readonly createdDate: number },
): Uint8Array {
  return encodeAgentMessage({
    messageType: MESSAGE_TYPE.agentSessionState,
    messageId: header.messageId,
    createdDate: header.createdDate,
    sequenceNumber: 0,
    flags: 3,
    payloadType: PAYLOAD_TYPE.none,
    payload: utf8(JSON.stringify({ SchemaVersion: 1, SessionState: state, SessionId: sessionId })),
  });
}
