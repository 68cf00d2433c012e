/**
 * Outgoing bytes, in order, for which the channel's window has no room yet. The caller must not change them afterwards.
 */
export class SendQueue {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(part: Uint8Array): void {
    if (part.byteLength === 0) return;
    this.#parts.push(part);
    this.#bytes += part.byteLength;
  }

  /** At most `room` bytes from the front; undefined when the queue is empty or there is no room. */
  take(room: number): Uint8Array | undefined {
    const [first] = this.#parts;
    if (first === undefined || room <= 0) return undefined;
    const part = first.byteLength <= room ? first : first.subarray(0, room);
    this.#bytes -= part.byteLength;
    if (part === first) this.#parts.shift();
    else this.#parts[0] = first.subarray(part.byteLength);
    return part;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
