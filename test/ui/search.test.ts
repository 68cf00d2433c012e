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
