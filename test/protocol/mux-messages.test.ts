import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../src/core/errors.ts';
import { MuxMessages, mixableStreamId } from '../../src/protocol/mux-messages.ts';
import { MuxSession } from '../../src/protocol/smux.ts';

/** The output of the client's multiplexer, in messages that the agent may handle twice. */

type Act =
  | { readonly type: 'open' }
  | { readonly type: 'write'; readonly stream: number; readonly bytes: number }
  | { readonly type: 'finish'; readonly stream: number }
  | { readonly type: 'take'; readonly count: number; readonly inFlight: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Act>({ type: 'open' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      stream: fc.nat(5),
      bytes: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('finish' as const), stream: fc.nat(5) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('take' as const),
      count: fc.integer({ min: 1, max: 6 }),
      inFlight: fc.constantFrom(0, 0, 5_000),
    }),
  },
);

function differentBytes(position: number, length: number): Buffer {
  const start = position % RUN_LENGTH;
  if (length <= RUN_LENGTH) return DIFFERENT_BYTES.subarray(start, start + length);
  return Buffer.concat([
    DIFFERENT_BYTES.subarray(start, start + RUN_LENGTH),
    differentBytes(position + RUN_LENGTH, length - RUN_LENGTH),
  ]);
}

interface Said {
  readonly messages: readonly Uint8Array[];
  /** The bytes of each stream. */
  readonly data: ReadonlyMap<number, string>;
  readonly finished: readonly number[];
}

/** Bytes that do not repeat within 65 536, twice over, so that each run of them is a slice. */
const RUN_LENGTH = 65_536;
const DIFFERENT_BYTES = Buffer.alloc(2 * RUN_LENGTH);
for (let i = 0, value = 1; i < DIFFERENT_BYTES.length; i++)
  DIFFERENT_BYTES[i] = value = (value * 75) % 65_537;

/** All output is taken at the end. The written bytes differ, so that a duplicate is detected. */
function say(acts: readonly Act[], limit: number): Said {
  const mux = new MuxSession({ role: 'client', keepAlive: false, now: 0, nextStreamId: mixableStreamId });
  const source = new MuxMessages();
  const messages: Uint8Array[] = [];
  const ids: number[] = [mux.open()];
  const finished = new Set<number>();
  const data = new Map<number, string>();
  let position = 0;
  const push = (): void => {
    for (const piece of mux.takePieces()) source.push(piece);
  };
  const take = (count: number, inFlight: number): void => {
    for (let i = 0; i < count; i++) {
      const message = source.take(limit, inFlight);
      if (message === undefined) return;
      if (message.byteLength > limit) throw new Error(`${message.byteLength} bytes, the limit is ${limit}`);
      messages.push(Uint8Array.from(message));
    }
  };
  for (const each of acts) {
    if (each.type === 'open') ids.push(mux.open());
    else if (each.type === 'take') take(each.count, each.inFlight);
    else {
      const id = ids[each.stream % ids.length] ?? 0;
      if (finished.has(id)) continue;
      if (each.type === 'finish') {
        finished.add(id);
        mux.finish(id);
      } else {
        const bytes = differentBytes(position, each.bytes);
        position += each.bytes;
        data.set(id, (data.get(id) ?? '') + bytes.toString('latin1'));
        mux.write(id, bytes);
      }
    }
    push();
  }
  take(100_000, 0);
  expect(source.bytes).toBe(0);
  return { messages, data, finished: [...finished] };
}

function hear(messages: readonly Uint8Array[]): Omit<Said, 'messages'> {
  const mux = new MuxSession({ role: 'server', keepAlive: false, now: 0 });
  const data = new Map<number, string>();
  const finished: number[] = [];
  for (const message of messages)
    for (const event of mux.receive(message)) {
      if (event.type === 'data')
        data.set(event.id, (data.get(event.id) ?? '') + Buffer.from(event.bytes).toString('latin1'));
      if (event.type === 'stream-finished') finished.push(event.id);
    }
  return { data, finished };
}

const cases = fc.record({
  acts: fc.array(act, { maxLength: 25 }),
  limit: fc.constantFrom(64, 300, 1024, 32_768),
  which: fc.nat(),
});
const RUNS = { numRuns: 1_000, seed: 20_261_130 };

test('messages of every stream arrive complete, in order, within the limit', () => {
  fc.assert(
    fc.property(cases, ({ acts, limit }) => {
      const said = say(acts, limit);
      const heard = hear(said.messages);
      expect(heard.data).toEqual(said.data);
      expect(new Set(heard.finished)).toEqual(new Set(said.finished));
    }),
    RUNS,
  );
});

