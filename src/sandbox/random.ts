import { randomBytes } from 'node:crypto';

/** Uniform random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/**
 * Random bytes from the operating system. Credentials always use them; resource names use them unless a seed was
 * given.
 */
export const systemRandomBytes: RandomBytes = (length) => randomBytes(length);

/** Like `systemRandomBytes`, but with one call to the operating system for many names. Not for secrets. */
export function pooledRandomBytes(poolBytes = 65_536): RandomBytes {
  let pool: Buffer = Buffer.alloc(0);
  return (length) => {
    if (length > pool.byteLength) pool = randomBytes(Math.max(poolBytes, length));
    const taken = Uint8Array.from(pool.subarray(0, length));
    pool = pool.subarray(length);
    return taken;
  };
}

/** The same bytes for the same seed, so that a failing run can be repeated. Not for secrets. */
export function seededRandomBytes(seed: number): RandomBytes {
  let state = seed >>> 0;
  const next = (): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return (length) => Uint8Array.from({ length }, () => next() & 0xff);
}

/** Makes the ids and names of AWS resources. */
export class ResourceIds {
  readonly #randomBytes: RandomBytes;

  constructor(randomBytes: RandomBytes) {
    this.#randomBytes = randomBytes;
  }

  /** `prefix-` and 17 hexadecimal digits: instances, groups, volumes … */
  ec2(prefix: string): string {
    return `${prefix}-${this.#hex(9).slice(0, 17)}`;
  }

  /** `AROA…`, `AIDA…`, `AIPA…`, `ANPA…`: 21 characters. */
  iam(prefix: string): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    return prefix + [...this.#randomBytes(17)].map((byte) => alphabet.charAt(byte % 32)).join('');
  }

  uuid(): string {
    const digits = this.#hex(16);
    return [
      digits.slice(0, 8),
      digits.slice(8, 12),
      `4${digits.slice(13, 16)}`,
      `8${digits.slice(17, 20)}`,
      digits.slice(20),
    ].join('-');
  }

  #hex(bytes: number): string {
    return Buffer.from(this.#randomBytes(bytes)).toString('hex');
  }
}
