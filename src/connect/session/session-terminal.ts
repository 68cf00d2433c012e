import type { Readable, Writable } from 'node:stream';
import { concat } from '../../core/bytes.ts';

/** What a session needs from the terminal; ui/terminal.ts implements it. */
export interface SessionTerminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  size(): { readonly columns: number; readonly rows: number };
  /** Sets raw mode; the returned function restores the previous mode and may be called twice. */
  raw(): () => void;
}

export interface SizeSignals {
  on(name: 'SIGWINCH', listener: () => void): () => void;
}

/**
 * Passes `stdin` to `data`; when `data` returns false, reading pauses until `room`. `stop` ends the reading and leaves
 * the stream paused, so that it does not keep the process alive.
 */
export function readInput(
  stdin: Readable,
  handlers: { readonly data: (bytes: Uint8Array) => boolean; readonly end: () => void },
): { room(): void; stop(): void } {
  let stopped = false;
  const onData = (bytes: Uint8Array): void => {
    if (!handlers.data(bytes) && !stopped) stdin.pause();
  };
  // A read error (the terminal was closed) ends the input as an end of data does.
  const onEnd = (): void => {
    if (stopped) return;
    stop();
    handlers.end();
  };
  const stop = (): void => {
    stopped = true;
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    stdin.off('error', onEnd);
    stdin.pause();
  };
  stdin.on('data', onData);
  stdin.on('end', onEnd);
  stdin.on('error', onEnd);
  // A prompt that ran before leaves the stream paused, and then adding a listener does not resume it.
  stdin.resume();
  if (stdin.readableEnded || stdin.destroyed) queueMicrotask(onEnd);
  return {
    room: () => {
      if (!stopped) stdin.resume();
    },
    stop,
  };
}

/**
 * Writes output and reports when the consumer cannot keep up. Reports a closed pipe (`| head`) once, through `broken`.
 *
 * What is written in one turn of the event loop leaves in one system call, because a message holds 1 KiB, and many
 * messages arrive together.
 */
export class OutputWriter {
  readonly #stream: Writable;
  #unwritten: Uint8Array[] = [];
  readonly #onFull: () => void;
  readonly #onDrain: () => void;
  readonly #onError: () => void;
  #isBroken = false;

  constructor(
    stream: Writable,
    handlers: { readonly full: () => void; readonly drained: () => void; readonly broken: () => void },
  ) {
    this.#stream = stream;
    this.#onFull = handlers.full;
    this.#onDrain = handlers.drained;
    this.#onError = () => {
      if (this.#isBroken) return;
      this.#isBroken = true;
      handlers.broken();
    };
    stream.on('drain', this.#onDrain);
    stream.on('error', this.#onError);
  }

  write(bytes: Uint8Array): void {
    if (this.#isBroken || bytes.byteLength === 0) return;
    this.#unwritten.push(bytes);
    if (this.#unwritten.length === 1) queueMicrotask(() => this.#writeOut());
  }

  #writeOut(): void {
    const parts = this.#unwritten;
    this.#unwritten = [];
    if (this.#isBroken || parts.length === 0) return;
    if (!this.#stream.write(concat(parts))) this.#onFull();
  }

  /**
   * Resolves when everything written so far was passed on, or cannot be any more. The error listener stays, because a
   * late EPIPE must not crash the process.
   */
  async finish(): Promise<void> {
    this.#writeOut();
    this.#stream.off('drain', this.#onDrain);
    if (this.#isBroken || this.#stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('error', done);
        this.#stream.off('close', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#stream.on('error', done);
      this.#stream.on('close', done);
      if (this.#stream.writableLength === 0) done();
    });
  }
}
