import { view } from '../../core/bytes.ts';
import { readMessageType } from '../../protocol/agent-message.ts';

const SEQUENCE_NUMBER_OFFSET = 48;
/** The shortest frame that the gateway relays: a whole header (SPEC.md §1). */
const HEADER_BYTES = 116;

/** MessageType of a frame, without decoding the rest; empty for a frame that is too short to be a message. */
export function messageTypeOf(frame: Uint8Array): string {
  return frame.byteLength < HEADER_BYTES ? '' : readMessageType(view(frame));
}

/** The sequence number of a frame that `messageTypeOf` found to be a message. */
export const sequenceNumberOf = (frame: Uint8Array): number =>
  Number(view(frame).readBigUInt64BE(SEQUENCE_NUMBER_OFFSET));

/** True for the two types that carry a session's data; acknowledgements and control messages are neither. */
export const isStreamMessage = (type: string): boolean =>
  type === 'input_stream_data' || type === 'output_stream_data';
