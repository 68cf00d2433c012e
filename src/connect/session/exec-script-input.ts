import { concat, utf8 } from '../../core/bytes.ts';
import { nonceHalves } from './exec-script.ts';

/**
 * What the script of exec-script.ts reads from its pty. The official agent handles messages twice when it could not
 * send their acknowledgements over a dead connection (SPEC.md §9), so the stream of bytes jumps back to the border of an
 * earlier message and goes on from there. The script drops what arrives twice, and asks again for what it damages.
 *
 * `ID` is `G.N:K`: N is the number of blocks that the script has taken, G the number of times that it has asked again, K
 * the second half of the nonce, which no data contains. A line that is none of these is ignored; it is a part of data
 * that arrives twice.
 * - `ID:LENGTH:ID` (`counted`, on a pty in raw mode): LENGTH bytes follow, which are a line feed and a block of stdin, and
 *   then the line `,ID`. The script has a process read LENGTH bytes before it passes on any of them, and reads the next
 *   line. A jump back only adds bytes, so the block is exactly what was sent if that line is `,ID`;
 * - `=ID:LENGTH:TEXT,ID` (`text`): a block of stdin in which every byte that is not printable ASCII, and the backslash,
 *   is `\0` with three octal digits. The text is whole if it has LENGTH characters;
 * - `.ID`: the end of stdin. It is sent twice, because a jump back can damage one line;
 * - an empty line: a keepalive, which the command does not see;
 * - `..K`: the acknowledgement of the end marker.
 *
 * The marker `taken` reports that the pipe of the command has a block. The marker `again` reports a damaged one: G is
 * greater by one from then on, and everything that was not taken is sent again.
 */

/** The second half of the nonce marks the lines of the input. */
const inputKey = (nonce: string): string => nonceHalves(nonce)[1];

/**
 * Sent when the end marker has arrived; the script then ends. It is sent twice, because when stdin has not ended yet,
 * the first one ends stdin.
 */
export const execAcknowledgement = (nonce: string): Uint8Array => utf8(`..${inputKey(nonce)}\n`.repeat(2));
/** Only where the input is `counted` or `text`: elsewhere the pty would echo it into the output. */
export const EXEC_KEEP_ALIVE: Uint8Array = utf8('\n');

/**
 * The longest block: `dd` on the remote side holds one in memory, and each costs the remote side the start of two
 * processes.
 */
const MAX_BLOCK = 262_144;
/** The shortest block that `again` leads to; a whole one fits between two cuts that are a few messages apart. */
const MIN_BLOCK = 2_048;
/** Of the counted blocks that the remote side has not taken: more would be smaller ones. */
const MAX_UNDER_WAY = 2;
/**
 * Bytes of stdin in one line of text: five characters for each, and the identifiers, stay below the 4095 characters that
 * a pty accepts in one line.
 */
const BYTES_PER_LINE = 780;
/** Blocks that arrive damaged one after the other before the session is given up. */
const MAX_REPEATS = 50;
const PRINTABLE_FROM = 0x20;
const PRINTABLE_TO = 0x7e;
const BACKSLASH = 0x5c;

/**
 * Limit for bytes of stdin that the script has not reported as taken. The remote side can hold a counted block in `dd`,
 * 64 KiB in the pipe before it, and what the copying `dd` and the pty buffer before the agent's write to the pty blocks;
 * lines of text go straight into the pipe of the command, which holds 64 KiB. An agent that blocks there acknowledges
 * nothing, so everything is sent again and the channel looks dead (SPEC.md §11.2).
 */
const WINDOWS = { counted: MAX_BLOCK + 2 * 65_536, text: 65_536 } as const;

/** Queues stdin for the remote side: accepts everything, and returns what may be sent. */
export class StdinFrames {
  readonly #input: 'counted' | 'text';
  readonly #key: string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Blocks that the remote side has not reported as taken, oldest first. */
  #underWay: (readonly Uint8Array[])[] = [];
  #underWayBytes = 0;
  #blocksTaken = 0;
  #generation = 0;
  #blockLimit = MAX_BLOCK;
  #repeats = 0;
  #end: 'open' | 'wanted' | 'sent' = 'open';

  constructor(input: 'counted' | 'text', nonce: string) {
    this.#input = input;
    this.#key = inputKey(nonce);
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
    this.#underWayBytes -= lengthOf(this.#underWay.shift() ?? []);
    this.#blocksTaken++;
    this.#repeats = 0;
    this.#blockLimit = Math.min(MAX_BLOCK, 2 * this.#blockLimit);
  }

  /**
   * The oldest block arrived damaged. What was not taken is sent again, in blocks of half the length: the next cut may
   * be as close. False: too many arrived damaged one after the other.
   */
  again(): boolean {
    this.#waiting.unshift(...this.#underWay.flat());
    this.#waitingBytes += this.#underWayBytes;
    this.#underWay = [];
    this.#underWayBytes = 0;
    this.#generation++;
    this.#blockLimit = Math.max(MIN_BLOCK, Math.floor(this.#blockLimit / 2));
    if (this.#end === 'sent') this.#end = 'wanted';
    return ++this.#repeats < MAX_REPEATS;
  }

  /** True while a whole block waits for the remote side; the source should pause meanwhile. */
  get isFull(): boolean {
    return this.#waitingBytes >= MAX_BLOCK;
  }

  /** The bytes that may be sent now; empty when none may. */
  take(): Uint8Array {
    const isCounted = this.#input === 'counted';
    const limit = isCounted ? this.#blockLimit : BYTES_PER_LINE;
    const parts: Uint8Array[] = [];
    while (this.#waitingBytes > 0) {
      const room = Math.min(limit, WINDOWS[this.#input] - this.#underWayBytes);
      if (room <= 0 || (isCounted && this.#underWay.length >= MAX_UNDER_WAY)) break;
      const block = this.#takeWaiting(Math.min(this.#waitingBytes, room));
      parts.push(...(isCounted ? countedBlock : lineOfText)(block, this.#identifier));
      this.#underWay.push(block);
      this.#underWayBytes += lengthOf(block);
    }
    if (this.#end === 'wanted' && this.#waitingBytes === 0) {
      this.#end = 'sent';
      parts.push(utf8(`.${this.#identifier}\n`.repeat(2)));
    }
    return concat(parts);
  }

  /** Of the next line that is sent. */
  get #identifier(): string {
    return `${this.#generation}.${this.#blocksTaken + this.#underWay.length}:${this.#key}`;
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

const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, part) => sum + part.byteLength, 0);

const countedBlock = (block: readonly Uint8Array[], identifier: string): readonly Uint8Array[] => [
  utf8(`${identifier}:${1 + lengthOf(block)}:${identifier}\n\n`),
  ...block,
  utf8(`,${identifier}\n`),
];

function lineOfText(block: readonly Uint8Array[], identifier: string): readonly Uint8Array[] {
  let line = '';
  for (const byte of concat(block)) {
    const isPlain = byte >= PRINTABLE_FROM && byte <= PRINTABLE_TO && byte !== BACKSLASH;
    line += isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return [utf8(`=${identifier}:${line.length}:${line},${identifier}\n`)];
}
