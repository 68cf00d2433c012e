import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { concat, hex, text, utf8 } from '../../../src/core/bytes.ts';
import {
  acceptedReply,
  type ProxyRequest,
  type ProxyRequestOptions,
  ProxyRequestReader,
  type ProxyStep,
  refusedReply,
} from '../../../src/connect/forward/proxy-request.ts';
import { fromHex } from '../../support/from-hex.ts';

/** All steps for bytes that arrive in these pieces, up to the one that ends the request. */
const read = (...pieces: readonly Uint8Array[]) => readWith({}, ...pieces);

function readWith(
  options: ProxyRequestOptions,
  ...pieces: readonly Uint8Array[]
): { readonly last: ProxyStep; readonly replies: string } {
  const reader = new ProxyRequestReader(options);
  let last: ProxyStep = { type: 'more' };
  let replies = '';
  for (const piece of pieces) {
    last = reader.push(piece);
    if (last.reply !== undefined) replies += hex(last.reply);
    if (last.type !== 'more') break;
  }
  return { last, replies };
}

const NAME = fromHex('05010003 0b 6578616d706c652e636f6d 01bb'.replaceAll(' ', ''));
const GREETING = fromHex('050100');

describe('SOCKS5', () => {
  test.each<[string, string, Omit<ProxyRequest, 'protocol'>]>([
    ['a name', '050100030b6578616d706c652e636f6d01bb', { host: 'example.com', port: 443 }],
    ['a name in capitals', '05010003034442310050', { host: 'db1', port: 80 }],
    ['an IPv4 address', '050100010a0001051538', { host: '10.0.1.5', port: 5432 }],
    [
      'an IPv6 address',
      '05010004fd000000000000000000000000000001ffff',
      { host: 'fd00:0:0:0:0:0:0:1', port: 65_535 },
    ],
    ['an address written as a name', '050100030831302e302e312e351538', { host: '10.0.1.5', port: 5432 }],
  ])('%s', (_, bytes, request) => {
    const { last, replies } = read(GREETING, fromHex(bytes));
    expect(last).toMatchObject({ type: 'request', request: { protocol: 'socks5', ...request } });
    expect(replies).toBe('0500');
  });

  test('a greeting, a request and data in one piece', () => {
    const { last, replies } = read(concat([GREETING, NAME, utf8('hello')]));
    expect(last).toMatchObject({ type: 'request', request: { host: 'example.com', port: 443 } });
    expect(last.type === 'request' && text(last.rest)).toBe('hello');
    expect(replies).toBe('0500');
  });

  test.each([
    ['only GSSAPI is offered', ['050101'], '05ff'],
    ['a login of another version', ['050102', '0500'], '05020101'],
    ['no method is offered', ['0500'], '05ff'],
    ['BIND', ['050100', '05020001'], '050005070001000000000000'],
    ['UDP ASSOCIATE', ['050100', '0503'], '050005070001000000000000'],
    ['an unknown address type', ['050100', '05010002'], '050005080001000000000000'],
    ['another version in the request', ['050100', '04010001'], '050005010001000000000000'],
    ['port 0', ['050100', '050100010a0001050000'], '050005010001000000000000'],
    ['an empty name', ['050100', '05010003000050'], '050005010001000000000000'],
    ['a name with a space', ['050100', '05010003036120620050'], '050005010001000000000000'],
    ['a name with a NUL', ['050100', '05010003036100620050'], '050005010001000000000000'],
    ['SOCKS4', ['04010050'], '005b000000000000'],
    ['garbage', ['16030100'], ''],
  ])('is refused: %s', (_, pieces, expected) => {
    const { last, replies } = read(...pieces.map(fromHex));
    expect(last.type).toBe('refused');
    expect(replies).toBe(expected);
  });

  test('replies', () => {
    expect(hex(acceptedReply('socks5'))).toBe('05000001000000000000');
    expect(hex(refusedReply('socks5', 'not-allowed', 'no'))).toBe('05020001000000000000');
    expect(hex(refusedReply('socks5', 'too-many', 'no'))).toBe('05010001000000000000');
    expect(hex(refusedReply('socks5', 'unreachable', 'no'))).toBe('05040001000000000000');
  });
});

/** RFC 1929: user `me`, password `s:cret`. */
const LOGIN = fromHex('01026d6506733a63726574');
const WITH_LOGIN: ProxyRequestOptions = {
  isLogin: (user, password) => user === 'me' && password === 's:cret',
};

