import { createHash } from 'node:crypto';

import { concat, utf8, view } from '../../core/bytes.ts';
import { failed } from '../../core/errors.ts';

/**
 * Recordings of sessions as asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/): a header line, then one JSON
 * array a line: `[seconds, code, data]`. Codes: `o` output, `i` input, `r` a new terminal size, and our own `h`, which
 * players ignore: the hash of everything before it. The hash of a line is the SHA-256 of the hash before it and the line;
 * that of the header line starts from nothing. An `h` line holds the hash of the hash before it and of its own seconds.
 * The last line is `h` with ` end` after the hash.
 */

export interface RecordingOptions {
  /** Writes one line with its line feed; an error that it throws ends the session. */
  readonly append: (line: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly size: { readonly columns: number; readonly rows: number };
  /** Text for the header. */
  readonly title: string;
  /** Values that are replaced by `REDACTED` in output and input. */
  readonly secrets: readonly string[];
}

const REDACTED = '[redacted]';

/** A hash line is written at most this often, so that a recording that was cut short can be checked up to there. */
const HASH_INTERVAL_MS = 5_000;

type Direction = 'o' | 'i';

/** Records one session; secrets are masked before anything is hashed or written. */
export class Recorder {
  readonly #options: RecordingOptions;
  readonly #startedAt: number;
  readonly #streams = new Map<
    string,
    { readonly redactor: Redactor; readonly decoder: InstanceType<typeof TextDecoder> }
  >();
  #hash = '';
  #hashedAt: number;
  /** Undefined until the end. */
  #lastHash: string | undefined;

  constructor(options: RecordingOptions) {
    const { now, size, title } = options;
    this.#options = options;
    this.#startedAt = now();
    this.#hashedAt = this.#startedAt;
    this.#append(
      JSON.stringify({
        version: 2,
        width: size.columns,
        height: size.rows,
        timestamp: Math.floor(this.#startedAt / 1000),
        title,
      }),
    );
  }

  /** `stream` keeps the bytes of a character that is not complete apart for stdout and stderr. */
  output(bytes: Uint8Array, stream: 'stdout' | 'stderr'): void {
    this.#data('o', stream, bytes);
  }

  input(bytes: Uint8Array): void {
    this.#data('i', 'stdin', bytes);
  }

  resize(columns: number, rows: number): void {
    this.#event('r', `${columns}x${rows}`);
  }

  /** Writes what was held back, and the last hash. Returns that hash. */
  end(): string {
    if (this.#lastHash !== undefined) return this.#lastHash;
    for (const [name, { redactor, decoder }] of this.#streams) {
      const text = decoder.decode(redactor.flush());
      if (text !== '') this.#event(name === 'stdin' ? 'i' : 'o', text);
    }
    return (this.#lastHash = this.#hashLine(' end'));
  }

  #hashLine(mark: string): string {
    const seconds = this.#seconds();
    const hash = nextHash(this.#hash, String(seconds));
    this.#append(JSON.stringify([seconds, 'h', `${hash}${mark}`]));
    return hash;
  }

  #data(code: Direction, name: string, bytes: Uint8Array): void {
    if (this.#lastHash !== undefined) return;
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = {
        redactor: new Redactor(this.#options.secrets),
        decoder: new TextDecoder('utf-8', { ignoreBOM: true }),
      };
      this.#streams.set(name, stream);
    }
    const text = stream.decoder.decode(stream.redactor.push(bytes), { stream: true });
    if (text !== '') this.#event(code, text);
  }

  #event(code: string, data: string): void {
    this.#append(JSON.stringify([this.#seconds(), code, data]));
    const now = this.#options.now();
    if (now - this.#hashedAt < HASH_INTERVAL_MS) return;
    this.#hashedAt = now;
    this.#hashLine('');
  }

  #seconds(): number {
    return Math.max(0, this.#options.now() - this.#startedAt) / 1000;
  }

  #append(line: string): void {
    this.#options.append(`${line}\n`);
    this.#hash = nextHash(this.#hash, line);
  }
}

const nextHash = (before: string, line: string): string =>
  createHash('sha256').update(before).update(line).digest('hex');

/** Replaces secrets in a stream of bytes, also where a secret is split between two chunks. */
export class Redactor {
  readonly #secrets: readonly Buffer[];
  #held: Uint8Array = new Uint8Array(0);

