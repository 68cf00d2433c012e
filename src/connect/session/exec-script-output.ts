import { concat, text, utf8, view } from '../../core/bytes.ts';
import type { RemoteSetup } from './exec-script.ts';

export type ExecOutput =
  /** The script waits for a line; the size of the terminal must be sent before it. */
  | { readonly type: 'ready' }
  | { readonly type: 'begin'; readonly setup: RemoteSetup }
  | { readonly type: 'stdout'; readonly bytes: Uint8Array }
  | { readonly type: 'stderr'; readonly bytes: Uint8Array }
  /** The command has ended; background processes of it may still hold its output open. */
  | { readonly type: 'exit'; readonly status: number }
  /** A block of stdin is in the pipe of the command. */
  | { readonly type: 'taken' }
  /** A block of stdin arrived damaged; it must be sent again. */
  | { readonly type: 'again' }
  /** The script has printed all output and waits for the acknowledgement. */
  | { readonly type: 'end' };

const DELIMITER = 0x1e;

/**
 * Finds markers and frames of exec-script.ts in the output stream, however the stream is split into chunks. Bytes
 * before the begin marker do not come from the command and are dropped, as is everything after the end marker. A marker
 * without the nonce, or with an invalid body, is data.
 */
export class ExecOutputReader {
  readonly #prefix: Uint8Array;
  #phase: 'before' | 'inside' | 'after' = 'before';
  #hasExited = false;
  #newlines: NewlineRestorer | undefined;
  #held: Uint8Array = new Uint8Array(0);
  #noise = '';

  constructor(nonce: string) {
    this.#prefix = concat([new Uint8Array([DELIMITER]), utf8(`${nonce}:`)]);
  }

  /**
   * What was printed instead of the begin marker, at most its last 400 characters: it tells the reason if the session
   * ends without a marker.
   */
  get noise(): string {
    return this.#noise.trim();
  }

  get hasBegun(): boolean {
    return this.#phase !== 'before';
  }

