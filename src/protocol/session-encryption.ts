import { openAesGcm, sealAesGcm } from '../core/bytes.ts';
import { ProtocolError } from '../core/errors.ts';

/** `NumberOfBytes` of the GenerateDataKey call: one AES-256 key per direction. */
export const DATA_KEY_LENGTH = 64;
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;

/** AES-256-GCM with one key per direction (SPEC.md §4): the first half of the data key is agent → client. */
export class SessionEncryption {
  readonly #sealKey: Uint8Array;
  readonly #openKey: Uint8Array;
  readonly #nextNonce: () => Uint8Array;

  /** Throws `data-key-length` unless the key has 64 bytes. */
  constructor(role: 'client' | 'agent', dataKey: Uint8Array, randomBytes: (length: number) => Uint8Array) {
    if (dataKey.byteLength !== DATA_KEY_LENGTH)
      throw new ProtocolError('data-key-length', `data key of ${dataKey.byteLength} bytes instead of 64`);
    const agentToClient = Uint8Array.from(dataKey.subarray(0, KEY_LENGTH));
    const clientToAgent = Uint8Array.from(dataKey.subarray(KEY_LENGTH));
    this.#sealKey = role === 'client' ? clientToAgent : agentToClient;
    this.#openKey = role === 'client' ? agentToClient : clientToAgent;
    this.#nextNonce =
      role === 'client' ? () => randomBytes(NONCE_LENGTH) : countingNonces(randomBytes(NONCE_LENGTH));
  }

  /** nonce ‖ ciphertext ‖ tag */
  seal(plaintext: Uint8Array): Uint8Array {
    return sealAesGcm(this.#sealKey, this.#nextNonce(), plaintext);
  }

  /** Undefined if the bytes were not sealed by the peer with the same data key. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    return openAesGcm(this.#openKey, sealed);
  }
}

/** The agent's nonces: a random start, then incremented as a little-endian number. */
function countingNonces(start: Uint8Array): () => Uint8Array {
  // Not slice(): on a Buffer that is a view, and the returned nonce would change with the counter.
  const next = Uint8Array.from(start);
  return () => {
    const nonce = Uint8Array.from(next);
    for (let i = 0; i < next.length; i++) {
      const value = ((next[i] ?? 0) + 1) & 0xff;
      next[i] = value;
      if (value !== 0) break;
    }
    return nonce;
  };
}
