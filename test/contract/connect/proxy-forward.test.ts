import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { listenOnLoopback } from '../../../src/sandbox/world/loopback.ts';
import { cli } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** `forward -D` from the command line to the sandbox's network, with curl as the program that uses the proxy. */

const sandbox = testSandbox();
const curl = onPath('curl');
if (curl === undefined) reportSkip('forward -D with curl', 'curl is not on PATH');

async function withProxy(
  args: readonly string[],
  use: (proxy: string, stderr: () => string) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const signals = new FakeSignals();
  let stderr = '';
  const ended = cli(['forward', ...args, '-D', '0'], {
    env: { ...sandbox().env, ...env },
    signals,
    clock: systemClock,
    onStderr: (text) => {
      stderr = text;
    },
  });
  const ready = /listening on (127\.0\.0\.1:\d+) → .*SOCKS5/;
  await until(() => ready.test(stderr));
  try {
    await use(ready.exec(stderr)?.[1] ?? '', () => stderr);
  } finally {
    signals.raise('SIGINT');
  }
  return (await ended).status;
}

function fetched(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  // Proxy variables of the environment must not decide.
  const env = { PATH: process.env['PATH'] };
  return new Promise((resolve) => {
    execFile(
      curl ?? '',
      ['-sS', '--noproxy', '', '--max-time', '30', ...args],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout: stdout + stderr });
      },
    );
  });
}

test.runIf(curl !== undefined)(
  'through a task: SOCKS5 and CONNECT share one session per destination',
  async () => {
    const starts = (): number => sandbox().calls.filter(({ action }) => action === 'StartSession').length;
    const before = starts();
    const status = await withProxy(['orders-api', '--cluster', 'demo'], async (proxy, stderr) => {
      expect(starts()).toBe(before);
      const url = 'http://localhost:8080/';
      const socks = await fetched('--socks5-hostname', proxy, url);
      expect(socks.stdout).toContain('orders-api');
      const connect = await fetched('--proxytunnel', '--proxy', `http://${proxy}`, url);
      expect(connect.stdout).toBe(socks.stdout);
      expect(starts()).toBe(before + 1);
      const address = await fetched('--socks5', proxy, 'http://127.0.0.1:8080/');
      expect(address.stdout).toContain('orders-api');
      expect(starts()).toBe(before + 2);
      expect(stderr()).toMatch(/-D \d+ to localhost:8080: a session is open via task/);

      for (const host of ['169.254.170.2', '0xa9fea9fe']) {
        const refused = await fetched(
          '--proxytunnel',
          '--proxy',
          `http://${proxy}`,
          `http://${host}/v2/metadata`,
        );
        expect(refused.stdout).toContain('403');
      }
      expect(starts()).toBe(before + 2);
      await until(() => /link-local address[^]*--allow-link-local/.test(stderr()));

      const plain = await fetched('--proxy', `http://${proxy}`, url, '-w', '%{http_code}');
      expect(plain.stdout).toContain('--proxytunnel');
      expect(plain.stdout).toMatch(/405$/);

      const unknown = await fetched('--socks5-hostname', proxy, 'http://no-such-host.internal/');
      expect(unknown.code).not.toBe(0);
      await until(() => /warning: -D \d+ to no-such-host\.internal:80: /.test(stderr()));
      expect((await fetched('--socks5-hostname', proxy, url)).stdout).toBe(socks.stdout);
    });
    expect(status).toBe(0);
  },
);

test.runIf(curl !== undefined)(
  'through a bastion: a port that is not open is refused, with the command that opens it',
  async () => {
    const up = await cli(['up', '--cluster', 'demo', '--yes'], { env: sandbox().env });
    expect(up.status).toBe(0);
    const status = await withProxy(['--via', 'bastion'], async (proxy, stderr) => {
      const connect = await fetched('--proxytunnel', '--proxy', `http://${proxy}`, 'http://admin.internal/');
      expect(connect.stdout).toContain('403');
      const socks = await fetched('--socks5-hostname', proxy, 'http://admin.internal/');
      // 97 = CURLE_PROXY
      expect(socks.code).toBe(97);
      await until(() => stderr().includes('up --egress-port 80'));

      // The running proxy reaches the port once it is open, and the bastion shows it.
      const more = await cli(['up', '--egress-port', '80', '--yes'], { env: sandbox().env });
      expect(more.status).toBe(0);
      expect(more.stderr).toMatch(/~ update +egress .*open tcp\/80 to 10\./);
      const server = createServer((_, response) => response.end('the admin page'));
      const port = await listenOnLoopback(server);
      const remove = sandbox().addHost({
        privateIp: '10.0.77.80',
        names: ['admin.internal'],
        ports: { 80: port },
      });
      await until(async () => {
        const page = await fetched('--socks5-hostname', proxy, 'http://admin.internal/');
        return page.stdout === 'the admin page';
      });
      remove();
      server.close();
    });
    expect(status).toBe(0);
    expect((await cli(['down', '--yes'], { env: sandbox().env })).status).toBe(0);
  },
);

