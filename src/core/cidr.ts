import { isIP } from 'node:net';

/** IPv4 and IPv6 addresses and ranges, as CIDR text. */

/**
 * True if every address of `inner`, a range or a single address, is in `outer`. False if one is IPv4 and the other
 * IPv6, and for text that is neither.
 */
export function containsCidr(outer: string, inner: string): boolean {
  const a = parse(outer);
  const b = parse(inner);
  if (a === undefined || b === undefined || a.bits !== b.bits || a.prefix > b.prefix) return false;
  const shift = BigInt(a.bits - a.prefix);
  return a.address >> shift === b.address >> shift;
}

/** True for an IPv6 address or range. */
export const isIpv6 = (text: string): boolean => parse(text)?.bits === 128;

/** First address as a number, and the number of addresses, of an IPv4 range; undefined for other text. */
export function ipv4Range(cidr: string): { readonly first: number; readonly size: number } | undefined {
  const range = parse(cidr);
  if (range?.bits !== 32) return undefined;
  const size = 2 ** (32 - range.prefix);
  const address = Number(range.address);
  return { first: address - (address % size), size };
}

interface Range {
  readonly address: bigint;
  readonly bits: 32 | 128;
  readonly prefix: number;
}

function parse(text: string): Range | undefined {
  const [, base = '', length] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(base);
  if (family === 0) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return undefined;
  return { address: family === 4 ? ipv4(base) : ipv6(base), bits, prefix };
}

const ipv4 = (text: string): bigint =>
  text.split('.').reduce((sum, octet) => (sum << 8n) + BigInt(octet), 0n);

function ipv6(text: string): bigint {
  // The last 32 bits may be written as IPv4.
  const dotted = /[\d.]+\.\d+$/.exec(text)?.[0];
  if (dotted !== undefined) {
    const low = ipv4(dotted);
    const groups = `${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
    return ipv6(text.slice(0, -dotted.length) + groups);
  }
  const [head = '', tail] = text.split('::');
  const before = head.split(':').filter((group) => group !== '');
  const after = (tail ?? '').split(':').filter((group) => group !== '');
  const gap = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...gap, ...after].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}
