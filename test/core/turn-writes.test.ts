import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { writeInTurn } from '../../src/core/turn-writes.ts';

/** Records what each call of the system would have carried. */
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

it('sends the writes of one turn together and in order, those of the next turn apart', async () => {
  const stream = new Calls();
  for (const text of ['a', 'b', 'c']) writeInTurn(stream, Buffer.from(text));
  expect(stream.calls).toEqual([]);
  await turn();
  writeInTurn(stream, Buffer.from('d'));
  await turn();
  expect(stream.calls).toEqual([['a', 'b', 'c'], ['d']]);
});

it('loses nothing to an end in the same turn, and survives a destroyed stream', async () => {
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

it('answers as write does: false once the high-water mark is reached', () => {
  const stream = new Calls({ highWaterMark: 2 });
  expect(writeInTurn(stream, Buffer.from('a'))).toBe(true);
  expect(writeInTurn(stream, Buffer.from('b'))).toBe(false);
});
