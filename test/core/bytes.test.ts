import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  base64,
  concat,
  equal,
  fromBase64,
  hex,
  openAesGcm,
  sealAesGcm,
  sha256,
  sha256Latin1,
  text,
  utf8,
  view,
} from '../../src/core/bytes.ts';

const BYTES = Uint8Array.of(0, 1, 127, 128, 255);

describe('texts', () => {
  it('have the encodings of the platform', () => {
    expect([hex(BYTES), base64(BYTES)]).toEqual(['00017f80ff', 'AAF/gP8=']);
    expect([...fromBase64('AA F/gP8=!')]).toEqual([...BYTES]);
    expect([...utf8('ü\ud800')]).toEqual([0xc3, 0xbc, 0xef, 0xbf, 0xbd]);
    expect(text(Uint8Array.of(0xc3, 0xbc, 0xff))).toBe('ü\ufffd');
  });
});

describe('views and parts', () => {
  it('share memory where they can', () => {
    const whole = Uint8Array.from({ length: 8 }, (_, index) => index);
    const part = view(whole.subarray(2, 5));
    expect([...part]).toEqual([2, 3, 4]);
    part[0] = 9;
    expect(whole[2]).toBe(9);
    const buffer = Buffer.from([1]);
    expect(view(buffer)).toBe(buffer);
    expect(concat([whole])).toBe(whole);
  });

  it('are put together in their order', () => {
    expect([...concat([Uint8Array.of(1), Uint8Array.of(2, 3), Uint8Array.of()])]).toEqual([1, 2, 3]);
    expect([...concat([])]).toEqual([]);
    expect([equal(Uint8Array.of(1, 2), Buffer.from([1, 2])), equal(Uint8Array.of(1), BYTES)]).toEqual([
      true,
      false,
    ]);
  });
});

it('digests are those of SHA-256, as bytes and as text', () => {
  const expected = createHash('sha256').update(BYTES).digest();
  expect(hex(sha256(BYTES))).toBe(expected.toString('hex'));
  expect(sha256Latin1(BYTES)).toBe(expected.toString('latin1'));
});

describe('AES-256-GCM', () => {
  // Test case 14 of "The Galois/Counter Mode of Operation" (McGrew, Viega): key and nonce are zero.
  const key = new Uint8Array(32);
  const sealed = '000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919';

  it('gives the published bytes, and opens them again', () => {
    expect(hex(sealAesGcm(key, new Uint8Array(12), new Uint8Array(16)))).toBe(sealed);
    expect(openAesGcm(key, Buffer.from(sealed, 'hex'))).toEqual(Buffer.alloc(16));
    expect(openAesGcm(key, sealAesGcm(key, new Uint8Array(12), new Uint8Array()))).toEqual(Buffer.alloc(0));
  });

  it('does not open what is too short, was changed, or has another key', () => {
    const bytes = Buffer.from(sealed, 'hex');
    expect(openAesGcm(key, bytes.subarray(0, 27))).toBeUndefined();
    expect(openAesGcm(Uint8Array.from(key).fill(1), bytes)).toBeUndefined();
    for (const at of [0, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(openAesGcm(key, changed)).toBeUndefined();
    }
  });
});
