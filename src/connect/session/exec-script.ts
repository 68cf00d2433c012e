import { concat, text, utf8, view } from '../../core/bytes.ts';
import { quoteWords } from '../../core/shell-words.ts';

/**
 * ECS Exec runs one program on a pty and transmits neither its exit status nor its streams apart (docs/reference/ecs-exec.md §1,
 * SPEC.md §11.2). So the command is wrapped in a `sh` script that prints a marker before it and one with
 * `$?` behind it. What this cannot do: stdout and stderr stay merged, because the pty has only one way out; and a
 * command that kills its parent shell takes the marker along, which is then reported as a transport fault.
 *
 * The marker holds a random nonce. The script carries it in two halves, so neither `ps` in the container nor an echo
 * of the command line contains the marker itself.
 */
export interface ExecScript {
  /** For ExecuteCommand: `/bin/sh -c '…' fargate-connect ARGV…`. */
  readonly command: string;
  readonly nonce: string;
}

/** What the begin marker reports of the remote side. */
export interface RemoteSetup {
  /** `raw`: the pty passes bytes unchanged. `tty`: it turns LF into CR LF (no `stty` in the image, or a terminal was asked for). */
  readonly output: 'raw' | 'tty';
  /** `terminal`: our keys are its keys. `base64`: lines of base64, ended by a line with a dot. `none`: it has an empty stdin. */
  readonly input: 'terminal' | 'base64' | 'none';
}

const NONCE_HALF = 16;
const FENCE = 0x1e;

/** `interactive`: the command owns our terminal. Otherwise its output arrives unchanged and its stdin is sent as base64. */
export function execScript(argv: readonly string[], nonce: string, interactive: boolean): ExecScript {
  const script = interactive ? interactiveScript(nonce) : pipedScript(nonce);
  return { command: quoteWords(['/bin/sh', '-c', script, 'fargate-connect', ...argv]), nonce };
}

/** Random bytes as the nonce that `execScript` expects: 32 hex digits. */
export const execNonce = (randomBytes: (length: number) => Uint8Array): string =>
  view(randomBytes(NONCE_HALF)).toString('hex');

/** They meet only in the output of the script, so that its text does not hold the whole. */
export const nonceHalves = (nonce: string): readonly [string, string] => [
  nonce.slice(0, NONCE_HALF),
  nonce.slice(NONCE_HALF),
];

function printMarker(nonce: string, rest: string): string {
  return `printf '\\036%s%s:%s\\036' ${nonceHalves(nonce).join(' ')} ${rest}`;
}

/** A signal typed by the person must not end the wrapper before it has printed the status; children get the default action. */
const SURVIVE_SIGNALS = 'trap : INT QUIT';

/**
 * Sent when the end marker has arrived, and waited for by the script: an agent gives what is on its way 2 s when its program
 * ends, so a connection that was down at that moment would lose the status. Twice, because the first may go to the stage
 * that feeds stdin; behind a line end, because half a line may stand there.
 */
export const EXEC_ACKNOWLEDGEMENT: Uint8Array = utf8('\n..\n..\n');
const AWAIT_ACKNOWLEDGEMENT = 'while IFS= read -r l && [ "$l" != .. ]; do :; done';

function interactiveScript(nonce: string): string {
  return [
    SURVIVE_SIGNALS,
    // The size of our terminal arrives with this line at the latest, so the command sees it at its start.
    printMarker(nonce, 'ready'),
    'IFS= read -r l',
    printMarker(nonce, 'begin/tty/terminal'),
    `"$@"; ${printMarker(nonce, '"end/$?"')}`,
    AWAIT_ACKNOWLEDGEMENT,
  ].join('; ');
}

/**
 * The end marker is printed inside the last stage of the pipe: a command that ends without reading all of its stdin must
 * not wait for the stage that feeds it.
 */
function pipedScript(nonce: string): string {
  return [
    `${SURVIVE_SIGNALS}; o=tty i=none`,
    'if stty -opost -echo 2>/dev/null; then o=raw; if command -v base64 >/dev/null 2>&1; then i=base64; fi; fi',
    printMarker(nonce, '"begin/$o/$i"'),
    `if [ $i = base64 ]; then n=0; while IFS=' ' read -r k l && [ "$k" != . ] && [ "$k" != .. ]; do if [ "$k" = $n ]; then n=$((n+1)); printf '%s\\n' "$l"; fi; done | base64 -d | { "$@"; ${printMarker(nonce, '"end/$?"')}; }`,
    `else "$@" </dev/null; ${printMarker(nonce, '"end/$?"')}; fi`,
    AWAIT_ACKNOWLEDGEMENT,
  ].join('; ');
}

export type ExecOutput =
  /** The script waits for a line, before which the size of the terminal is to be sent. */
  | { readonly type: 'ready' }
  | { readonly type: 'begin'; readonly setup: RemoteSetup }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly status: number };

/**
 * Finds the two markers in the output stream, however it is cut. Bytes before the begin marker belong to nobody (shell
 * start-up noise) and are dropped, as is everything behind the end marker. A marker without the nonce is data.
 */