  constructor(secrets: readonly string[]) {
    // A secret that contains another one is replaced as a whole.
    this.#secrets = secrets.map((secret) => view(utf8(secret))).sort((a, b) => b.byteLength - a.byteLength);
  }

  push(bytes: Uint8Array): Uint8Array {
    if (this.#secrets.length === 0) return bytes;
    let rest = view(concat([this.#held, bytes]));
    const parts: Uint8Array[] = [];
    for (;;) {
      const found = this.#first(rest);
      if (found === undefined) break;
      parts.push(rest.subarray(0, found.at), utf8(REDACTED));
      rest = rest.subarray(found.at + found.length);
    }
    const kept = this.#startOfSecret(rest);
    this.#held = rest.slice(rest.byteLength - kept);
    return concat([...parts, rest.subarray(0, rest.byteLength - kept)]);
  }

  /** What was held back because it could have been the start of a secret. */
  flush(): Uint8Array {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held;
  }

  #first(bytes: Buffer): { readonly at: number; readonly length: number } | undefined {
    let first: { readonly at: number; readonly length: number } | undefined;
    for (const secret of this.#secrets) {
      const at = bytes.indexOf(secret);
      if (at !== -1 && (first === undefined || at < first.at)) first = { at, length: secret.byteLength };
    }
    return first;
  }

  /** Length of the longest end of `bytes` with which a secret begins. */
  #startOfSecret(bytes: Buffer): number {
    let longest = 0;
    for (const secret of this.#secrets)
      for (let length = Math.min(secret.byteLength - 1, bytes.byteLength); length > longest; length--)
        if (bytes.subarray(bytes.byteLength - length).equals(secret.subarray(0, length))) longest = length;
    return longest;
  }
}

export interface VerifiedRecording {
  readonly events: number;
  readonly seconds: number;
  /** The last hash. */
  readonly hash: string;
}

/**
 * Checks every hash of a recording. Throws `recording-damaged` with the line, also where it has no end, or where the
 * last hash is not `expected`.
 */
export async function verifyRecording(
  lines: AsyncIterable<string>,
  expected: string | undefined,
): Promise<VerifiedRecording> {
  let hash = '';
  let events = 0;
  let seconds = 0;
  let number = 0;
  let end: string | undefined;
  for await (const line of lines) {
    number++;
    if (end !== undefined) throw damaged(number, 'comes after the end of the recording');
    if (number === 1) {
      if (!isHeader(line)) throw damaged(number, 'is no header of an asciicast v2');
    } else {
      const event = eventOf(line);
      if (event === undefined) throw damaged(number, 'is no event');
      seconds = event.seconds;
      if (event.code === 'h') {
        const [recorded = '', mark] = event.data.split(' ');
        if (recorded !== nextHash(hash, String(seconds)))
          throw damaged(number, 'has another hash than the lines before it: they were changed');
        if (mark === 'end') end = recorded;
      } else events++;
    }
    hash = nextHash(hash, line);
  }
  if (end === undefined) throw damaged(number, 'is the last one, and the end of the recording is missing');
  if (expected !== undefined && expected.toLowerCase() !== end)
    throw damaged(number, `ends with the hash ${end}, and not with the expected one`);
  return { events, seconds, hash: end };
}

function isHeader(line: string): boolean {
  const header = parsed(line);
  return typeof header === 'object' && header !== null && Reflect.get(header, 'version') === 2;
}

function eventOf(
  line: string,
): { readonly seconds: number; readonly code: string; readonly data: string } | undefined {
  const event = parsed(line);
  if (!Array.isArray(event) || event.length !== 3) return undefined;
  const [seconds, code, data] = event as readonly unknown[];
  if (typeof seconds !== 'number' || typeof code !== 'string' || typeof data !== 'string') return undefined;
  return { seconds, code, data };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const damaged = (line: number, what: string): Error =>
  failed('recording-damaged', `line ${line} ${what}`, { details: { line } });
