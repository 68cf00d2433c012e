import { expect, test } from 'vitest';
import { GatewayFaults } from '../../../src/sandbox/gateway/faults.ts';
import { RelayLane } from '../../../src/sandbox/gateway/relay-lane.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('delay keeps the order, the pace spaces messages out, and clear discards waiting messages', async () => {
  const clock = new FakeClock();
  const faults = new GatewayFaults(['delay=20ms']);
  const delivered: string[] = [];
  let pace = 0;
  const lane = new RelayLane({
    clock,
    random: () => 0.5,
    faults,
    paceMs: () => pace,
    deliver: (frame) => delivered.push(Buffer.from(frame).toString()),
  });
  const push = (text: string): void => lane.push(Buffer.from(text));
  push('a');
  push('b');
  await clock.advance(19);
  expect(delivered).toEqual([]);
  await clock.advance(1);
  expect(delivered).toEqual(['a', 'b']);
  faults.set('slow-agent=10ms');
  pace = 10;
  for (const text of ['c', 'd', 'e']) push(text);
  await clock.advance(10);
  expect(delivered.slice(2)).toEqual(['c']);
  await clock.advance(10);
  expect(delivered.slice(2)).toEqual(['c', 'd']);
  lane.clear();
  await clock.advance(100);
  expect(delivered.slice(2)).toEqual(['c', 'd']);
  expect(clock.pendingTimers).toBe(0);
});

test('a message held for reordering is sent even if no other follows', async () => {
  const clock = new FakeClock();
  const delivered: string[] = [];
  const lane = new RelayLane({
    clock,
    random: () => 0,
    faults: new GatewayFaults(['reorder=1']),
    paceMs: () => 0,
    deliver: (frame) => delivered.push(Buffer.from(frame).toString()),
  });
  lane.push(Buffer.from('a'));
  lane.push(Buffer.from('b'));
  expect(delivered).toEqual(['b', 'a']);
  lane.push(Buffer.from('c'));
  await clock.advance(50);
  expect(delivered).toEqual(['b', 'a', 'c']);
});
