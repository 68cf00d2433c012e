import fc from 'fast-check';
import { isIPv4 } from 'node:net';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';

import { containsCidr } from '../../../src/core/cidr.ts';
import { isAllowed, parseHostPattern } from '../../../src/connect/forward/host-patterns.ts';
import { pacFile } from '../../../src/connect/forward/proxy-pac.ts';

/** The functions that browsers give to such a file, as far as it uses them. */
const BROWSER = {
  shExpMatch: (text: string, glob: string): boolean =>
    new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text),
  isInNet: (host: string, base: string, mask: string): boolean => {
    if (!isIPv4(host)) throw new Error(`the browser would look up ${host}`);
    const length = mask
      .split('.')
      .map((octet) => Number(octet).toString(2).replaceAll('0', '').length)
      .reduce((sum, bits) => sum + bits, 0);
    return containsCidr(`${base}/${length}`, host);
  },
};

const findProxy = (
  patterns: readonly string[],
  url: string,
  over: Partial<Parameters<typeof pacFile>[0]> = {},
): string => {
  const file = pacFile({
    host: '127.0.0.1',
    port: 1080,
    allowed: patterns.map(parseHostPattern),
    hasLogin: false,
    ...over,
  });
  // Firefox gives the host of an IPv6 URL without brackets, Chromium with them.
  const { hostname } = new URL(url);
  const answers = [hostname, hostname.replace(/^\[|\]$/g, '')].map((host) =>
    runInNewContext(`${file}; FindProxyForURL(${JSON.stringify(url)}, ${JSON.stringify(host)})`, {
      ...BROWSER,
    }),
  ) as string[];
  expect(new Set(answers).size).toBe(1);
  return answers[0] ?? '';
};

const SOCKS = 'SOCKS5 127.0.0.1:1080; SOCKS 127.0.0.1:1080';

test.each([
  [['*.internal'], 'https://admin.internal/x', SOCKS],
  [['*.internal'], 'https://admin.internal.:8443/x', SOCKS],
  [['*.internal'], 'https://example.com/', 'DIRECT'],
  [['*.internal:443'], 'https://admin.internal/', SOCKS],
  [['*.internal:443'], 'http://admin.internal/', 'DIRECT'],
  [['*.internal:443'], 'http://admin.internal:443/', SOCKS],
  [['*.internal:443'], 'https://admin.internal/?x=http://a:80/', SOCKS],
  [['*.internal:443'], 'wss://admin.internal/', SOCKS],
  [['10.0.0.0/16'], 'http://10.0.3.4/', SOCKS],
  [['10.0.0.0/16'], 'http://10.1.3.4/', 'DIRECT'],
  [['10.0.0.0/16'], 'http://a.example/', 'DIRECT'],
  [['fd00::/7', 'a.example'], 'http://[fd12::1]:80/', SOCKS],
  [['fd00::/8'], 'http://[fe12::1]/', 'DIRECT'],
  [['[::1:0:0:1]:80'], 'http://[::1:0:0:1]/', SOCKS],
  [['*:80'], 'http://10.0.0.1/', SOCKS],
  [[], 'https://example.com/', SOCKS],
  [[], 'http://localhost:3000/', 'DIRECT'],
  [[], 'http://127.0.0.2:3000/', 'DIRECT'],
  [[], 'http://[::1]:3000/', 'DIRECT'],
])('%j and %s', (patterns, url, expected) => {
  expect(findProxy(patterns, url)).toBe(expected);
});

test('names the address on which the proxy listens; with a login the HTTP proxy, at which browsers log in', () => {
  const url = 'https://a.internal/';
  expect(findProxy([], url, { host: '::1' })).toBe('SOCKS5 [::1]:1080; SOCKS [::1]:1080');
  expect(findProxy([], url, { host: '0.0.0.0' })).toBe(SOCKS);
  expect(findProxy([], url, { hasLogin: true })).toBe('PROXY 127.0.0.1:1080');
});

describe('seeded', () => {
  test('browsers use the proxy for exactly the hosts and ports that it leads to', () => {
    const label = fc.constantFrom('a', 'b', 'db-1', 'internal', 'example');
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
    const ipv4 = fc.tuple(fc.constantFrom(10, 192), fc.nat(3), fc.nat(255), fc.nat(255));
    const address = ipv4.map((octets) => octets.join('.'));
    const ipv6 = fc
      .array(fc.constantFrom('0', '1', 'fd00', 'ffff', 'ab'), { minLength: 8, maxLength: 8 })
      .map((groups) => groups.join(':'));
    const port = fc.constantFrom(80, 443, 8443);
    const host = fc.oneof(name, address, ipv6);
    const pattern = fc
      .tuple(
        fc.oneof(
          name,
          name.map((text) => `*.${text}`),
          fc.constant('*'),
          fc.tuple(address, fc.integer({ min: 1, max: 32 })).map(([base, length]) => `${base}/${length}`),
          fc.tuple(ipv6, fc.integer({ min: 1, max: 128 })).map(([base, length]) => `[${base}/${length}]`),
        ),
        fc.option(port),
      )
      .map(([text, only]) => (only === null ? text : `${text}:${only}`));
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 3 }),
        host,
        port,
        fc.boolean(),
        (patterns, asked, askedPort, isSecure) => {
          const written = asked.includes(':') ? `[${asked}]` : asked;
          const url = `${isSecure ? 'https' : 'http'}://${written}:${askedPort}/`;
          const allowed = isAllowed(patterns.map(parseHostPattern), asked, askedPort);
          expect(findProxy(patterns, new URL(url).href)).toBe(allowed ? SOCKS : 'DIRECT');
        },
      ),
      { seed: 13, numRuns: 500 },
    );
  });
});
