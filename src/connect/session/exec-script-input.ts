import { concat, utf8 } from '../../core/bytes.ts';

/**
 * What the script of exec-script.ts reads from its pty, line by line:
 * - a number from 0 on, a colon and a length: that many bytes of stdin follow, then a line with a comma (`counted`, on
 *   a pty in raw mode). The marker `taken` reports that the command's pipe has them. The official agent handles a
 *   message twice when it could not send the acknowledgement over a dead connection (SPEC.md §9); the number and the
 *   comma reveal that, and the marker `broken` reports it;
 * - `=` and text: stdin in which every byte that is not printable ASCII, and the backslash, is `\0` with three octal
 *   digits (`text`);
 * - `.`: the end of stdin;
 * - an empty line: a keepalive, which the command does not see;
 * - `..`: the acknowledgement of the end marker.
 */

/**
 * Sent when the end marker has arrived; the script then ends. It is sent twice, because when stdin has not ended yet,
 * the first one ends stdin.
 */
export const EXEC_ACKNOWLEDGEMENT: Uint8Array = utf8('..\n..\n');
/** Only where the input is `counted` or `text`: elsewhere the pty would echo it into the output. */
export const EXEC_KEEP_ALIVE: Uint8Array = utf8('\n');
const EXEC_END_OF_STDIN: Uint8Array = utf8('.\n');

/** `dd` on the remote side holds one block in memory. Each block costs the remote side the start of a process. */
const MAX_BLOCK = 262_144;
/** Of the blocks that the remote side has not taken: more would be smaller ones. */
const MAX_UNDER_WAY = 2;
/**
 * Bytes of stdin in one line of text: five characters for each stay below the 4095 characters that a pty accepts in one
 * line.
 */
const BYTES_PER_LINE = 800;
const PRINTABLE_FROM = 0x20;
const PRINTABLE_TO = 0x7e;
const BACKSLASH = 0x5c;

/**
 * Limit for counted blocks that the script has not reported as taken. The remote side can hold a block in `dd`, 64 KiB in
 * the pipe before it, and what the copying `dd` and the pty buffer before the agent's write to the pty blocks. An agent
 * that blocks there acknowledges nothing, so everything is sent again and the channel looks dead (SPEC.md §11.2).
 */
const WINDOW = MAX_BLOCK + 2 * 65_536;

/** Queues stdin for the remote side: accepts everything, and returns what may be sent. */
export class StdinFrames {
  readonly #isCounted: boolean;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Lengths of the blocks that the remote side has not reported as taken. */
  #underWay: number[] = [];
  #underWayBytes = 0;
  #blocks = 0;
  #end: 'open' | 'wanted' | 'sent' = 'open';

  constructor(input: 'counted' | 'text') {
    this.#isCounted = input === 'counted';
  }

  push(bytes: Uint8Array): void {
    if (this.#end !== 'open' || bytes.byteLength === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
  }

  /** Stdin has ended; this is sent after everything that was pushed. */
  end(): void {
    if (this.#end === 'open') this.#end = 'wanted';
  }

  /** The remote side has taken the oldest block. */
  taken(): void {
    this.#underWayBytes -= this.#underWay.shift() ?? 0;
  }

  /** True while a whole block waits for the remote side; the source should pause meanwhile. */
  get isFull(): boolean {
    return this.#waitingBytes >= MAX_BLOCK;
  }

  /** The bytes that may be sent now; empty when none may. */
  take(): Uint8Array {
    const parts: Uint8Array[] = [];
    while (this.#waitingBytes > 0) {
      if (!this.#isCounted) {
        parts.push(linesOfText(concat(this.#takeWaiting(this.#waitingBytes))));
        continue;
      }
      const room = Math.min(MAX_BLOCK, WINDOW - this.#underWayBytes);
      if (room <= 0 || this.#underWay.length >= MAX_UNDER_WAY) break;
      const length = Math.min(this.#waitingBytes, room);
      parts.push(utf8(`${this.#blocks++}:${length}\n`), ...this.#takeWaiting(length), utf8(',\n'));
      this.#underWay.push(length);
      this.#underWayBytes += length;
    }
    if (this.#end === 'wanted' && this.#waitingBytes === 0) {
      this.#end = 'sent';
      parts.push(EXEC_END_OF_STDIN);
    }
    return concat(parts);
  }

  #takeWaiting(length: number): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    this.#waitingBytes -= length;
    for (let left = length; left > 0;) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const part = first.subarray(0, left);
      parts.push(part);
      left -= part.byteLength;
      if (part.byteLength === first.byteLength) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(part.byteLength);
    }
    return parts;
  }
}

function linesOfText(bytes: Uint8Array): Uint8Array {
  let lines = '';
  for (let start = 0; start < bytes.byteLength; start += BYTES_PER_LINE) {
    lines += '=';
    for (const byte of bytes.subarray(start, start + BYTES_PER_LINE)) {
      const isPlain = byte >= PRINTABLE_FROM && byte <= PRINTABLE_TO && byte !== BACKSLASH;
      lines += isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
    }
    lines += '\n';
  }
  return utf8(lines);
}
