import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RowSearch } from '../../src/ui/search.ts';

const rows = [
  { name: 'orders-api', search: '10.0.1.21 app envoy registry/orders:2' },
  { name: 'payments-orders', search: '10.0.2.34 api' },
  { name: 'reorders', search: '' },
  { name: 'billing', search: 'orders-importer:1' },
  { name: 'zeta', search: '' },
];
const search = new RowSearch<(typeof rows)[number]>((row) => row);
const names = (query: string): readonly string[] => search.search(query, rows).map(({ name }) => name);

it('ranks the start of a name before a word, a word before letters within, names before other texts', () => {
  expect(names('orders')).toEqual(['orders-api', 'payments-orders', 'reorders', 'billing']);
});

it.each([
  ['orders/api', ['orders-api', 'payments-orders']],
  ['10.0.2', ['payments-orders']],
  ['ENVOY', ['orders-api']],
  ['oapi', ['orders-api']],
  ['orders nothing', []],
  ['', rows.map(({ name }) => name)],
])('%s finds %j', (query, expected) => {
  expect(names(query)).toEqual(expected);
});

it('a higher rank decides between rows that match equally well', () => {
  const equal = [
    { name: 'web-1', search: '', rank: 0 },
    { name: 'web-2', search: '', rank: 80 },
  ];
  const ranked = new RowSearch<(typeof equal)[number]>((row) => row);
  expect(ranked.search('web', equal).map(({ name }) => name)).toEqual(['web-2', 'web-1']);
});

it('finds a whole name among ten thousand rows', () => {
  const many = Array.from({ length: 10_000 }, (_, n) => ({
    name: `service-${n}`,
    search: `10.0.${n % 255}.1 app`,
  }));
  const big = new RowSearch<(typeof many)[number]>((row) => row);
  expect(big.search('service-4711', many)[0]?.name).toBe('service-4711');
});

it('finds the same rows letter by letter, while rows change, as a search that starts anew', () => {
  const word = fc.constantFrom('o', 'or', 'ord', 'orders', 'api', 'pi', '10.', '1', ' ', '/', '-', 'x');
  const steps = fc.array(
    fc.record({ query: fc.array(word).map((words) => words.join('')), changed: fc.nat(29) }),
  );
  fc.assert(
    fc.property(steps, (typed) => {
      let many = Array.from({ length: 30 }, (_, n) => ({
        name: ['orders-api', 'api-orders', 'reorders', 'web', 'o-r-d'][n % 5] + (n < 20 ? `-${n}` : ''),
        search: `10.0.0.${n}`,
        rank: n % 3,
      }));
      const read = (row: (typeof many)[number]): (typeof many)[number] => row;
      const kept = new RowSearch(read);
      for (const { query, changed } of typed) {
        many = many.map((row, index) =>
          index === changed ? { ...row, search: `${row.search} api`, rank: 5 } : row,
        );
        for (let length = 0; length <= query.length; length++) {
          const part = query.slice(0, length);
          expect(kept.search(part, many)).toEqual(new RowSearch(read).search(part, many));
        }
      }
    }),
  );
});
