import { describe, expect, it } from 'vitest';

import { containsCidr, ipv4Range, isIpv6 } from '../../src/core/cidr.ts';

describe('containsCidr', () => {
  it.each([
    ['10.0.0.0/16', '10.0.255.0/24', true],
    ['10.0.0.0/16', '10.1.0.0/24', false],
    ['10.0.1.0/24', '10.0.0.0/16', false],
    ['0.0.0.0/0', '192.168.0.0/16', true],
    ['128.0.0.0/1', '255.255.255.255/32', true],
    ['10.0.0.5/32', '10.0.0.5/32', true],
    ['::/0', '10.0.0.0/8', false],
    ['10.0.0.0/33', '10.0.0.0/33', false],
    ['300.0.0.0/8', '10.0.0.0/8', false],
    ['10.0.0.0/16', '10.0.3.4', true],
    ['2600:1f18:1::/56', '2600:1f18:1:ff::/64', true],
    ['2600:1f18:1::/56', '2600:1f18:1:100::/64', false],
    ['2600:1f18:1:1::/64', '2600:1f18:1::/56', false],
    ['::/0', '2600:1f18:1:1::5', true],
    ['64:ff9b::/96', '64:ff9b::10.0.3.4', true],
    ['64:ff9b::/96', '64:ff9b::1:0:0', false],
    ['2600:1F18:1:1:0:0:0:0/64', '2600:1f18:1:1::1', true],
    ['::1/128', '::1', true],
    ['0.0.0.0/0', '::1', false],
    ['::/129', '::1', false],
    ['fe80::1%eth0/64', 'fe80::1', false],
    ['', '', false],
    ['10.0.0.0/8', 'orders-db', false],
    ['x10.0.0.0/8', '10.0.0.1', false],
    ['10.0.0.0/24', '10.0.0.0/16', false],
    ['64:ff9b::a00:304/128', '64:ff9b::10.0.3.4', true],
    ['64:ff9b::10.0.3.4', '64:ff9b::10.0.3.5', false],
    ['64:ff9b::10.0.3.40', '64:ff9b::10.0.3.4', false],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    expect(containsCidr(outer, inner)).toBe(expected);
  });
});

it('isIpv6 recognises IPv6 addresses and ranges', () => {
  expect(['::/0', '2600:1f18:1:1::5', '10.0.0.0/8', 'orders-db'].map(isIpv6)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it.each([
  ['10.0.1.0/24', { first: 0x0a000100, size: 256 }],
  ['10.0.1.7/24', { first: 0x0a000100, size: 256 }],
  ['10.0.1.7', { first: 0x0a000107, size: 1 }],
  ['0.0.0.0/0', { first: 0, size: 2 ** 32 }],
  ['2001:db8::/64', undefined],
  ['10.0.0.0/33', undefined],
  ['somewhere', undefined],
])('the addresses of %s are a range', (cidr, range) => {
  expect(ipv4Range(cidr)).toEqual(range);
});
