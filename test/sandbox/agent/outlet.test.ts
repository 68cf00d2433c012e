import { expect, test } from 'vitest';
import { Outlet } from '../../../src/sandbox/agent/outlet.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const sent: string[] = [];
let room = 0;
const make = (of: { clock?: FakeClock; pauseMs?: number } = {}): Outlet => {
  sent.length = 0;
  return new Outlet({
    clock: of.clock ?? new FakeClock(),
    payloadSize: 4,
    pauseMs: of.pauseMs ?? 0,
    channel: {
      room: () => room,
      send(payload, stream) {
        room -= payload.byteLength;
        sent.push(`${stream}:${Buffer.from(payload).toString()}`);
      },
    },
  });
};

test('sends whole messages only, in order, and never mixes two streams in one message', () => {
  room = 6;
  const outlet = make();
  outlet.write(Buffer.from('abcde'));
  expect(sent).toEqual(['stdout:abcd', 'stdout:e']);
  outlet.write(Buffer.from('fghij'));
  outlet.write(Buffer.from('EE'), 'stderr');
  expect(sent).toHaveLength(2);
  room = 100;
  outlet.flush();
  expect(sent.slice(2)).toEqual(['stdout:fghi', 'stdout:j', 'stderr:EE']);
});

test('a full outlet returns false, and calls back when it is half empty', () => {
  room = 0;
  const outlet = make();
  let drained = 0;
  outlet.onDrain(() => drained++);
  expect(outlet.write(Buffer.alloc(100_000))).toBe(true);
  expect(outlet.write(Buffer.alloc(200_000))).toBe(false);
  room = 100_000;
  outlet.flush();
  expect(drained).toBe(0);
  room = 100_000;
  outlet.flush();
  expect([drained, outlet.isFull]).toEqual([1, false]);
});

test('at the pace of the official agent one message is sent per millisecond', async () => {
  room = 100;
  const clock = new FakeClock();
  const outlet = make({ clock, pauseMs: 1 });
  outlet.write(Buffer.from('abcdefghij'));
  expect(sent).toEqual(['stdout:abcd']);
  await clock.advance(1);
  expect(sent).toHaveLength(2);
  await clock.advance(1);
  expect(sent).toEqual(['stdout:abcd', 'stdout:efgh', 'stdout:ij']);
});