export class ExecOutputReader {
  readonly #prefix: Uint8Array;
  #phase: 'before' | 'inside' | 'after' = 'before';
  #held: Uint8Array = new Uint8Array(0);
  #noise = '';

  constructor(nonce: string) {
    this.#prefix = concat([new Uint8Array([FENCE]), utf8(`${nonce}:`)]);
  }

  /** What was printed instead of the begin marker, at most its last 400 characters: the reason if the session ends without one. */
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
        // Data that begins like a marker; a real one may begin inside of it.
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
    return events;
  }

  #marker(body: string, events: ExecOutput[]): boolean {
    const [kind, first = '', second = ''] = body.split('/');
    if (kind === 'ready' && this.#phase === 'before') {
      events.push({ type: 'ready' });
      return true;
    }
    if (kind === 'begin' && this.#phase === 'before') {
      this.#phase = 'inside';
      events.push({
        type: 'begin',
        setup: {
          output: first === 'raw' ? 'raw' : 'tty',
          input: second === 'terminal' || second === 'base64' ? second : 'none',
        },
      });
      return true;
    }
    if (kind === 'end' && this.#phase === 'inside' && /^\d{1,3}$/.test(first)) {
      this.#phase = 'after';
      events.push({ type: 'end', status: Number(first) });
      return true;
    }
    return false;
  }

  #pass(bytes: Uint8Array, events: ExecOutput[]): void {
    if (bytes.byteLength === 0 || this.#phase === 'after') return;
    if (this.#phase === 'inside') events.push({ type: 'data', bytes });
    else this.#noise = (this.#noise + text(bytes)).slice(-400);
  }
}

/** Longest body of a marker: `begin/raw/terminal`. */
const MAX_BODY = 24;

type Found =
  | { readonly type: 'none' }
  | { readonly type: 'partial'; readonly start: number }
  | { readonly type: 'marker'; readonly start: number; readonly end: number; readonly body: string };

function findMarker(bytes: Uint8Array, prefix: Uint8Array): Found {
  const buffer = view(bytes);
  for (let start = buffer.indexOf(FENCE); start !== -1; start = buffer.indexOf(FENCE, start + 1)) {
    const available = buffer.subarray(start, start + prefix.byteLength);
    if (!view(prefix).subarray(0, available.byteLength).equals(available)) continue;
    if (available.byteLength < prefix.byteLength) return { type: 'partial', start };
    const bodyStart = start + prefix.byteLength;
    const fence = buffer.subarray(bodyStart, bodyStart + MAX_BODY + 1).indexOf(FENCE);
    if (fence !== -1) {
      const end = bodyStart + fence;
      return { type: 'marker', start, end: end + 1, body: buffer.toString('latin1', bodyStart, end) };
    }
    if (buffer.byteLength - bodyStart <= MAX_BODY) return { type: 'partial', start };
  }
  return { type: 'none' };
}

/** CR LF → LF across chunk borders, for output that came through a pty which could not be told otherwise. */
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

/** With its number a line stays below the 1 KiB of a message and far below the 4095 bytes that a pty takes in one line. */
const BYTES_PER_LINE = 720;

/**
 * Stdin for the remote script: bytes in, numbered lines of base64 out, a line with a dot at the end. By its number the script
 * knows a line that it has had: the agent may hand it a message twice when its connection is cut (SPEC.md §15).
 */
export class Base64Lines {
  #held: Uint8Array = new Uint8Array(0);
  #count = 0;

  push(bytes: Uint8Array): Uint8Array {
    const all = this.#held.byteLength === 0 ? bytes : concat([this.#held, bytes]);
    const whole = all.byteLength - (all.byteLength % 3);
    this.#held = all.slice(whole);
    return this.#encode(all.subarray(0, whole));
  }

  end(): Uint8Array {
    const last = this.#encode(this.#held);
    this.#held = new Uint8Array(0);
    return concat([last, utf8('.\n')]);
  }

  #encode(bytes: Uint8Array): Uint8Array {
    const lines: string[] = [];
    for (let start = 0; start < bytes.byteLength; start += BYTES_PER_LINE) {
      const part = view(bytes.subarray(start, start + BYTES_PER_LINE));
      lines.push(`${this.#count++} ${part.toString('base64')}\n`);
    }
    return utf8(lines.join(''));
  }
}

const LF = 0x0a;

/** Whole lines on their way, cut into messages between lines only. */
export class LineMessages {
  #waiting: Uint8Array = new Uint8Array(0);

  get bytes(): number {
    return this.#waiting.byteLength;
  }

  push(lines: Uint8Array): void {
    this.#waiting = this.#waiting.byteLength === 0 ? lines : concat([this.#waiting, lines]);
  }

  take(limit: number): Uint8Array | undefined {
    if (this.#waiting.byteLength === 0) return undefined;
    const end = view(this.#waiting).subarray(0, limit).lastIndexOf(LF) + 1;
    const message = this.#waiting.subarray(0, end === 0 ? limit : end);
    this.#waiting = this.#waiting.subarray(message.byteLength);
    return message;
  }
}