describe('user and password over SOCKS5', () => {
  test('without a login of its own the proxy takes any, from a program that offers nothing else', () => {
    const { last, replies } = read(fromHex('050102'), fromHex('01017801 79'.replaceAll(' ', '')), NAME);
    expect(last).toMatchObject({ type: 'request', request: { host: 'example.com' } });
    expect(replies).toBe('05020100');
  });

  test.each([
    ['in pieces', [fromHex('05020002'), LOGIN, NAME]],
    ['at once', [concat([fromHex('050102'), LOGIN, NAME])]],
    ['byte by byte', [...concat([fromHex('050102'), LOGIN, NAME])].map((byte) => Uint8Array.of(byte))],
  ])('the right one, %s', (_, pieces) => {
    const { last, replies } = readWith(WITH_LOGIN, ...pieces);
    expect(last).toMatchObject({ type: 'request', request: { host: 'example.com', port: 443 } });
    expect(replies).toBe('05020100');
  });

  test.each([
    ['a program that offers none', ['050100'], '05ff'],
    ['another password', ['050102', '01026d650178'], '05020101'],
    ['another user', ['050102', '01017806733a63726574'], '05020101'],
    ['an empty login', ['050102', '010000'], '05020101'],
    ['a request in place of the login', ['050102', '05010001'], '05020101'],
  ])('is refused: %s', (_, pieces, expected) => {
    const { last, replies } = readWith(WITH_LOGIN, ...pieces.map(fromHex));
    expect(last.type).toBe('refused');
    expect(replies).toBe(expected);
  });
});

describe('HTTP with a login', () => {
  const connect = (...headers: readonly string[]): Uint8Array =>
    utf8(['CONNECT a:1 HTTP/1.1', 'Host: a', ...headers, '', ''].join('\r\n'));
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

  test.each([
    `Proxy-Authorization: ${basic('me:s:cret')}`,
    `proxy-authorization:   ${basic('me:s:cret').replace('Basic', 'basic')}  `,
  ])('%s', (header) => {
    expect(readWith(WITH_LOGIN, connect(header)).last.type).toBe('request');
  });

  test.each([
    ['no header', []],
    ['another password', [`Proxy-Authorization: ${basic('me:x')}`]],
    ['no colon', [`Proxy-Authorization: ${basic('me')}`]],
    ['another scheme', ['Proxy-Authorization: Bearer x']],
    ['the header for the server', [`Authorization: ${basic('me:s:cret')}`]],
  ])('is refused with 407: %s', (_, headers) => {
    const { last } = readWith(WITH_LOGIN, connect(...headers));
    expect(last.type === 'refused' && text(last.reply)).toMatch(
      /^HTTP\/1\.1 407 [^]*\r\nProxy-Authenticate: Basic realm="fargate-connect"/,
    );
  });
});

describe('the file for browsers', () => {
  const get = (target: string, options: ProxyRequestOptions): ProxyStep =>
    readWith({ pacFile: () => 'FILE', ...options }, utf8(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)).last;

  test.each([['/proxy.pac'], ['/proxy.pac?1']])('GET %s, with a login, too', (target) => {
    const step = get(target, WITH_LOGIN);
    expect(step.type === 'answered' && text(step.reply)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nFILE$/);
  });

  test.each(['/', '/proxy.pac/', '/x/proxy.pac', 'http://admin.internal/proxy.pac'])(
    'GET %s is not for it',
    (target) => expect(get(target, {}).type).toBe('refused'),
  );
});

