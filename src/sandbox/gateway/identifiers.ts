import { hex } from '../../core/bytes.ts';
import type { RandomBytes } from '../random.ts';

const UUID_BYTES = 16;
const POOLED_UUIDS = 64;

/** A version 4 UUID. */
export const uuid = (randomBytes: RandomBytes): string => format(randomBytes(UUID_BYTES));

/**
 * Returns a function that makes version 4 UUIDs. It requests random bytes in large pieces because every message of a
 * session has a UUID.
 */
export function uuidMaker(randomBytes: RandomBytes): () => string {
  let pool = randomBytes(0);
  let used = 0;
  return () => {
    if (used + UUID_BYTES > pool.byteLength) {
      pool = randomBytes(UUID_BYTES * POOLED_UUIDS);
      used = 0;
    }
    used += UUID_BYTES;
    return format(pool.subarray(used - UUID_BYTES, used));
  };
}

function format(random: Uint8Array): string {
  const bytes = Uint8Array.from(random);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = hex(bytes);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}

/** `length` random lower-case hexadecimal digits. */
export const hexId = (randomBytes: RandomBytes, length: number): string =>
  hex(randomBytes(Math.ceil(length / 2))).slice(0, length);
