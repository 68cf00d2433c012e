import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzyFilter, fuzzyScore } from '../../src/ui/fuzzy.ts';

const word = fc.string({ unit: fc.constantFrom(...'abcdeXYZ019-_ '.split('')), minLength: 0, maxLength: 16 });
const letters = fc.string({ unit: fc.constantFrom(...'abcde'.split('')), minLength: 1, maxLength: 8 });

const isSubsequence = (query: string, text: string): boolean => {
  let at = 0;
  for (const character of text.toLowerCase()) if (character === query.toLowerCase()[at]) at++;
  return at === query.length;
};

describe('fuzzyScore', () => {
  it('matches exactly the subsequences', () => {
    fc.assert(
      fc.property(letters, word, (query, text) => {
        expect(fuzzyScore(query, text) !== undefined).toBe(isSubsequence(query, text));
      }),
    );
  });

  it('ignores case', () => {
    fc.assert(
      fc.property(letters, word, (query, text) => {
        expect(fuzzyScore(query.toUpperCase(), text)).toBe(fuzzyScore(query, text));
      }),
    );
  });

  it('never scores a longer query that no longer matches, and scores every prefix of one that does', () => {
    fc.assert(
      fc.property(letters, word, (query, text) => {
        if (fuzzyScore(query, text) === undefined) return;
        for (let end = 1; end <= query.length; end++)
          expect(fuzzyScore(query.slice(0, end), text)).toBeDefined();
      }),
    );
  });

  it('matches blank-separated words in any order', () => {
    expect(fuzzyScore('api orders', 'orders-api')).toBe(fuzzyScore('orders api', 'orders-api'));
    expect(fuzzyScore('api nope', 'orders-api')).toBeUndefined();
    // As one word the letters would have to occur in this order, and they do not.
    expect(fuzzyScore('apiorders', 'orders-api')).toBeUndefined();
  });

  it('treats any sequence of white space as one separator, and adds up the scores of the words', () => {
    const sum = (fuzzyScore('api', 'orders-api') ?? 0) + (fuzzyScore('orders', 'orders-api') ?? 0);
    for (const query of ['api orders', ' api \t  orders ', 'orders\tapi'])
      expect(fuzzyScore(query, 'orders-api')).toBe(sum);
    expect(fuzzyScore('  ', 'orders-api')).toBe(0);
  });

  it('finds the best alignment, not the first', () => {
    expect(fuzzyScore('web', 'worker-web')).toBeGreaterThan(fuzzyScore('web', 'worker-xexb') ?? Number.NaN);
  });
});

describe('fuzzyFilter', () => {
  const names = [
    'payments-api',
    'storefront-web',
    'orders-api',
    'webhooks',
    'billing-worker',
    'OrdersArchive',
  ];
  const filter = (query: string): readonly string[] => fuzzyFilter(query, names, (name) => name);

  it.each([
    ['', names],
    ['web', ['webhooks', 'storefront-web']],
    ['oa', ['OrdersArchive', 'orders-api']],
    ['bw', ['billing-worker']],
    ['zzz', []],
  ])('%j → %j', (query, expected) => {
    expect(filter(query).slice(0, expected.length)).toEqual(expected);
  });

  it('returns a subset, each item once, and is stable for equal items', () => {
    fc.assert(
      fc.property(letters, fc.array(word, { maxLength: 20 }), (query, texts) => {
        const items = texts.map((text, index) => ({ text, index }));
        const found = fuzzyFilter(query, items, (item) => item.text);
        expect(new Set(found).size).toBe(found.length);
        for (const [at, item] of found.entries()) {
          const next = found[at + 1];
          if (next?.text === item.text) expect(next.index).toBeGreaterThan(item.index);
        }
      }),
    );
  });

  it('puts a name that equals the query first', () => {
    fc.assert(
      fc.property(letters, fc.array(letters, { maxLength: 20 }), (query, others) => {
        const found = fuzzyFilter(query, [...others, query], (name) => name);
        expect(found[0]).toBe(query);
      }),
    );
  });
});