describe('HTTP', () => {
  const connect = (target: string): Uint8Array => utf8(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);

  test.each([
    ['Example.com:443', 'example.com', 443],
    ['10.0.1.5:80', '10.0.1.5', 80],
    ['[FD00::1]:80', 'fd00::1', 80],
    ['under_score.internal.:1', 'under_score.internal.', 1],
  ])('CONNECT %s', (target, host, port) => {
    const { last } = read(concat([connect(target), utf8('rest')]));
    expect(last).toMatchObject({ type: 'request', request: { protocol: 'http', host, port } });
    expect(last.type === 'request' && text(last.rest)).toBe('rest');
  });

  test.each([
    'example.com',
    'example.com:0',
    'example.com:65536',
    ':80',
    '[x]:80',
    'a b:80',
    'fd00::1:80',
    'http://a:80',
  ])('CONNECT %s is refused with 400', (target) => {
    const { last } = read(connect(target));
    expect(last.type === 'refused' && text(last.reply)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  test('other methods are refused with 405, and told what to use', () => {
    const { last } = read(utf8('GET http://admin.internal/ HTTP/1.1\r\n\r\n'));
    expect(last.type === 'refused' && text(last.reply)).toMatch(
      /^HTTP\/1\.1 405 [^]*Allow: CONNECT[^]*--proxytunnel/,
    );
  });

  test('the head has 8192 bytes at most', () => {
    const start = 'CONNECT a:1 HTTP/1.1\r\nX: ';
    const fill = (length: number): string => start + 'x'.repeat(length - start.length - 4) + '\r\n\r\n';
    expect(read(utf8(fill(8_192))).last.type).toBe('request');
    const { last } = read(utf8(fill(8_193)));
    expect(last.type === 'refused' && text(last.reply)).toMatch(/^HTTP\/1\.1 431 /);
    expect(read(utf8('A'.repeat(8_191))).last.type).toBe('more');
    expect(read(utf8('A'.repeat(8_192))).last.type).toBe('refused');
  });

  test('replies', () => {
    expect(text(acceptedReply('http'))).toBe('HTTP/1.1 200 Connection established\r\n\r\n');
    expect(text(refusedReply('http', 'not-allowed', 'why'))).toMatch(
      /^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\n\r\nwhy\n$/,
    );
    expect(text(refusedReply('http', 'too-many', 'why'))).toMatch(/^HTTP\/1\.1 503 /);
    expect(text(refusedReply('http', 'unreachable', 'why'))).toMatch(/^HTTP\/1\.1 502 /);
  });
});

describe('properties', () => {
  const SEED = { seed: 1928, numRuns: 500 };

  test('the pieces in which a request arrives do not matter', () => {
    const whole = fc.constantFrom(
      concat([GREETING, NAME, utf8('data')]),
      concat([fromHex('05020002'), fromHex('050100010a0001051538'), utf8('x')]),
      concat([fromHex('050102'), LOGIN, NAME, utf8('x')]),
      utf8('CONNECT db.internal:5432 HTTP/1.1\r\nHost: db.internal\r\n\r\ndata'),
    );
    fc.assert(
      fc.property(whole, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (bytes, sizes) => {
        const reader = new ProxyRequestReader();
        let at = 0;
        let replies = '';
        for (let i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, at + (sizes[i % sizes.length] ?? 1));
          const step = reader.push(bytes.subarray(at, end));
          at = end;
          if (step.reply !== undefined) replies += hex(step.reply);
          if (step.type !== 'request') continue;
          const { last, replies: expected } = read(bytes);
          if (last.type !== 'request') throw new Error('the whole was not read');
          expect(step.request).toEqual(last.request);
          expect(replies).toBe(expected);
          expect(hex(concat([step.rest, bytes.subarray(at)]))).toBe(hex(last.rest));
          return;
        }
        throw new Error('no request');
      }),
      SEED,
    );
  });

  test('any bytes lead to a step, and a request always has a valid host and port', () => {
    const start = fc.constantFrom(
      '',
      '05',
      '0501',
      '050100',
      '050102',
      '05010201',
      '05010201026d65',
      '05010005010003',
      '05010005010001',
      '434f4e4e45435420',
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 400 }), (head, bytes) => {
        const { last } = read(concat([fromHex(head), bytes]));
        expect(readWith(WITH_LOGIN, concat([fromHex(head), bytes])).last.type).not.toBe('answered');
        if (last.type !== 'request') return;
        expect(last.request.host).toMatch(/^[\w.:-]{1,255}$/);
        expect(last.request.port).toBeGreaterThan(0);
        expect(last.request.port).toBeLessThan(65_536);
      }),
      SEED,
    );
  });

  test('a login that is not the right one never leads to a request', () => {
    const guess = fc.uint8Array({ minLength: 1, maxLength: 255 });
    fc.assert(
      fc.property(guess, guess, (user, password) => {
        const login = concat([Uint8Array.of(1, user.length), user, Uint8Array.of(password.length), password]);
        expect(readWith(WITH_LOGIN, fromHex('050102'), login, NAME).last.type).toBe('refused');
      }),
      SEED,
    );
  });

  test('a program that never completes its request is refused after a bounded number of bytes', () => {
    // The longest start of SOCKS5: greeting with 255 methods, login, request with a name.
    const MOST = Math.max(8_192, 2 + 255 + 3 + 255 + 255 + 5 + 255 + 2);
    const start = fc.constantFrom('', '05ff02', '050102', '05010201ff', '050100050100 03ff', '474554');
    fc.assert(
      fc.property(start, fc.uint8Array({ minLength: 1, maxLength: 50 }), (head, pattern) => {
        const reader = new ProxyRequestReader();
        let step = reader.push(fromHex(head.replaceAll(' ', '')));
        for (let sent = 0; step.type === 'more' && sent <= MOST; sent += pattern.length)
          step = reader.push(pattern);
        expect(step.type).not.toBe('more');
      }),
      SEED,
    );
  });
});
