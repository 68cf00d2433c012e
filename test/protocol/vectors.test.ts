import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concat, hex, text, utf8 } from '../../src/core/bytes.ts';
import { encodeAcknowledge } from '../../src/protocol/acknowledge.ts';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeAgentMessage,
} from '../../src/protocol/agent-message.ts';
import { DataChannel } from '../../src/protocol/data-channel.ts';
import { encodeHandshakeRequest, encodeHandshakeResponse } from '../../src/protocol/handshake-payloads.ts';
import { RetransmissionTimeout } from '../../src/protocol/retransmission-timeout.ts';
import { SessionEncryption } from '../../src/protocol/session-encryption.ts';
import { decodeFrameHeader, encodeFrame, type FrameCommand } from '../../src/protocol/smux-frame.ts';
import { MuxSession } from '../../src/protocol/smux.ts';
import { encodeFlag, encodeSize } from '../../src/protocol/stream-payloads.ts';
import { protocolErrorCode } from '../support/protocol-error-code.ts';
import { fromHex } from '../support/from-hex.ts';

/** Compares every vector of the reference byte for byte (the file names its sources). */
interface Vectors {
  readonly createdDate: number;
  readonly messages: readonly {
    readonly name: string;
    readonly messageType: string;
    readonly sequenceNumber: number;
    readonly flags: number;
    readonly messageId: string;
    readonly payloadType: number;
    readonly payload: string;
    readonly layout: 'full' | 'gateway';
    readonly hex: string;
  }[];
  readonly retransmissionTimeout: { readonly rows: readonly (readonly [number, number, number, number])[] };
  readonly smux: {
    readonly frames: readonly {
      readonly name: string;
      readonly command: FrameCommand;
      readonly id: number;
      readonly data: string;
      readonly hex: string;
    }[];
    readonly fullFrameHeader: string;
  };
  readonly kms: {
    readonly nonce: string;
    readonly plaintext: string;
    readonly agentToClient: string;
    readonly clientToAgent: string;
    readonly message: { readonly sequenceNumber: number; readonly messageId: string; readonly hex: string };
  };
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/ssm-data-channel.json', import.meta.url), 'utf8'),
) as Vectors;
const message = (name: string): Vectors['messages'][number] =>
  vectors.messages.find((candidate) => candidate.name.startsWith(name))!;

describe('V1 to V8: messages', () => {
  test.each(vectors.messages)('$name encodes and decodes', (vector) => {
    const fields: AgentMessage = {
      messageType: vector.messageType,
      messageId: vector.messageId,
      createdDate: vectors.createdDate,
      sequenceNumber: vector.sequenceNumber,
      flags: vector.flags,
      payloadType: vector.payloadType,
      payload: utf8(vector.payload),
    };
    expect(hex(encodeAgentMessage(fields, { layout: vector.layout }))).toBe(vector.hex);
    const decoded = decodeAgentMessage(fromHex(vector.hex));
    expect({ ...decoded, payload: text(decoded.payload) }).toEqual({ ...fields, payload: vector.payload });
  });

  test('our own serialisers write the same payloads', () => {
    const m2 = decodeAgentMessage(fromHex(message('V6').hex));
    expect(text(encodeSize({ columns: 80, rows: 24 }))).toBe(message('V2').payload);
    const acknowledged = { ...m2, sequenceNumber: 7 };
    const header = { messageId: message('V3').messageId, createdDate: vectors.createdDate };
    expect(hex(encodeAcknowledge(acknowledged, header))).toBe(message('V3').hex);
    const response = {
      clientVersion: '1.2.677.0',
      actions: [{ actionType: 'SessionType', status: 1, result: null, error: '' }],
      errors: [],
    };
    expect(text(encodeHandshakeResponse(response))).toBe(message('V4').payload);
    expect(text(encodeFlag('TerminateSession'))).toBe(message('V5').payload);
    const request = {
      agentVersion: '3.3.987.0',
      actions: [
        {
          type: 'SessionType' as const,
          sessionType: 'Port',
          properties: { portNumber: '80', type: 'LocalPortForwarding' },
        },
      ],
    };
    expect(text(encodeHandshakeRequest(request))).toBe(message('V6').payload);
  });

  test('a complete agent channel produces V8 and V6', () => {
    const agent = new DataChannel({
      role: 'agent',
      sessionId: 'sess-1',
      randomUuid: () => message('V6').messageId,
      randomBytes: (length) => new Uint8Array(length),
      handshake: { sessionType: 'Port', properties: { portNumber: '80', type: 'LocalPortForwarding' } },
    });
    agent.start(vectors.createdDate);
    expect(agent.takeOutput().map(hex)).toEqual([message('V8').hex, message('V6').hex]);
  });
});

