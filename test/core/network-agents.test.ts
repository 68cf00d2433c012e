import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer, request } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { type CaBundle, networkAgents } from '../../src/core/network-agents.ts';
import { tlsFailure } from '../../src/core/tls-failures.ts';
import { until } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type SocksServerOptions, startSocksServer } from '../support/socks-server.ts';
import {
  CERTIFICATE,
  COMPANY_CA,
  EXPIRED_CERTIFICATE,
  KEY,
  OTHER_CERTIFICATE,
} from '../support/tls-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'fc-agents-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const bundle = (path: string): CaBundle => ({ path, from: 'AWS_CA_BUNDLE' });
const COMPANY = bundle(file('company.pem', `# the company's\n${COMPANY_CA}`));

const servers: Server[] = [];
async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
const serverWith = (cert: string): Promise<number> =>
  listening(createTlsServer({ cert, key: KEY }, (_incoming, outgoing) => outgoing.end('hello')));

afterEach(() => vi.unstubAllEnvs());
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

/** Returns the status of a request with the agents of this environment; rejects as the request does. */
async function ask(
  port: number,
  env: Readonly<Record<string, string>> = {},
  trusted?: CaBundle,
  host = 'localhost',
): Promise<number> {
  const agents = await networkAgents(env, systemClock, trusted);
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, agent: agents.https }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    // The name resolves to this machine, so that no test reaches the internet.
    sent.on('error', reject);
    sent.end();
  }).finally(() => {
    agents.https.destroy();
    agents.http.destroy();
  }) as Promise<number>;
}

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (tlsFailure(error, 'localhost') ?? (error as { readonly code?: string })).code,
  );

