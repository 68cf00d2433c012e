import { describe, expect, test } from 'vitest';

import { proxyFor } from '../../src/core/proxy.ts';

const AWS = new URL('wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x');

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('proxyFor', () => {
  test.each([
    [{}, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128/'],
    [{ https_proxy: 'proxy:3128' }, 'http://proxy:3128/'],
    [{ https_proxy: 'http://lower:1', HTTPS_PROXY: 'http://upper:1' }, 'http://lower:1/'],
    [{ ALL_PROXY: 'http://all:1' }, 'http://all:1/'],
    [{ ALL_PROXY: 'socks5://all:1080' }, 'socks5://all:1080'],
    [{ all_proxy: 'socks5h://all' }, 'socks5h://all'],
    // GNOME sets this one.
    [{ ALL_PROXY: 'socks://127.0.0.1:1080/' }, 'socks://127.0.0.1:1080/'],
    [{ HTTPS_PROXY: 'socks5h://secure:1', ALL_PROXY: 'http://all:1' }, 'socks5h://secure:1'],
    [{ ALL_PROXY: 'socks5://all:1080', NO_PROXY: 'amazonaws.com' }, undefined],
    [{ HTTP_PROXY: 'http://plain:1' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'example.com,.amazonaws.com' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'amazonaws.com:8443' }, 'http://proxy:3128/'],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '*' }, undefined],
    // proxy-from-env applies the next entry to the host `amazonaws.com` only.
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'amazonaws.com' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'notamazonaws.com' }, 'http://proxy:3128/'],
  ])('%j → %s', (env, proxy) => {
    expect(proxyFor(AWS, env)?.url.href).toBe(proxy);
  });

  test.each(['http://[', 'socks4://person:secret@proxy:1080', 'ftp://person:secret@proxy', 'socks5://'])(
    '%s is rejected, and the error does not show its value',
    (value) => {
      const error = thrown(() => proxyFor(AWS, { ALL_PROXY: value }));
      expect(error).toMatchObject({
        code: 'proxy-invalid',
        role: 'usage',
        details: { variable: 'ALL_PROXY' },
      });
      expect(JSON.stringify(error) + String(error)).not.toContain('secret');
    },
  );

  test('connections to loopback addresses use no proxy', () => {
    expect(proxyFor(new URL('ws://127.0.0.1:1234/'), { ALL_PROXY: 'http://all:1' })).toBeUndefined();
    expect(proxyFor(new URL('https://[::1]:1/'), { ALL_PROXY: 'http://all:1' })).toBeUndefined();
  });

  test.each([
    ['person:s3cret', 'person', 's3cret'],
    ['person:s3cret%21', 'person', 's3cret!'],
    ['CORP%5Cperson:a%40b', 'CORP\\person', 'a@b'],
    ['person:100%', 'person', '100%'],
    ['person:50%zz', 'person', '50%zz'],
    ['token:', 'token', ''],
  ])(
    'user information %s is sent as %s and %s, and is removed from the address',
    (userinfo, user, password) => {
      const http = proxyFor(AWS, { HTTPS_PROXY: `http://${userinfo}@proxy:3128` });
      expect(http?.login).toEqual({ user, password });
      expect(http?.url.href).toBe('http://proxy:3128/');
      const socks = proxyFor(AWS, { ALL_PROXY: `socks5://${userinfo}@proxy:1080` });
      expect(socks?.login).toEqual({ user, password });
      expect(socks?.url.href).toBe('socks5://proxy:1080');
    },
  );
});
