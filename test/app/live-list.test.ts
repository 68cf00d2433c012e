import fc from 'fast-check';
import { expect, it } from 'vitest';
import { byRankThenId, LiveList } from '../../src/app/listing/live-list.ts';
import { PacedCalls } from '../../src/core/paced-calls.ts';
import type { BrowseRow } from '../../src/ui/browse.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Item {
  readonly id: string;
  readonly rank: number;
}

const rowOf = (id: string, item: Item | undefined): BrowseRow<string> => ({
  id: `cluster/${id}`,
  value: id,
  cells: [id],
  search: '',
  rank: item?.rank ?? 0,
});

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

it('has its rows in order while items become known, change their rank, or are gone', async () => {
  const item = fc.record({ rank: fc.nat(3), isGone: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 40 }), fc.array(fc.nat(39)), async (items, shown) => {
      const ids = items.map((_, n) => `i${n * 7}`);
      const found = new Map(ids.map((id, n) => [id, items[n]]));
      const list = new LiveList<Item, string>({
        columns: [],
        calls: new PacedCalls({ clock: new FakeClock(), isRefusal: () => false }),
        toRow: rowOf,
        source: {
          async *pages() {
            for (let from = 0; from < ids.length; from += 10)
              yield await Promise.resolve(ids.slice(from, from + 10));
          },
          describe: (names) =>
            Promise.resolve(
              names.flatMap((id) => {
                const { rank = 0, isGone = true } = found.get(id) ?? {};
                return isGone ? [] : [{ id, rank }];
              }),
            ),
          idOf: ({ id }) => id,
          batchSize: 3,
        },
      });
      for (const n of shown) {
        list.shown(
          list
            .rows()
            .slice(n, n + 1)
            .map(({ value }) => value),
          false,
        );
        await turns();
        const rows = list.rows();
        expect(rows).toEqual([...rows].sort(byRankThenId));
      }
      await list.loadAll();
      const expected = ids.flatMap((id) => {
        const { rank = 0, isGone = true } = found.get(id) ?? {};
        return isGone ? [] : [rowOf(id, { id, rank })];
      });
      expect(list.rows()).toEqual(expected.sort(byRankThenId));
    }),
    { numRuns: 30 },
  );
});