test('any message that is handled twice changes nothing, or breaks the multiplexer, but never adds or removes a byte', () => {
  const outcomes = { same: 0, broken: 0 };
  fc.assert(
    fc.property(cases, ({ acts, limit, which }) => {
      const said = say(acts, limit);
      if (said.messages.length === 0) return;
      const index = which % said.messages.length;
      const doubled = said.messages.flatMap((message, at) => (at === index ? [message, message] : [message]));
      try {
        // The error could appear only with the next message, so one more request follows.
        const heard = hear([...doubled]);
        expect(heard.data).toEqual(said.data);
        outcomes.same++;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        outcomes.broken++;
      }
    }),
    RUNS,
  );
  expect(outcomes.same).toBeGreaterThan(RUNS.numRuns / 2);
});

describe('an upload', () => {
  const upload = (bytes: number): readonly Uint8Array[] => {
    const { messages } = say(
      [
        { type: 'write', stream: 0, bytes },
        { type: 'take', count: 100_000, inFlight: 50_000 },
      ],
      1024,
    );
    return messages;
  };

  test('tolerates that each of its messages is handled twice or three times', () => {
    const messages = upload(100_000);
    const once = hear(messages);
    for (const [index] of messages.entries()) {
      const [before, it, after] = [messages.slice(0, index), messages[index]!, messages.slice(index + 1)];
      expect(hear([...before, it, it, ...after])).toEqual(once);
      expect(hear([...before, it, it, it, ...after])).toEqual(once);
    }
  });

  test('has an overhead of one header per message and one filler', () => {
    const messages = upload(1_000_000);
    expect(messages.length).toBeLessThan(1_000_000 / 1015 + 4);
    expect(messages.slice(0, -3).map((message) => message.byteLength)).toSatisfy((lengths: number[]) =>
      lengths.every((length) => length === 1024 || length === 1023),
    );
  });
});

test('a small message is sent as one message, without filler', () => {
  const source = new MuxMessages();
  source.push({ command: 2, streamId: mixableStreamId(undefined)!, bytes: Buffer.from('SELECT 1') });
  expect(source.take(1024, 0)?.byteLength).toBe(8 + 8 + 1);
  expect(source.take(1024, 0)).toBeUndefined();
  source.push({ command: 2, streamId: mixableStreamId(undefined)!, bytes: Buffer.from('SELECT 1') });
  expect(source.take(1024, 0)?.byteLength).toBe(7 + 8);
});

test('a filler is a frame that belongs to no stream', () => {
  const source = new MuxMessages();
  source.push({ command: 2, streamId: mixableStreamId(undefined)!, bytes: Buffer.alloc(500, 1) });
  source.take(1024, 100_000);
  const filler = source.take(1024, 100_000)!;
  const alone = new MuxSession({ role: 'server', keepAlive: false, now: 0 });
  expect(alone.receive(filler)).toEqual([]);
  alone.receive(
    new MuxSession({
      role: 'client',
      keepAlive: false,
      now: 0,
      nextStreamId: mixableStreamId,
    }).takeOutput()[0] ?? new Uint8Array(),
  );
});

test('a message that completes an announced frame and has no successor is protected by a filler', () => {
  const source = new MuxMessages();
  // As many bytes as one message and the frame that it announces.
  source.push({ command: 2, streamId: mixableStreamId(undefined)!, bytes: Buffer.alloc(1010 + 1016, 9) });
  expect([source.take(1024, 0), source.take(1024, 0)]).not.toContain(undefined);
  expect(source.bytes).toBe(0);
  const filler = source.take(1024, 0);
  expect(filler).toBeDefined();
  expect(source.take(1024, 0)).toBeUndefined();
});

test('a message before data of another stream is protected by a filler, however little is in flight', () => {
  const first = mixableStreamId(undefined)!;
  const source = new MuxMessages();
  source.push({ command: 2, streamId: first, bytes: Buffer.alloc(1_005, 8) });
  source.push({ command: 2, streamId: mixableStreamId(first)!, bytes: Buffer.alloc(500, 9) });
  const messages = [1, 2, 3].map(() => source.take(1024, 0));
  const counts = [8, 9].map((value) =>
    messages.map((message) => message?.filter((byte) => byte === value).length),
  );
  expect(counts[1]).toEqual([0, 0, 500]);
  expect(counts[0]?.[0]).toBe(1_005);
});

test('stream numbers have a third byte from 0x80, a fourth from 0x40 to 0x7f, and are unique', () => {
  const seen: number[] = [];
  for (
    let id = mixableStreamId(undefined), i = 0;
    id !== undefined && i < 100_000;
    id = mixableStreamId(id), i++
  )
    seen.push(id);
  expect(new Set(seen).size).toBe(100_000);
  const outside = [...seen, mixableStreamId(0x40ff_ffff)!, mixableStreamId(0x7ffe_ffff)!].filter((id) => {
    const [third, fourth] = [(id >>> 16) & 0xff, id >>> 24];
    return third < 0x80 || fourth < 0x40 || fourth > 0x7f;
  });
  expect(outside).toEqual([]);
  expect(mixableStreamId(0x7fff_fffd)).toBe(0x7fff_ffff);
  expect(mixableStreamId(0x7fff_ffff)).toBeUndefined();
});
