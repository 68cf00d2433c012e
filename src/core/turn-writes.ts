import type { Writable } from 'node:stream';

/**
 * Like `stream.write`, but everything that is written in one turn of the event loop goes out in one system call: data
 * channels carry 1 KiB per message, and one call for each would cost more than all the other work on it. Returns what
 * `write` returns.
 */
export function writeInTurn(stream: Writable, bytes: Uint8Array): boolean {
  if (stream.writableCorked === 0) {
    stream.cork();
    queueMicrotask(() => stream.uncork());
  }
  return stream.write(bytes);
}
