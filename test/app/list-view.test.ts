import { describe, expect, it } from 'vitest';
import { filtered, inOrder, withFields } from '../../src/app/listing/list-view.ts';

const records = [
  { name: 'orders-api', running: 12, exec: true, containers: ['app', 'envoy'], health: null },
  { name: 'billing', running: 2, exec: false, containers: ['worker'], health: 'HEALTHY' },
  { name: 'orders-worker', running: 0, exec: true, containers: [], health: 'UNHEALTHY' },
];
const names = (found: readonly object[]): unknown[] =>
  found.map((record) => (record as { name: string }).name);
const filter = (field: string, pattern: string) => names(filtered(records, [{ field, pattern }]));

describe('filters', () => {
  it.each([
    ['name', 'orders-api', ['orders-api']],
    ['name', 'ORDERS-*', ['orders-api', 'orders-worker']],
    ['name', '*er*er*', ['orders-worker']],
    ['name', '*', ['orders-api', 'billing', 'orders-worker']],
    ['name', 'orders', []],
    ['name', 'orders-api*orders-api', []],
    ['running', '2', ['billing']],
    ['exec', 'false', ['billing']],
    ['containers', 'envoy', ['orders-api']],
    ['health', '', ['orders-api']],
    ['health', '*HEALTHY', ['billing', 'orders-worker']],
  ])('%s=%s', (field, pattern, expected) => {
    expect(filter(field, pattern)).toEqual(expected);
  });

  it('must all match', () => {
    const both = [
      { field: 'exec', pattern: 'true' },
      { field: 'running', pattern: '0' },
    ];
    expect(names(filtered(records, both))).toEqual(['orders-worker']);
  });
});

describe('order and fields', () => {
  it('sorts numbers as numbers and puts absent values last in both directions', () => {
    const by = (field: string, isDescending = false) => names(inOrder(records, { field, isDescending }));
    expect(by('running')).toEqual(['orders-worker', 'billing', 'orders-api']);
    expect(by('running', true)).toEqual(['orders-api', 'billing', 'orders-worker']);
    expect(by('health')).toEqual(['billing', 'orders-worker', 'orders-api']);
    expect(by('health', true)).toEqual(['orders-worker', 'billing', 'orders-api']);
  });

  it('keeps the asked fields in the asked order', () => {
    expect(withFields(records[1] ?? {}, ['running', 'name'])).toEqual({ running: 2, name: 'billing' });
    expect(Object.keys(withFields(records[1] ?? {}, ['running', 'name']))).toEqual(['running', 'name']);
  });
});
