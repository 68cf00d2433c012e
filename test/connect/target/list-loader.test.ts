import { describe, expect, it } from 'vitest';
import { ListLoader, loadLists, runLoaders } from '../../../src/connect/target/list-loader.ts';
import { PartialList } from '../../../src/connect/target/partial-list.ts';
import { PacedCalls } from '../../../src/core/paced-calls.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `s${String(from + n).padStart(3, '0')}`);

describe('a list that is read piece by piece', () => {
  it('describes what is on the screen first, and nothing else unless it is asked to', () => {
    const list = new PartialList<string>(10);
    list.addPage(names(0, 100));
    expect(list.nextBatch(false)).toEqual([]);
    list.prefer(names(40, 62));
    expect(list.nextBatch(true)).toEqual(names(40, 50));
    expect(list.nextBatch(true)).toEqual(names(50, 60));
    // The last two preferred ones, and others fill the call.
    expect(list.nextBatch(true)).toEqual([...names(60, 62), ...names(0, 8)]);
    expect(list.nextBatch(false)).toEqual([]);
    expect(list.nextBatch(true)).toEqual(names(8, 18));
  });

  it('waits for a full batch until the last page is known', () => {
    const list = new PartialList<string>(10);
    list.addPage(names(0, 7));
    expect(list.nextBatch(true)).toEqual([]);
    list.endOfPages();
    expect(list.nextBatch(true)).toEqual(names(0, 7));
  });

  it('forgets what was deleted after it was listed', () => {
    const list = new PartialList<string>(10);
    list.addPage(names(0, 3));
    list.endOfPages();
    const batch = list.nextBatch(true);
    list.describe(
      batch,
      new Map([
        ['s000', 'a'],
        ['s002', 'c'],
      ]),
    );
    expect(list.ids).toEqual(['s000', 's002']);
    expect(list.rows()).toEqual(['a', 'c']);
    expect(list.isComplete).toBe(true);
  });
});

/** A list of `count` names in pages of a hundred; `refuse` fails a describing call. */
function source(count: number, refuse: (call: number) => unknown = () => undefined) {
  const calls: string[] = [];
  let describing = 0;
  return {
    calls,
    async *pages() {
      for (let from = 0; from < count; from += 100) {
        calls.push('list');
        yield names(from, Math.min(count, from + 100));
      }
    },
    async describe(ids: readonly string[]) {
      calls.push(`describe ${ids[0]}`);
      const error = refuse(describing++);
      if (error !== undefined) throw error;
      return ids.map((id) => ({ id }));
    },
    idOf: ({ id }: { id: string }) => id,
    batchSize: 10,
  };
}

const clock = new FakeClock();
const throttled = new Error('throttled');
const paced = (mostWorkers = 2): PacedCalls =>
  new PacedCalls({ clock, isRefusal: (error) => error === throttled, mostWorkers });

describe('loading', () => {
  it('overlaps pages and descriptions', async () => {
    const from = source(300);
    const loader = new ListLoader(from);
    await clock.run(loadLists([loader], paced()));
    expect(loader.list.isComplete).toBe(true);
    expect(loader.list.rows()).toHaveLength(300);
    const last = from.calls.lastIndexOf('list');
    expect(from.calls.slice(0, last).some((call) => call.startsWith('describe'))).toBe(true);
  });

  it('repeats a refused call and loses nothing', async () => {
    const loader = new ListLoader(source(60, (call) => (call % 3 === 1 ? throttled : undefined)));
    await clock.run(loadLists([loader], paced()));
    expect(loader.list.rows()).toHaveLength(60);
    expect(loader.error).toBeUndefined();
  });

  it('keeps what is known when AWS refuses for good, and when one list fails for another reason', async () => {
    const refused = new ListLoader(source(60, (call) => (call < 2 ? undefined : throttled)));
    await clock.run(loadLists([refused], paced()));
    expect(refused.list.described).toBe(20);
    expect(refused.error).toBe(throttled);

    const denied = new Error('denied');
    const closed = new ListLoader(source(60, () => denied));
    const open = new ListLoader(source(60));
    await clock.run(loadLists([closed, open], paced()));
    expect(closed.error).toBe(denied);
    expect(open.list.isComplete).toBe(true);
  });

  it('reads all names but describes only what is on the screen', async () => {
    const from = source(250);
    const loader = new ListLoader(from);
    await clock.run(runLoaders(() => [loader], paced(1)));
    expect(loader.list.isListed).toBe(true);
    expect(loader.list.described).toBe(0);
    loader.list.prefer(names(0, 12));
    await clock.run(runLoaders(() => [loader], paced(1)));
    expect(loader.list.described).toBe(20);
    loader.list.prefer(names(200, 210));
    await clock.run(runLoaders(() => [loader], paced(1)));
    expect(from.calls.at(-1)).toBe('describe s200');
  });

  it('can be cancelled: no call starts and no answer counts', async () => {
    const loader = new ListLoader(source(100), () => loader.cancel());
    await clock.run(loadLists([loader], paced(1)));
    expect(loader.list.described).toBe(0);
  });
});