describe('trusted certificates', () => {
  let port: number;
  beforeAll(async () => {
    port = await serverWith(CERTIFICATE);
  });

  test('a private authority is trusted with the bundle, and not without it', async () => {
    expect(await ask(port, {}, COMPANY)).toBe(200);
    expect(await codeOf(ask(port))).toBe('tls-untrusted');
  });

  test('the bundle is added to the certificates that Node trusts, NODE_EXTRA_CA_CERTS included', async () => {
    const other = bundle(file('unrelated.pem', CERTIFICATE));
    expect(await codeOf(ask(port, {}, other))).toBe('tls-untrusted');
    // Node 22.15 and later read the variable only at their start, and report what they read.
    if (Reflect.get(await import('node:tls'), 'getCACertificates') === undefined)
      expect(await ask(port, { NODE_EXTRA_CA_CERTS: COMPANY.path }, other)).toBe(200);
  });

  test.each([
    ['an expired certificate', 'tls-out-of-date', EXPIRED_CERTIFICATE],
    ['a certificate of another host', 'tls-wrong-host', OTHER_CERTIFICATE],
  ])('%s is %s', async (_, code, certificate) => {
    expect(await codeOf(ask(await serverWith(certificate), {}, COMPANY))).toBe(code);
  });

  test('a server without TLS is tls-failed', async () => {
    const plain = await listening(createServer((_incoming, outgoing) => outgoing.end()));
    expect(await codeOf(ask(plain))).toBe('tls-failed');
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED=0 does not disable verification', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await codeOf(ask(port))).toBe('tls-untrusted');
    expect(await codeOf(ask(port, { HTTPS_PROXY: 'http://127.0.0.1:1' }))).toBe('tls-untrusted');
  });

  test.each([
    ['missing', () => join(folder, 'nowhere.pem'), /nowhere\.pem: ENOENT/],
    ['a folder', () => folder, /EISDIR/],
    ['empty', () => file('empty.pem', ''), /holds no PEM certificate/],
    ['broken', () => file('broken.pem', COMPANY_CA.replace(/M/g, 'N')), /certificate 1 is broken/],
    ['too large', () => file('large.pem', 'x'.repeat(4 * 1024 * 1024 + 1)), /has 4194305 bytes/],
  ])('a bundle that is %s is a usage error that names it', async (_, path, message) => {
    await expect(networkAgents({}, systemClock, bundle(path()))).rejects.toMatchObject({
      code: 'ca-bundle-unreadable',
      role: 'usage',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('proxies', () => {
  const through = (proxy: string, trusted?: CaBundle): Promise<unknown> =>
    ask(443, { HTTPS_PROXY: proxy }, trusted, 'aws.example').catch((error: unknown) => error);

  test('a proxy that cannot be reached is proxy-unreachable', async () => {
    const gone = createTcpServer();
    const port = await listening(gone);
    await new Promise((resolve) => gone.close(resolve));
    expect(await through(`http://127.0.0.1:${port}`)).toMatchObject({
      code: 'proxy-unreachable',
      details: { proxy: `127.0.0.1:${port}` },
    });
  });

  test('a proxy that refuses is proxy-refused with its status, and no error shows the password', async () => {
    const wall = createServer();
    wall.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\nno'));
    const error = await through(`http://person:s3cret@127.0.0.1:${await listening(wall)}`);
    expect(error).toMatchObject({
      code: 'proxy-refused',
      message: expect.stringContaining('403 for aws.example:443') as string,
      details: { status: 403, host: 'aws.example:443' },
    });
    expect(JSON.stringify(error) + String(error)).not.toContain('s3cret');
  });

  test('the TLS certificate of a proxy is verified with the same certificates', async () => {
    const wall = createTlsServer({ cert: CERTIFICATE, key: KEY });
    wall.on('connect', (_request: unknown, socket: { end(text: string): void }) =>
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'),
    );
    const proxy = `https://localhost:${await listening(wall)}`;
    expect(await through(proxy)).toMatchObject({
      code: 'tls-untrusted',
      details: { host: new URL(proxy).host },
    });
    expect(await through(proxy, COMPANY)).toMatchObject({ code: 'proxy-refused' });
  });
});

describe('SOCKS5', () => {
  const login = { user: 'person', password: 's3cret!' };
  const through = async (
    scheme: string,
    {
      userinfo = '',
      trusted,
      ...options
    }: Partial<SocksServerOptions> & { userinfo?: string; trusted?: CaBundle },
  ): Promise<{ readonly error: unknown; readonly requests: readonly string[] }> => {
    const proxy = await startSocksServer({ port: await serverWith(CERTIFICATE), ...options });
    const env = { ALL_PROXY: `${scheme}://${userinfo}${proxy.address}` };
    const error = await ask(443, env, trusted, 'aws.example').catch((failure: unknown) => failure);
    proxy.close();
    return { error, requests: proxy.requests };
  };

  test.each(['socks5h', 'socks'])(
    '%s: the proxy gets the name, and TLS is verified end to end',
    async (scheme) => {
      const { error, requests } = await through(scheme, { trusted: COMPANY });
      expect(tlsFailure(error, 'aws.example')).toMatchObject({ code: 'tls-wrong-host' });
      expect(requests).toEqual(['aws.example:443']);
      expect(await codeOf(Promise.reject((await through(scheme, {})).error as Error))).toBe('tls-untrusted');
    },
  );

  test('socks5: this machine looks up the name, and an unknown one is an error that names it', async () => {
    const { error, requests } = await through('socks5', {});
    expect(error).toMatchObject({
      code: 'proxy-unreachable',
      message: expect.stringMatching(/aws\.example/) as string,
    });
    expect(requests).toEqual([]);
  });

  test('user and password are sent, with every character', async () => {
    const { requests } = await through('socks5h', { login, userinfo: 'person:s3cret%21@' });
    expect(requests).toEqual(['aws.example:443']);
  });

  test.each([
    ['none', '', 'wants a user and a password'],
    ['another one', 'person:wrong-s3cret@', 'wants another user or password'],
  ])('a login that is refused (%s) is proxy-refused, and is not shown', async (_, userinfo, message) => {
    const { error } = await through('socks5h', { login, userinfo });
    expect(error).toMatchObject({
      code: 'proxy-refused',
      message: expect.stringContaining(message) as string,
      details: { needsLogin: true, scheme: 'socks5', host: 'aws.example:443' },
    });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('s3cret');
  });

  test('a refused destination is proxy-refused with the reply', async () => {
    const { error } = await through('socks5h', { refusal: 2 });
    expect(error).toMatchObject({
      code: 'proxy-refused',
      message: expect.stringMatching(/answered NotAllowed for aws\.example:443$/) as string,
      details: { needsLogin: false },
    });
  });

  test('a proxy that is no SOCKS5 proxy, or cannot be reached, is proxy-unreachable', async () => {
    const web = await listening(createServer());
    for (const port of [web, 1])
      expect(
        await ask(443, { ALL_PROXY: `socks5h://127.0.0.1:${port}` }, undefined, 'aws.example').catch(
          (failure: unknown) => failure,
        ),
      ).toMatchObject({ code: 'proxy-unreachable', details: { proxy: `127.0.0.1:${port}` } });
  });

  test('a proxy that does not answer is given up at the deadline', async () => {
    const clock = new FakeClock();
    const proxy = await startSocksServer({ port: 1, isSilent: true });
    const agents = await networkAgents({ ALL_PROXY: `socks5h://${proxy.address}` }, clock, undefined);
    const failure = new Promise<unknown>((resolve) => {
      const sent = request({ host: 'aws.example', agent: agents.https });
      sent.on('error', resolve);
      sent.end();
    });
    await until(() => clock.pendingTimers > 0);
    await clock.advance(15_000);
    expect(await failure).toMatchObject({
      code: 'proxy-unreachable',
      message: expect.stringMatching(/no answer within 15\s?s/) as string,
    });
    agents.https.destroy();
    proxy.close();
  });
});
