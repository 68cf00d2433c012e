import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { writeInTurn } from '../../src/core/turn-writes.ts';

/** Records the data of each system call. */
class Calls extends Writable {
  readonly calls: string[][] = [];
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.calls.push([chunk.toString()]);
    callback();
  }
  override _writev(chunks: readonly { readonly chunk: unknown }[], callback: () => void): void {
    this.calls.push(chunks.map(({ chunk }) => String(chunk)));
    callback();
  }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

it('combines the writes of one event loop turn in order, and sends those of the next turn separately', async () => {
  const stream = new Calls();
  for (const text of ['a', 'b', 'c']) writeInTurn(stream, Buffer.from(text));
  expect(stream.calls).toEqual([]);
  await turn();
  writeInTurn(stream, Buffer.from('d'));
  await turn();
  expect(stream.calls).toEqual([['a', 'b', 'c'], ['d']]);
});

it('loses no data when the stream ends in the same turn, and ignores a destroyed stream', async () => {
  const stream = new Calls();
  writeInTurn(stream, Buffer.from('last'));
  stream.end();
  await turn();
  expect(stream.calls).toEqual([['last']]);
  const gone = new Calls();
  writeInTurn(gone, Buffer.from('never'));
  gone.destroy();
  await turn();
  expect(gone.calls).toEqual([]);
});

it('returns what write returns: false once the high-water mark is reached', () => {
  const stream = new Calls({ highWaterMark: 2 });
  expect(writeInTurn(stream, Buffer.from('a'))).toBe(true);
  expect(writeInTurn(stream, Buffer.from('b'))).toBe(false);
});
