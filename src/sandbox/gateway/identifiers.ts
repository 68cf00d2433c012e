import { hex } from '../../core/bytes.ts';
import type { RandomBytes } from '../random.ts';

/** A version 4 UUID. */
export function uuid(randomBytes: RandomBytes): string {
  const bytes = Uint8Array.from(randomBytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = hex(bytes);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join('-');
}

/** `length` random lower-case hexadecimal digits. */
export const hexId = (randomBytes: RandomBytes, length: number): string =>
  hex(randomBytes(Math.ceil(length / 2))).slice(0, length);