  push(bytes: Uint8Array): readonly ExecOutput[] {
    const events: ExecOutput[] = [];
    let rest = this.#held.byteLength === 0 ? bytes : concat([this.#held, bytes]);
    this.#held = new Uint8Array(0);
    while (rest.byteLength > 0 && this.#phase !== 'after') {
      const found = findMarker(rest, this.#prefix);
      if (found.type === 'none') {
        this.#pass(rest, events);
        return events;
      }
      this.#pass(rest.subarray(0, found.start), events);
      if (found.type === 'partial') {
        // A copy: the caller's buffer may be part of a larger one that should not be kept alive.
        this.#held = rest.slice(found.start);
        return events;
      }
      if (this.#marker(found.body, events)) {
        rest = rest.subarray(found.end);
      } else {
        // Data that begins like a marker; a real marker may begin inside it.
        this.#pass(rest.subarray(found.start, found.start + 1), events);
        rest = rest.subarray(found.start + 1);
      }
    }
    return events;
  }

  /** The stream has ended: what looked like the start of a marker was data. */
  flush(): readonly ExecOutput[] {
    const events: ExecOutput[] = [];
    this.#pass(this.#held, events);
    this.#held = new Uint8Array(0);
    this.#flushNewlines(events);
    return events;
  }

  #marker(body: string, events: ExecOutput[]): boolean {
    const slash = body.indexOf('/');
    const kind = slash === -1 ? body : body.slice(0, slash);
    const rest = slash === -1 ? '' : body.slice(slash + 1);
    if (kind === 'ready' && this.#phase === 'before') {
      events.push({ type: 'ready' });
      return true;
    }
    if (kind === 'begin' && this.#phase === 'before') {
      const setup = setupOf(rest);
      this.#phase = 'inside';
      // When the command has the terminal, its output must reach the screen unchanged.
      if (setup.output === 'tty' && setup.input !== 'terminal') this.#newlines = new NewlineRestorer();
      events.push({ type: 'begin', setup });
      return true;
    }
    if (this.#phase !== 'inside') return false;
    switch (kind) {
      case 'base64':
      case 'hex': {
        const bytes = new Uint8Array(Buffer.from(kind === 'hex' ? rest.replaceAll(' ', '') : rest, kind));
        if (bytes.byteLength > 0) events.push({ type: 'stderr', bytes });
        return true;
      }
      case 'taken':
      case 'again':
        events.push({ type: kind });
        return true;
      case 'exit':
        if (this.#hasExited || !/^\d{1,3}$/.test(rest)) return false;
        this.#hasExited = true;
        events.push({ type: 'exit', status: Number(rest) });
        return true;
      case 'end':
        if (!this.#hasExited) return false;
        this.#flushNewlines(events);
        this.#phase = 'after';
        events.push({ type: 'end' });
        return true;
      default:
        return false;
    }
  }

  #pass(bytes: Uint8Array, events: ExecOutput[]): void {
    if (bytes.byteLength === 0 || this.#phase === 'after') return;
    if (this.#phase === 'before') {
      this.#noise = (this.#noise + text(bytes)).slice(-400);
      return;
    }
    const restored = this.#newlines?.push(bytes) ?? bytes;
    if (restored.byteLength > 0) events.push({ type: 'stdout', bytes: restored });
  }

  #flushNewlines(events: ExecOutput[]): void {
    const held = this.#newlines?.flush();
    if (held !== undefined && held.byteLength > 0) events.push({ type: 'stdout', bytes: held });
  }
}

function setupOf(body: string): RemoteSetup {
  const [output, input, errors, pipes] = body.split('/');
  return {
    output: output === 'raw' ? 'raw' : 'tty',
    input: input === 'terminal' || input === 'counted' || input === 'text' ? input : 'none',
    errors: errors === 'base64' || errors === 'hex' ? errors : 'merged',
    pipes: pipes === 'pipes',
  };
}

/** Limit for the body of a marker; a frame of stderr has the longest one. */
const MAX_BODY = 1024;

type Found =
  | { readonly type: 'none' }
  | { readonly type: 'partial'; readonly start: number }
  | { readonly type: 'marker'; readonly start: number; readonly end: number; readonly body: string };

function findMarker(bytes: Uint8Array, prefix: Uint8Array): Found {
  const buffer = view(bytes);
  for (let start = buffer.indexOf(DELIMITER); start !== -1; start = buffer.indexOf(DELIMITER, start + 1)) {
    const available = buffer.subarray(start, start + prefix.byteLength);
    if (!view(prefix).subarray(0, available.byteLength).equals(available)) continue;
    if (available.byteLength < prefix.byteLength) return { type: 'partial', start };
    const bodyStart = start + prefix.byteLength;
    const delimiter = buffer.subarray(bodyStart, bodyStart + MAX_BODY + 1).indexOf(DELIMITER);
    if (delimiter !== -1) {
      const end = bodyStart + delimiter;
      return { type: 'marker', start, end: end + 1, body: buffer.toString('latin1', bodyStart, end) };
    }
    if (buffer.byteLength - bodyStart <= MAX_BODY) return { type: 'partial', start };
  }
  return { type: 'none' };
}

/**
 * CR LF → LF across chunk borders, for output of a pty that could not be set to raw mode. Exact: the pty puts one CR
 * before every LF and changes nothing else.
 */
export class NewlineRestorer {
  #heldReturn = false;

  push(bytes: Uint8Array): Uint8Array {
    const out = new Uint8Array(bytes.byteLength + 1);
    let length = 0;
    for (const byte of bytes) {
      if (this.#heldReturn && byte !== 0x0a) out[length++] = 0x0d;
      this.#heldReturn = byte === 0x0d;
      if (!this.#heldReturn) out[length++] = byte;
    }
    return out.subarray(0, length);
  }

  flush(): Uint8Array {
    const held = this.#heldReturn;
    this.#heldReturn = false;
    return held ? new Uint8Array([0x0d]) : new Uint8Array(0);
  }
}
