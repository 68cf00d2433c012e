import { PassThrough, Writable } from 'node:stream';

import type { Recorder } from './recording.ts';
import type { SessionTerminal } from './session-terminal.ts';

/** The terminal of a session that is recorded. `release` gives stdin back. */
export function recordedTerminal<T extends SessionTerminal>(
  terminal: T,
  recorder: Recorder,
  options: {
    readonly withInput: boolean;
    /** Called once, with the error of the recording; the session must then end. */
    readonly onError: (error: unknown) => void;
  },
): { readonly terminal: T; release(): void } {
  const guarded = (record: () => void): void => {
    try {
      record();
    } catch (error) {
      options.onError(error);
    }
  };
  const { stdin } = terminal;
  const copy = new PassThrough();
  if (options.withInput) {
    copy.on('data', () => undefined).pause();
    stdin.on('data', (bytes: Uint8Array) => guarded(() => recorder.input(bytes)));
    stdin.pipe(copy);
  }
  const recorded = {
    ...terminal,
    ...(options.withInput ? { stdin: copy } : {}),
    stdout: new RecordedStream(terminal.stdout, (bytes) => guarded(() => recorder.output(bytes, 'stdout'))),
    stderr: new RecordedStream(terminal.stderr, (bytes) => guarded(() => recorder.output(bytes, 'stderr'))),
  };
  return {
    terminal: recorded,
    release() {
      if (!options.withInput) return;
      stdin.unpipe(copy);
      stdin.pause();
    },
  };
}

/** Passes bytes on as they are, at the pace of the target, after they were recorded. */
class RecordedStream extends Writable {
  readonly #target: Writable;
  readonly #record: (bytes: Uint8Array) => void;

  constructor(target: Writable, record: (bytes: Uint8Array) => void) {
    super();
    this.#target = target;
    this.#record = record;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#record(chunk);
    if (this.#target.write(chunk)) done();
    else this.#target.once('drain', done);
  }
}
