import { Duplex, type Readable, type Writable } from 'node:stream';

/**
 * stdin and stdout as one connection, for `ssh -o ProxyCommand`. The process's own streams are neither ended nor
 * destroyed.
 */
export class StdioConnection extends Duplex {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #onData = (bytes: Uint8Array): void => {
    if (!this.push(bytes)) this.#input.pause();
  };
  readonly #onEnd = (): void => {
    this.push(null);
  };
  readonly #onBroken = (): void => {
    this.destroy();
  };

  constructor(input: Readable, output: Writable) {
    super({ allowHalfOpen: true });
    this.#input = input;
    this.#output = output;
    input.on('data', this.#onData);
    input.on('end', this.#onEnd);
    input.on('error', this.#onEnd);
    output.on('error', this.#onBroken);
    input.pause();
  }

  override _read(): void {
    this.#input.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.#output.write(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#input.off('data', this.#onData);
    this.#input.off('end', this.#onEnd);
    this.#input.off('error', this.#onEnd);
    this.#input.pause();
    callback(error);
  }
}
