import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isAllowed, parseHostPattern } from '../../../src/connect/forward/host-patterns.ts';

const allows = (pattern: string, host: string, port = 443): boolean =>
  isAllowed([parseHostPattern(pattern)], host, port);

test.each<[pattern: string, host: string, port: number, expected: boolean]>([
  ['admin.internal', 'admin.internal', 443, true],
  ['admin.internal', 'admin.internal.', 443, true],
  ['Admin.Internal.', 'admin.internal', 443, true],
  ['admin.internal', 'x.admin.internal', 443, false],
  ['admin.internal', 'admin-internal', 443, false],
  ['*.internal', 'a.b.internal', 80, true],
  ['*.internal', 'internal', 80, false],
  ['*.internal', 'a.internal.example.com', 80, false],
  ['db-*.internal', 'db-1.internal', 5432, true],
  ['db-*.internal', 'db.internal', 5432, false],
  ['a*a', 'a', 80, false],
  ['*-1.*.internal', 'db-1.eu.internal', 80, true],
  ['*', 'anything.example', 80, true],
  ['*', '10.0.0.1', 80, true],
  ['*:443', 'anything.example', 443, true],
  ['*:443', 'anything.example', 80, false],
  ['admin.internal:443', 'admin.internal', 443, true],
  ['admin.internal:443', 'admin.internal', 80, false],
  ['admin.internal:*', 'admin.internal', 80, true],
  ['10.0.0.5', '10.0.0.5', 80, true],
  ['10.0.0.5', '0xa000005', 80, true],
  ['10.0.0.0/16', '10.0.255.1', 80, true],
  ['10.0.0.0/16', '10.1.0.1', 80, false],
  ['10.0.0.0/16:443', '10.0.0.1', 80, false],
  ['10.0.0.0/16', '10.0.0.1.example.com', 80, false],
  ['*.internal', '10.0.0.1', 80, false],
  ['fd00::/8', 'fd12::1', 80, true],
  ['fd00::/8', 'fe12::1', 80, false],
  ['[fd00::/8]:443', 'fd12:0:0:0:0:0:0:1', 443, true],
  ['[fd00::/8]:443', 'fd12::1', 80, false],
  ['FD00::1', 'fd00::1', 80, true],
])('%s and %s:%i', (pattern, host, port, expected) => {
  expect(allows(pattern, host, port)).toBe(expected);
});

test.each([
  '',
  ':443',
  'a b',
  'https://admin.internal',
  'admin.internal:0',
  'admin.internal:65536',
  'admin.internal:https',
  '10.0.0.0/33',
  '10.*',
  '10.0.0',
  'fd00::/129',
  '[admin.internal]:443',
  '[fd00::1',
  '*.internal/24',
  "a'b",
  'a..b',
  'x'.repeat(262),
])('is no pattern: %s', (text) => {
  expect(() => parseHostPattern(text)).toThrow(expect.objectContaining({ code: 'host-pattern-invalid' }));
});

test('a name matches itself, and a pattern of many stars takes no longer than one of few', () => {
  const name = fc.stringMatching(/^[a-z]{1,20}(\.[a-z]{1,20}){0,3}$/);
  fc.assert(
    fc.property(name, (host) => allows(host, host) && allows(`*${host.slice(1)}`, host) && allows('*', host)),
    { seed: 13 },
  );
  expect(allows(`${'*a'.repeat(100)}*b`, 'a'.repeat(250))).toBe(false);
});