test.runIf(curl !== undefined)(
  'only allowed hosts, and only for programs that log in; the file for browsers says the same',
  async () => {
    const starts = (): number => sandbox().calls.filter(({ action }) => action === 'StartSession').length;
    const status = await withProxy(
      ['orders-api', '--cluster', 'demo', '--allow', 'localhost:8080', '--allow', '*.internal'],
      async (proxy, stderr) => {
        expect(stderr()).toContain('→ localhost:8080, *.internal (SOCKS5 and HTTP CONNECT)');
        const url = 'http://localhost:8080/';
        const login = ['--proxy-user', 'me:s3cret'];
        const socks = ['--proxy', `socks5h://${proxy}`];
        const connect = ['--proxytunnel', '--proxy', `http://${proxy}`];
        const before = starts();
        for (const way of [socks, connect])
          expect((await fetched(...way, url)).code, 'without a login').not.toBe(0);
        expect((await fetched(...connect, '--proxy-user', 'me:other', url)).stdout).toContain('407');
        expect(starts()).toBe(before);
        for (const way of [socks, connect])
          expect((await fetched(...way, ...login, url)).stdout).toContain('orders-api');
        expect(starts()).toBe(before + 1);

        for (const host of ['localhost:8081', 'example.com']) {
          const refused = await fetched(...connect, ...login, `http://${host}/`);
          expect(refused.stdout).toContain('403');
          // 97 = CURLE_PROXY
          expect((await fetched(...socks, ...login, `http://${host}/`)).code).toBe(97);
        }
        expect(starts()).toBe(before + 1);
        await until(() => stderr().includes('--allow example.com:80   # allows it'));
        expect(stderr().match(/to example\.com:80: only allowed hosts are reached/g)).toHaveLength(1);

        const served = await fetched(`http://${proxy}/proxy.pac`);
        const port = proxy.split(':')[1] ?? '';
        const printed = await cli(
          ['forward', '-D', port, '--allow', 'localhost:8080', '--allow', '*.internal', '--pac'],
          { env: { FARGATE_CONNECT_PROXY_LOGIN: 'me:s3cret' } },
        );
        expect(printed).toMatchObject({ status: 0, stdout: served.stdout });
        expect(printed.stdout).toContain(`return 'PROXY 127.0.0.1:${port}'`);
        expect(printed.stderr).toContain(`http://127.0.0.1:${port}/proxy.pac`);
        expect(stderr() + printed.stderr).not.toContain('s3cret');
      },
      { FARGATE_CONNECT_PROXY_LOGIN: 'me:s3cret' },
    );
    expect(status).toBe(0);
  },
);

test.each([
  [['-D', '1080', '--allow', 'https://a/'], 'a host is expected, not a URL'],
  [['-L', '8080:80', '--allow', 'a'], '--allow is for -D'],
  [['-D', '0', '--pac'], 'port 0 is any free one'],
  [['-L', '8080:80', '--pac'], 'nothing is a proxy here'],
  [['-D', '1', '-D', '2', '--pac'], 'the file is for one proxy, and these are 2'],
  [['-D', '1080', '--pac', '--detach'], '--pac opens nothing'],
])('forward %j is refused before any call', async (args, message) => {
  const before = sandbox().calls.length;
  const result = await cli(['forward', ...args], { env: sandbox().env });
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).toContain(message);
  expect(sandbox().calls.length).toBe(before);
});

test('a login that is none is refused without being shown', async () => {
  const result = await cli(['forward', 'orders-api', '-D', '0', '--cluster', 'demo'], {
    env: { ...sandbox().env, FARGATE_CONNECT_PROXY_LOGIN: 's3cret' },
  });
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).toContain('FARGATE_CONNECT_PROXY_LOGIN takes USER:PASSWORD');
  expect(result.stderr).not.toContain('s3cret');
});

test('a connection of the config file keeps the hosts that are allowed, and a flag replaces them', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'fc-proxy-connection-'));
  try {
    const world = { env: sandbox().env, cwd };
    const added = await cli(
      [
        'config',
        'add',
        'intern',
        '--service',
        'orders-api',
        '-D',
        '1080',
        '--allow',
        '*.internal',
        '--allow',
        '10.0.0.0/16:443',
      ],
      world,
    );
    expect(added.status).toBe(0);
    expect(readFileSync(join(cwd, '.fargate-connect.yaml'), 'utf8')).toMatch(
      /allow:[^]*\*\.internal[^]*10\.0\.0\.0\/16:443/,
    );
    const own = await cli(['forward', 'intern', '--pac'], world);
    expect(own.stdout).toContain("shExpMatch(host, '*.internal')");
    expect(own.stdout).toContain("isInNet(host, '10.0.0.0', '255.255.0.0') && port === 443");
    const replaced = await cli(['forward', 'intern', '--pac', '--allow', 'a.example', '--json'], world);
    const { pac, url } = JSON.parse(replaced.stdout) as { readonly pac: string; readonly url: string };
    expect(url).toBe('http://127.0.0.1:1080/proxy.pac');
    expect(pac).toContain('a.example');
    expect(pac).not.toContain('internal');
    const wrong = await cli(['config', 'add', 'x', '-D', '1081', '--allow', 'http://a'], world);
    expect(wrong).toMatchObject({ status: 2 });
    expect(wrong.stderr).toContain('a host is expected, not a URL');
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
