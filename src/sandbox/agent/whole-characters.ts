import { concat } from '../../core/bytes.ts';

const MAX_HELD = 3;

/** Holds back the bytes at the end that must not be sent yet; `tailOf` returns how many those are. */
class IncompleteTail {
  #held: Uint8Array = new Uint8Array(0);
  readonly #tailOf: (bytes: Uint8Array) => number;

  constructor(tailOf: (bytes: Uint8Array) => number) {
    this.#tailOf = tailOf;
  }

  /** Takes new bytes; returns those that may be sent now. */
  push(bytes: Uint8Array): Uint8Array {
    const all = this.#held.byteLength === 0 ? bytes : concat([this.#held, bytes]);
    const end = all.byteLength - this.#tailOf(all);
    this.#held = all.slice(end);
    return all.subarray(0, end);
  }

  /** Returns the bytes that still wait, whether they form a whole character or not. */
  flush(): Uint8Array {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest;
  }
}

/** Holds back the bytes of an incomplete character, so that no message splits a character (SPEC.md §11.2). */
export class WholeCharacters extends IncompleteTail {
  constructor() {
    super(incompleteTail);
  }
}

/**
 * How the official agent treats the output of a command without a terminal: up to three bytes at the end that cannot
 * be decoded wait for the bytes that follow. The official agent drops those that still wait at the end.
 */
export class DecodedOutput extends IncompleteTail {
  constructor() {
    super(undecodedTail);
  }
}

/**
 * Number of bytes from the first of the last three bytes that does not begin a whole character to the end.
 * Continuation bytes belong to the character before them.
 */
function undecodedTail(bytes: Uint8Array): number {
  for (let back = Math.min(MAX_HELD, bytes.byteLength); back >= 1; back--) {
    const start = bytes.byteLength - back;
    const lead = bytes[start] ?? 0;
    if (lead < 0x80 || isInsideCharacter(bytes, start)) continue;
    const length = lead < 0xc2 || lead > 0xf4 ? 0 : sequenceLength(lead);
    const isWhole = length > 0 && length <= back && continues(bytes, start + 1, start + length);
    if (!isWhole) return back;
  }
  return 0;
}

const continues = (bytes: Uint8Array, from: number, to: number): boolean =>
  bytes.subarray(from, to).every((byte) => (byte & 0xc0) === 0x80);

/** Whether a whole character begins before `at` and ends after it. */
function isInsideCharacter(bytes: Uint8Array, at: number): boolean {
  for (let lead = at - 1; lead >= Math.max(0, at - MAX_HELD); lead--) {
    const length = sequenceLength(bytes[lead] ?? 0);
    if (length > at - lead)
      return lead + length <= bytes.byteLength && continues(bytes, lead + 1, lead + length);
    if (((bytes[lead] ?? 0) & 0xc0) !== 0x80) return false;
  }
  return false;
}

/** Length of an unfinished UTF-8 sequence at the end: 0 to 3. Bytes that are not UTF-8 at all are not held back. */
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
