import { PassThrough, Writable } from 'node:stream';
import { concat, text, utf8, view } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import { Deferred } from '../../core/deferred.ts';
import { failed, interrupted, ToolError, transport } from '../../core/errors.ts';
import type { SessionTerminal } from '../session/session-terminal.ts';
import { COPY_FUNCTIONS, type CopyTools, parseTools } from './copy-script.ts';

/** Takes the bytes of an answer; where it returns a promise, the session is read on only when that has resolved. */
export type ByteSink = (bytes: Uint8Array) => Promise<void> | undefined;

export interface Answer {
  readonly status: number;
  /** What the request wrote to stdout, unless a sink took it. */
  readonly output: Uint8Array;
  /** What the request wrote to stderr; empty where it ended well. */
  readonly error: string;
}

/** Runs the command of `copyCommand` in the container with these streams; resolves when it has ended. */
export type RunRemote = (terminal: SessionTerminal, signal: AbortSignal) => Promise<number>;

/** Limit for the output of a request without a sink, and for what it wrote to stderr. */
const MAX_ANSWER = 4 * 1024 * 1024;
const MAX_ERROR = 8192;
/** Bytes of a file that wait here for the session. */
const INPUT_BUFFER = 512 * 1024;
/** How long the container may take to delete an incomplete file after Ctrl-C. */
const CLEAN_UP_MS = 3_000;

interface Pending {
  readonly answer: Deferred<Answer>;
  readonly sink: ByteSink | undefined;
  readonly parts: Uint8Array[];
  bytes: number;
}

/**
 * One session into a container, as a dialogue: each request is one line of shell, and its answer is its output and its
 * status. Several requests may be sent before the first answer arrives; they are answered in order. Every method throws
 * the error that ended the session.
 */
export class RemoteShell {
  readonly #input = new PassThrough({ highWaterMark: INPUT_BUFFER });
  readonly #pending: Pending[] = [];
  readonly #marker: Uint8Array;
  readonly #end: Uint8Array;
  readonly #kill = new AbortController();
  readonly #over: Promise<void>;
  readonly #failed = new Deferred<never>();
  readonly #removeListener: () => void;
  #held: Uint8Array = new Uint8Array(0);
  #errors = '';
  #failure: { readonly error: unknown } | undefined;

  constructor(
    nonce: string,
    run: RunRemote,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#marker = utf8(`${nonce}:`);
    this.#end = utf8(`:${nonce}\n`);
    this.#failed.promise.catch(() => undefined);
    const terminal: SessionTerminal = {
      stdin: this.#input,
      stdout: new Writable({
        highWaterMark: INPUT_BUFFER,
        write: (chunk: Uint8Array, _encoding, done) => {
          void this.#received(chunk).finally(done);
        },
      }),
      stderr: new Writable({
        write: (chunk: Uint8Array, _encoding, done) => {
          this.#errors = (this.#errors + text(chunk)).slice(-MAX_ERROR);
          done();
        },
      }),
      stdinIsTty: false,
      stdoutIsTty: false,
      size: () => ({ columns: 200, rows: 50 }),
      raw: () => () => undefined,
    };
    this.#over = run(terminal, this.#kill.signal).then(
      (status) =>
        this.#fail(
          transport(
            'copy-session-ended',
            `the shell in the container ended with ${status}${this.#errors === '' ? '' : `: ${this.#errors.trim()}`}`,
          ),
        ),
      (error: unknown) => this.#fail(error),
    );
    // The end of stdin lets the container delete an incomplete file; then the session is ended.
    const onAbort = (): void => {
      this.#fail(interrupted());
      this.#input.end();
      const cancel = clock.timer(CLEAN_UP_MS, () => this.#kill.abort());
      void this.#over.finally(cancel);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.#removeListener = () => signal.removeEventListener('abort', onAbort);
  }

  /** Sends the functions of copy-script.ts; must be called first. Throws `copy-tool-missing` where the session has no stdin. */
  async prepare(): Promise<CopyTools> {
    try {
      const { output } = await this.request(COPY_FUNCTIONS);
      return parseTools(text(output));
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'copy-session-ended') throw error;
      // The session has no stdin, so the shell ended at once.
      throw failed(
        'copy-tool-missing',
        'the image has no stty, or neither cat nor dd, so nothing can be sent to it; cp needs that',
        { details: { tool: 'stty' }, cause: error },
      );
    }
  }

