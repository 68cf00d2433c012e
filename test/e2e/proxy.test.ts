import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, CliProcess } from '../support/cli-process.ts';
import { type CorporateProxy, startCorporateProxy } from '../support/corporate-proxy.ts';
import { startSocksServer } from '../support/socks-server.ts';
import { testSandbox } from '../support/test-sandbox.ts';
import { COMPANY_CA } from '../support/tls-identity.ts';

/** AWS behind a proxy: API calls and the WebSocket use the proxy that the environment variables name. */

const sandbox = testSandbox();
let proxy: CorporateProxy;
let folder: string;
beforeAll(async () => {
  proxy = await startCorporateProxy(sandbox().endpoint);
  folder = mkdtempSync(join(tmpdir(), 'fc-proxy-'));
  writeFileSync(join(folder, 'ca.pem'), COMPANY_CA);
});
afterAll(() => {
  proxy.close();
  rmSync(folder, { recursive: true });
});

/** AWS_ENDPOINT_URL is not set: the SDK and the tool use the host names of AWS. */
function env(over: Readonly<Record<string, string>>): Record<string, string> {
  const { AWS_ENDPOINT_URL: _, ...rest } = sandbox().env;
  return { ...rest, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'), ...over };
}

const EXEC = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app', '--', 'echo', 'through'];

describe('HTTPS_PROXY', () => {
  it('carries API calls and the WebSocket of a command with TLS from end to end', async () => {
    const result = await cli(EXEC, { env: env({ HTTPS_PROXY: proxy.url }) });
    expect(result).toMatchObject({ status: 0, stdout: 'through\n' });
    const hosts = new Set(proxy.tunnels);
    expect(hosts).toContain('ecs.eu-west-1.amazonaws.com:443');
    expect(hosts).toContain('ssm.eu-west-1.amazonaws.com:443');
    expect(hosts).toContain('ssmmessages.eu-west-1.amazonaws.com:443');
  });

  it('with a user and a password sends them to the proxy, and no output shows them', async () => {
    const before = proxy.authorizations.length;
    const url = proxy.url.replace('//', '//person:s3cret%21@');
    const result = await cli([...EXEC.slice(0, 6), '--debug', ...EXEC.slice(6)], {
      env: env({ https_proxy: url }),
    });
    expect(result.status).toBe(0);
    const sent = proxy.authorizations.slice(before);
    expect(sent.length).toBeGreaterThan(1);
    const expected = `Basic ${Buffer.from('person:s3cret!').toString('base64')}`;
    expect(sent.every((each) => each === expected)).toBe(true);
    expect(result.stdout + result.stderr).not.toMatch(/s3cret/);
  });

  it('carries a forward', async () => {
    const forward = new CliProcess(['forward', 'orders-api', '-L', '0:8080', '--cluster', 'demo', '--json'], {
      env: env({ ALL_PROXY: proxy.url }),
    });
    const [line] = await forward.until('stdout', /\{.*forward-ready.*\n/);
    const { local } = JSON.parse(line) as { local: { port: number } };
    const answer = await fetch(`http://127.0.0.1:${local.port}/`);
    expect(await answer.json()).toMatchObject({ service: 'orders-api' });
    forward.kill('SIGINT');
    expect(await forward.finished).toMatchObject({ status: 0 });
  });

  it('reports a proxy that refuses by its name, without hanging', async () => {
    const wall = createServer();
    wall.on('connect', (_request, socket) =>
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
    );
    await new Promise<void>((resolve) => {
      wall.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(wall.address() as AddressInfo).port}`;
    const result = await cli(EXEC, { env: env({ HTTPS_PROXY: url }) });
    wall.close();
    expect(result.status).not.toBe(0);
    expect(result.stderr).toContain(new URL(url).host);
    expect(result.stderr).toContain('407');
  });

  it('is not used for loopback addresses: the sandbox needs no NO_PROXY', async () => {
    const before = proxy.tunnels.length;
    const result = await cli(EXEC, {
      env: { ...sandbox().env, HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url },
    });
    expect(result).toMatchObject({ status: 0, stdout: 'through\n' });
    expect(proxy.tunnels.length).toBe(before);
  });
});

it('an invalid proxy address is a usage error that names the variable, not the value', async () => {
  const result = await cli(EXEC, { env: env({ HTTPS_PROXY: 'socks4://person:s3cret@proxy:1080' }) });
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).toContain('HTTPS_PROXY is not the address of an http, https or socks5 proxy');
  expect(result.stderr).not.toContain('s3cret');
});

describe('ALL_PROXY=socks5h://', () => {
  it('carries API calls and the WebSocket with a login, which no output shows', async () => {
    const login = { user: 'person', password: 's3cret!' };
    const socks = await startSocksServer({ port: proxy.awsPort, login });
    const result = await cli([...EXEC.slice(0, 6), '--debug', ...EXEC.slice(6)], {
      env: env({ ALL_PROXY: `socks5h://person:s3cret%21@${socks.address}` }),
    });
    expect(result).toMatchObject({ status: 0, stdout: 'through\n' });
    const hosts = new Set(socks.requests);
    expect(hosts).toContain('ecs.eu-west-1.amazonaws.com:443');
    expect(hosts).toContain('ssmmessages.eu-west-1.amazonaws.com:443');
    expect(result.stdout + result.stderr).not.toMatch(/s3cret/);

    const refused = await cli(EXEC, { env: env({ ALL_PROXY: `socks5h://${socks.address}` }) });
    socks.close();
    expect(refused.status).toBe(255);
    expect(refused.stderr).toContain('ALL_PROXY=socks5h://USER:PASSWORD@HOST:PORT');
  });
});

describe('NO_PROXY', () => {
  /**
   * The host names of AWS resolve to this machine, on a port that needs no privileges, so no test can reach the
   * internet.
   */
  const LOOPBACK_NAMES = `import dns from 'node:dns';
    const { lookup } = dns;
    dns.lookup = (host, ...rest) => lookup(host.endsWith('.amazonaws.com') ? '127.0.0.1' : host, ...rest);`;
  const direct = (noProxy: string): Record<string, string> =>
    env({
      AWS_ENDPOINT_URL: `https://api.eu-west-1.amazonaws.com:${proxy.awsPort}`,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(LOOPBACK_NAMES)}`,
      HTTPS_PROXY: proxy.url,
      NO_PROXY: noProxy,
    });

  it.each([
    ['without an entry, all connections use the proxy', '', ['api', 'ssmmessages']],
    [
      'an entry for the API host does not exempt the WebSocket',
      'api.eu-west-1.amazonaws.com',
      ['ssmmessages'],
    ],
    [
      'an entry for the WebSocket host does not exempt the API',
      'ssmmessages.eu-west-1.amazonaws.com',
      ['api'],
    ],
    ['an entry for a domain exempts both', 'internal.example, .amazonaws.com', []],
    ['a star exempts every host', '*', []],
  ])('%s', async (_, noProxy, expected) => {
    const before = proxy.tunnels.length;
    const result = await cli(EXEC, { env: direct(noProxy) });
    expect(result).toMatchObject({ status: 0, stdout: 'through\n' });
    const hosts = proxy.tunnels.slice(before).map((tunnel) => tunnel.split('.')[0]);
    expect(new Set(hosts)).toEqual(new Set(expected));
  });

  it('an entry with a port exempts only that port', async () => {
    const before = proxy.tunnels.length;
    const host = 'api.eu-west-1.amazonaws.com';
    const both = `${host}:1,ssmmessages.eu-west-1.amazonaws.com:${proxy.awsPort}`;
    expect(await cli(EXEC, { env: direct(both) })).toMatchObject({ status: 0, stdout: 'through\n' });
    expect(new Set(proxy.tunnels.slice(before))).toEqual(new Set([`${host}:${proxy.awsPort}`]));
  });
});
