import { createHash } from 'node:crypto';
import type { AgentMessage } from '../../src/protocol/agent-message.ts';

/**
 * A second codec, written from the layout table alone, slow and literal; it shares no code with the codec under test.
 */

export function naiveEncode(message: AgentMessage): number[] {
  const bytes: number[] = [];
  const number = (value: bigint, size: number): void => {
    for (let i = size - 1; i >= 0; i--) bytes.push(Number((value >> BigInt(8 * i)) & 255n));
  };
  number(116n, 4);
  for (let i = 0; i < 32; i++) bytes.push(message.messageType.charCodeAt(i) || 32);
  number(1n, 4);
  number(BigInt(message.createdDate), 8);
  number(BigInt(message.sequenceNumber), 8);
  number(BigInt(message.flags), 8);
  const digits = message.messageId.split('-').join('');
  const uuid = Array.from({ length: 16 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  bytes.push(...uuid.slice(8), ...uuid.slice(0, 8));
  bytes.push(...createHash('sha256').update(message.payload).digest());
  number(BigInt(message.payloadType), 4);
  number(BigInt(message.payload.length), 4);
  bytes.push(...message.payload);
  return bytes;
}

export function naiveDecode(bytes: readonly number[]): AgentMessage {
  const number = (at: number, size: number): number => {
    let value = 0n;
    for (let i = 0; i < size; i++) value = value * 256n + BigInt(bytes[at + i]!);
    return Number(value);
  };
  const headerLength = number(0, 4);
  const name = String.fromCharCode(...bytes.slice(4, 36));
  const id = [...bytes.slice(72, 80), ...bytes.slice(64, 72)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  return {
    messageType: name.replace(/^\0+|\0+$/g, '').trim(),
    createdDate: number(40, 8),
    sequenceNumber: number(48, 8),
    flags: number(60, 4),
    messageId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    payloadType: headerLength >= 116 ? number(112, 4) : 0,
    payload: Uint8Array.from(bytes.slice(headerLength + 4)),
  };
}
