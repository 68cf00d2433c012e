import type { LocalPart } from './local-files.ts';

/** Bytes that are collected before they are written to the file. */
const WRITE_SIZE = 256 * 1024;

/** Collects small pieces, and writes them one after the other from a position on. */
export class PartWriter {
  readonly #part: LocalPart;
  #position: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #written: Promise<void> = Promise.resolve();
  bytes = 0;

  constructor(part: LocalPart, position: number) {
    this.#part = part;
    this.#position = position;
  }

  push(chunk: Uint8Array): Promise<void> | undefined {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    this.bytes += chunk.byteLength;
    return this.#waitingBytes < WRITE_SIZE ? undefined : this.flush();
  }

  /** Resolves when everything that was pushed is in the file. */
  flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    const position = this.#position;
    this.#position += bytes.byteLength;
    [this.#waiting, this.#waitingBytes] = [[], 0];
    if (bytes.byteLength > 0) this.#written = this.#written.then(() => this.#part.write(bytes, position));
    return this.#written;
  }
}
