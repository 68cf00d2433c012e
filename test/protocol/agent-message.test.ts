import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hex, utf8 } from '../../src/core/bytes.ts';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeAgentMessage,
} from '../../src/protocol/agent-message.ts';
import { agentMessages } from '../support/agent-messages.ts';
import { naiveDecode, naiveEncode } from '../support/naive-agent-message.ts';
import { protocolErrorCode } from '../support/protocol-error-code.ts';
import { fromHex } from '../support/from-hex.ts';

const message: AgentMessage = {
  messageType: 'output_stream_data',
  messageId: '00112233-4455-4677-8899-aabbccddeeff',
  createdDate: 1_700_000_000_123,
  sequenceNumber: 7,
  flags: 0,
  payloadType: 1,
  payload: utf8('payload'),
};

/** An encoded message in which some bytes are replaced. */
function patched(at: number, replacement: Uint8Array, from: AgentMessage = message): Buffer {
  const frame = Buffer.from(encodeAgentMessage(from));
  frame.set(replacement, at);
  return frame;
}

const plain = (decoded: AgentMessage): unknown => ({ ...decoded, payload: hex(decoded.payload) });

describe('compared with a second, naive codec', () => {
  test('encoding gives the same bytes', () => {
    fc.assert(
      fc.property(agentMessages, (any) => {
        expect([...encodeAgentMessage(any)]).toEqual(naiveEncode(any));
      }),
    );
  });

  test('decoding gives the same fields', () => {
    fc.assert(
      fc.property(agentMessages, (any) => {
        const frame = encodeAgentMessage(any);
        expect(plain(decodeAgentMessage(frame))).toEqual(plain(naiveDecode([...frame])));
      }),
    );
  });

  test('a round trip changes nothing, in both layouts', () => {
    fc.assert(
      fc.property(agentMessages, fc.constantFrom('full' as const, 'gateway' as const), (any, layout) => {
        const decoded = decodeAgentMessage(encodeAgentMessage(any, { layout }));
        const expected = layout === 'gateway' ? { ...any, payloadType: 0 } : any;
        expect(plain(decoded)).toEqual(plain(expected));
      }),
    );
  });
});

describe('padding of the message type', () => {
  test.each([
    ['spaces on the right', 'acknowledge'.padEnd(32, ' ')],
    ['spaces on the left', 'acknowledge'.padStart(32, ' ')],
    ['NULs on the right', 'acknowledge'.padEnd(32, '\0')],
    ['NULs on the left', 'acknowledge'.padStart(32, '\0')],
    ['NULs around spaces', '\0\0  acknowledge '.padEnd(32, '\0')],
  ])('%s is removed', (_, name) => {
    const decoded = decodeAgentMessage(patched(4, utf8(name)));
    expect(decoded.messageType).toBe('acknowledge');
  });

  test('a name that fills the field has no padding', () => {
    const full = { ...message, messageType: 'a'.repeat(32) };
    expect(decodeAgentMessage(encodeAgentMessage(full)).messageType).toBe(full.messageType);
  });
});

