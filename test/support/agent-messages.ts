import * as fc from 'fast-check';
import type { AgentMessage } from '../../src/protocol/agent-message.ts';

/** Any message that can be encoded. */
export const agentMessages: fc.Arbitrary<AgentMessage> = fc.record({
  messageType: fc.oneof(
    fc.constantFrom(
      'input_stream_data',
      'output_stream_data',
      'acknowledge',
      'channel_closed',
      'pause_publication',
    ),
    fc.stringMatching(/^[a-z_]{1,32}$/),
  ),
  messageId: fc.uuid(),
  createdDate: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  sequenceNumber: fc.oneof(fc.nat(10), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  flags: fc.nat(3),
  payloadType: fc.oneof(fc.nat(13), fc.nat(0xffff_ffff)),
  payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
});
