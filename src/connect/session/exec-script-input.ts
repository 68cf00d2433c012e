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

/** `dd` on the remote side holds one block in memory. */
const MAX_BLOCK = 65_536;
/**
 * Bytes of stdin in one line of text: five characters for each stay below the 4095 characters that a pty accepts in one
 * line.
 */
const BYTES_PER_LINE = 800;
const PRINTABLE_FROM = 0x20;
const PRINTABLE_TO = 0x7e;
const BACKSLASH = 0x5c;

/**
 * Limit for counted blocks that the script has not reported as taken. The remote side can hold a block in `dd`, one in
 * the pipe before it, and what the pty buffers before the agent's write to the pty blocks. An agent that blocks there
 * acknowledges nothing, so everything is sent again and the channel looks dead (SPEC.md §11.2).
 */
const WINDOW = 3 * MAX_BLOCK;

/** Queues stdin for the remote side: accepts everything, and returns what may be sent. */
export class StdinFrames {
  readonly #isCounted: boolean;
  #waiting: Uint8Array[] = [];
  /** Lengths of the blocks that the remote side has not reported as taken. */
  #underWay: number[] = [];
  #underWayBytes = 0;
  #blocks = 0;
  #end: 'open' | 'wanted' | 'sent' = 'open';

  constructor(input: 'counted' | 'text') {
    this.#isCounted = input === 'counted';
  }

  push(bytes: Uint8Array): void {
    if (this.#end === 'open' && bytes.byteLength > 0) this.#waiting.push(bytes);
  }

  /** Stdin has ended; this is sent after everything that was pushed. */
  end(): void {
    if (this.#end === 'open') this.#end = 'wanted';
  }

  /** The remote side has taken the oldest block. */
  taken(): void {
    this.#underWayBytes -= this.#underWay.shift() ?? 0;
  }

  /** True while something waits for the remote side; the source should pause meanwhile. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** The bytes that may be sent now; empty when none may. */
  take(): Uint8Array {
    const parts: Uint8Array[] = [];
    let first: Uint8Array | undefined;
    while ((first = this.#waiting[0]) !== undefined) {
      if (!this.#isCounted) {
        parts.push(linesOfText(first));
        this.#waiting.shift();
        continue;
      }
      const block = first.subarray(0, Math.min(MAX_BLOCK, WINDOW - this.#underWayBytes));
      if (block.byteLength === 0) break;
      parts.push(utf8(`${this.#blocks++}:${block.byteLength}\n`), block, utf8(',\n'));
      this.#underWay.push(block.byteLength);
      this.#underWayBytes += block.byteLength;
      if (block.byteLength === first.byteLength) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(block.byteLength);
    }
    if (this.#end === 'wanted' && this.#waiting.length === 0) {
      this.#end = 'sent';
      parts.push(EXEC_END_OF_STDIN);
    }
    return concat(parts);
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
