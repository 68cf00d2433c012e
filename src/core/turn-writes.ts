import type { Writable } from 'node:stream';

/**
 * `stream.write`, but what one turn of the event loop writes leaves in one system call: data channels carry 1 KiB per
 * message, and a call for each costs more than everything else done to it. Answers what `write` answers.
 */
export function writeInTurn(stream: Writable, bytes: Uint8Array): boolean {
  if (stream.writableCorked === 0) {
    stream.cork();
    queueMicrotask(() => stream.uncork());
  }
  return stream.write(bytes);
}