describe('messages that are rejected', () => {
  const uint32 = (value: number): Uint8Array => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };

  test.each([
    ['an empty frame', new Uint8Array(), 'message-truncated'],
    ['half a header', Buffer.from(encodeAgentMessage(message)).subarray(0, 60), 'message-truncated'],
    [
      'a header without its length field',
      Buffer.from(encodeAgentMessage(message)).subarray(0, 118),
      'message-truncated',
    ],
    ['header length 0', patched(0, uint32(0)), 'message-header-length'],
    ['header length 111', patched(0, uint32(111)), 'message-header-length'],
    ['header length 2^32 − 1', patched(0, uint32(0xffff_ffff)), 'message-header-length'],
    ['header length beyond the frame', patched(0, uint32(1000)), 'message-truncated'],
    ['payload length 2^32 − 1', patched(116, uint32(0xffff_ffff)), 'payload-too-large'],
    ['no message type', patched(4, new Uint8Array(32)), 'message-type-invalid'],
    ['date 0', patched(40, new Uint8Array(8)), 'message-date-missing'],
    ['sequence number 2^53', patched(48, fromHex('0020000000000000')), 'message-sequence-range'],
    ['sequence number −1', patched(48, fromHex('ffffffffffffffff')), 'message-sequence-range'],
    ['a wrong digest', patched(80, fromHex('00')), 'message-digest-mismatch'],
    ['a changed payload', patched(120, utf8('P')), 'message-digest-mismatch'],
  ])('%s', (_, frame, code) => {
    expect(protocolErrorCode(() => decodeAgentMessage(frame))).toBe(code);
  });

  test('a payload that is one byte over the limit, by its actual length', () => {
    const frame = encodeAgentMessage({ ...message, payload: new Uint8Array(101) });
    expect(protocolErrorCode(() => decodeAgentMessage(frame, { maxPayloadBytes: 100 }))).toBe(
      'payload-too-large',
    );
    expect(protocolErrorCode(() => decodeAgentMessage(frame, { maxPayloadBytes: 101 }))).toBeUndefined();
    frame.set(uint32(1), 116);
    expect(protocolErrorCode(() => decodeAgentMessage(frame, { maxPayloadBytes: 100 }))).toBe(
      'payload-too-large',
    );
  });

  test.each([
    ['an empty payload', { payload: new Uint8Array() }, 'payload-empty'],
    ['a type of 33 characters', { messageType: 'a'.repeat(33) }, 'message-type-invalid'],
    ['an id that is not a UUID', { messageId: '00112233-4455-4677-8899-aabbccddeexx' }, 'message-id-invalid'],
    ['an id that is too long', { messageId: '00112233-4455-4677-8899-aabbccddeeff00' }, 'message-id-invalid'],
    ['a negative sequence number', { sequenceNumber: -1 }, 'number-out-of-range'],
    ['a date beyond 2^53', { createdDate: 2 ** 53 }, 'number-out-of-range'],
  ])('when encoding: %s', (_, change, code) => {
    expect(protocolErrorCode(() => encodeAgentMessage({ ...message, ...change }))).toBe(code);
  });
});

describe('messages that are accepted although they deviate', () => {
  test('a wrong digest, if digests are not checked', () => {
    expect(decodeAgentMessage(patched(80, fromHex('00')), { verifyDigest: false }).sequenceNumber).toBe(7);
  });

  test('publications without a date or a digest', () => {
    for (const messageType of ['start_publication', 'pause_publication']) {
      const frame = patched(40, new Uint8Array(8), { ...message, messageType });
      frame.fill(0, 80, 112);
      expect(decodeAgentMessage(frame).messageType).toBe(messageType);
    }
  });

  test('a PayloadLength that disagrees with the frame: the payload is everything after the header', () => {
    expect(decodeAgentMessage(patched(116, fromHex('00000001'))).payload.byteLength).toBe(7);
  });

  test('any schema version and flags', () => {
    expect(decodeAgentMessage(patched(36, fromHex('ffffffffffff'))).messageType).toBe('output_stream_data');
    expect(decodeAgentMessage(patched(56, fromHex('ffffffffffffffff'))).flags).toBe(0xffff_ffff);
  });

  test('a 112-byte header with a payload shorter than 4 bytes', () => {
    const frame = encodeAgentMessage({ ...message, payload: utf8('x') }, { layout: 'gateway' });
    expect(frame.byteLength).toBe(117);
    expect(plain(decodeAgentMessage(frame))).toMatchObject({ payloadType: 0, payload: '78' });
  });
});

test('mutated frames are either decoded or rejected with a code', () => {
  const mutation = fc.record({ at: fc.nat(140), value: fc.nat(255), cut: fc.nat(400) });
  fc.assert(
    fc.property(agentMessages, fc.array(mutation, { maxLength: 4 }), (any, mutations) => {
      let frame = Buffer.from(encodeAgentMessage(any));
      for (const { at, value, cut } of mutations) {
        if (at < frame.length) frame[at] = value;
        frame = frame.subarray(0, Math.max(0, frame.length - (cut > 300 ? cut - 300 : 0)));
      }
      protocolErrorCode(() => decodeAgentMessage(frame));
    }),
    { numRuns: 1000 },
  );
});
