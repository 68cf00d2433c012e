import { concat } from '../../core/bytes.ts';

const MAX_HELD = 3;

/** Holds back the bytes of a character that is not complete yet, so that no message splits one (SPEC.md §11.2). */
export class WholeCharacters {
  #held: Uint8Array = new Uint8Array(0);

  /** What may go out now. */
  push(bytes: Uint8Array): Uint8Array {
    const all = this.#held.byteLength === 0 ? bytes : concat([this.#held, bytes]);
    const end = all.byteLength - incompleteTail(all);
    this.#held = all.slice(end);
    return all.subarray(0, end);
  }

  /** The rest, complete or not. */
  flush(): Uint8Array {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest;
  }
}

/** Length of an unfinished UTF-8 sequence at the end: 0 to 3. Bytes that are not UTF-8 at all are not held. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(MAX_HELD, bytes.byteLength); back++) {
    const byte = bytes[bytes.byteLength - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0 && lead < 0xf8) return 4;
  if (lead >= 0xe0) return lead < 0xf0 ? 3 : 1;
  return lead >= 0xc0 ? 2 : 1;
}