describe('V9: retransmission timeout', () => {
  test('follows the table', () => {
    const timeout = new RetransmissionTimeout();
    expect(timeout.value).toBe(200);
    for (const [sample, rtt, variation, value] of vectors.retransmissionTimeout.rows) {
      timeout.add(sample);
      expect(timeout.rtt).toBeCloseTo(rtt, 6);
      expect(timeout.variation).toBeCloseTo(variation, 6);
      expect(timeout.value).toBeCloseTo(value, 6);
    }
  });
});

describe('V10: smux frames', () => {
  test.each(vectors.smux.frames)('$name', ({ command, id, data, hex: expected }) => {
    expect(hex(encodeFrame(command, id, data === '' ? undefined : utf8(data)))).toBe(expected);
    const header = Buffer.from(fromHex(expected).subarray(0, 8));
    expect(decodeFrameHeader(header)).toEqual({ command, length: data.length, streamId: id });
  });

  test('a session writes exactly these bytes', () => {
    const client = new MuxSession({ role: 'client', keepAlive: false, now: 0 });
    const first = client.open();
    client.write(first, utf8('hello'));
    client.finish(first);
    const second = client.open();
    client.write(second, utf8('a'.repeat(32_769)));
    const frames = client.takeOutput().map(hex);
    const named = (index: number): string => vectors.smux.frames[index]!.hex;
    expect(frames.slice(0, 4)).toEqual([named(0), named(1), named(2), named(3)]);
    expect(frames[4]).toBe(vectors.smux.fullFrameHeader + '61'.repeat(32_768));
    expect(frames[5]).toBe(named(5));
  });
});

describe('V11: KMS encryption', () => {
  const dataKey = Uint8Array.from({ length: 64 }, (_, index) => index);
  const nonce = (): Uint8Array => fromHex(vectors.kms.nonce);
  const plaintext = utf8(vectors.kms.plaintext);

  test('encrypts and decrypts in both directions', () => {
    const agent = new SessionEncryption('agent', dataKey, nonce);
    const client = new SessionEncryption('client', dataKey, nonce);
    expect(hex(agent.seal(plaintext))).toBe(vectors.kms.agentToClient);
    expect(hex(client.seal(plaintext))).toBe(vectors.kms.clientToAgent);
    expect(client.open(fromHex(vectors.kms.agentToClient))).toEqual(Buffer.from(plaintext));
    expect(agent.open(fromHex(vectors.kms.clientToAgent))).toEqual(Buffer.from(plaintext));
    expect(client.open(fromHex(vectors.kms.clientToAgent))).toBeUndefined();
  });

  test('encrypts a complete message', () => {
    const { message: vector } = vectors.kms;
    const decoded = decodeAgentMessage(fromHex(vector.hex));
    expect(decoded).toMatchObject({ sequenceNumber: vector.sequenceNumber, payloadType: 1 });
    expect(hex(decoded.payload)).toBe(vectors.kms.clientToAgent);
    expect(hex(encodeAgentMessage(decoded))).toBe(vector.hex);
  });
});

describe('V12: empty payload', () => {
  const empty: AgentMessage = {
    ...decodeAgentMessage(fromHex(message('V1').hex)),
    payload: new Uint8Array(),
  };

  test('is not serialised', () => {
    expect(protocolErrorCode(() => encodeAgentMessage(empty))).toBe('payload-empty');
  });

  test('is accepted', () => {
    const frame = concat([fromHex(message('V1').hex).subarray(0, 116), new Uint8Array(4)]);
    expect(decodeAgentMessage(frame)).toMatchObject({ messageType: 'input_stream_data', payloadType: 1 });
    expect(decodeAgentMessage(frame).payload.byteLength).toBe(0);
  });
});