  /** `line` must not contain a line feed. Resolves with any status. */
  request(line: string, sink?: ByteSink): Promise<Answer> {
    if (this.#failure !== undefined) return this.#failed.promise;
    const pending = { answer: new Deferred<Answer>(), sink, parts: [], bytes: 0 };
    this.#pending.push(pending);
    this.#input.write(`${line}\n`);
    return Promise.race([pending.answer.promise, this.#failed.promise]);
  }

  /** Sends bytes that a request takes; resolves when more may be sent. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#input.write(bytes)) return;
    const drained = new Deferred<undefined>();
    const onDrain = (): void => drained.resolve(undefined);
    this.#input.once('drain', onDrain);
    try {
      await Promise.race([drained.promise, this.#failed.promise]);
    } finally {
      this.#input.off('drain', onDrain);
    }
  }

  /**
   * Ends the dialogue, and resolves when the session has ended. Where a request is under way, it gets the end of stdin:
   * the container then deletes an incomplete file.
   */
  async close(): Promise<void> {
    this.#removeListener();
    this.#input.end();
    await this.#over;
  }

  async #received(chunk: Uint8Array): Promise<void> {
    try {
      await this.#receive(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #receive(chunk: Uint8Array): Promise<void> {
    let rest = this.#held.byteLength === 0 ? chunk : concat([this.#held, chunk]);
    this.#held = new Uint8Array(0);
    while (rest.byteLength > 0) {
      const at = view(rest).indexOf(this.#marker);
      if (at === -1) {
        const kept = lengthOfStart(rest, this.#marker);
        await this.#pass(rest.subarray(0, rest.byteLength - kept));
        this.#held = rest.slice(rest.byteLength - kept);
        return;
      }
      const end = view(rest).indexOf(this.#end, at + this.#marker.byteLength);
      if (end === -1) {
        if (rest.byteLength - at > 4 * MAX_ERROR)
          throw transport('copy-answer-invalid', 'the shell in the container sent a marker without an end');
        await this.#pass(rest.subarray(0, at));
        this.#held = rest.slice(at);
        return;
      }
      await this.#pass(rest.subarray(0, at));
      this.#answer(text(rest.subarray(at + this.#marker.byteLength, end)));
      rest = rest.subarray(end + this.#end.byteLength);
    }
  }

  #pass(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.byteLength === 0) return undefined;
    const [first] = this.#pending;
    if (first === undefined) throw answerInvalid();
    if (first.sink !== undefined) return first.sink(bytes);
    first.bytes += bytes.byteLength;
    if (first.bytes > MAX_ANSWER) throw answerInvalid();
    first.parts.push(bytes);
    return undefined;
  }

  #answer(body: string): void {
    const pending = this.#pending.shift();
    const [, status, error = ''] = /^(\d{1,3}):([^]*)$/.exec(body) ?? [];
    if (pending === undefined || status === undefined) throw answerInvalid();
    pending.answer.resolve({ status: Number(status), output: concat(pending.parts), error: error.trim() });
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#failed.reject(error);
  }
}

const answerInvalid = (): Error =>
  transport('copy-answer-invalid', 'the shell in the container sent something that is no answer');

/** How many bytes at the end of `bytes` may be the start of `marker`. */
function lengthOfStart(bytes: Uint8Array, marker: Uint8Array): number {
  const from = Math.max(0, bytes.byteLength - marker.byteLength + 1);
  for (let start = view(bytes).indexOf(marker[0] ?? 0, from); start !== -1;) {
    const tail = view(bytes).subarray(start);
    if (view(marker).subarray(0, tail.byteLength).equals(tail)) return tail.byteLength;
    start = view(bytes).indexOf(marker[0] ?? 0, start + 1);
  }
  return 0;
}
