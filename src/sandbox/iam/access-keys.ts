import type { Principal } from '../contracts.ts';
import type { RandomBytes } from '../random.ts';
import type { AccessKey } from '../sigv4.ts';

export interface IssuedKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface IssuedSession extends IssuedKey {
  readonly sessionToken: string;
  readonly expiresAt: number;
}

/**
 * Every access key of the account, long-term and temporary. The random bytes must be unpredictable for other users of
 * the machine.
 */
export class AccessKeys {
  readonly #keys = new Map<string, AccessKey>();
  readonly #randomBytes: RandomBytes;

  constructor(randomBytes: RandomBytes) {
    this.#randomBytes = randomBytes;
  }

  lookup(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  issue(principal: Principal): IssuedKey {
    const key = { accessKeyId: `AKIA${this.#identifier(16)}`, secretAccessKey: this.#secret(30) };
    this.#keys.set(key.accessKeyId, {
      secretAccessKey: key.secretAccessKey,
      sessionToken: undefined,
      expiresAt: undefined,
      principal,
    });
    return key;
  }

  issueSession(principal: Principal, expiresAt: number): IssuedSession {
    const session = {
      accessKeyId: `ASIA${this.#identifier(16)}`,
      secretAccessKey: this.#secret(30),
      sessionToken: this.#secret(192),
      expiresAt,
    };
    this.#keys.set(session.accessKeyId, { ...session, principal });
    return session;
  }

  #identifier(length: number): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    return [...this.#randomBytes(length)].map((byte) => alphabet.charAt(byte % 32)).join('');
  }

  #secret(bytes: number): string {
    return Buffer.from(this.#randomBytes(bytes)).toString('base64');
  }
}
