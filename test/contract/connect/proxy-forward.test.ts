import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
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
): Promise<number> {
  const signals = new FakeSignals();
  let stderr = '';
  const ended = cli(['forward', ...args, '-D', '0'], {
    env: sandbox().env,
    signals,
    clock: systemClock,
    onStderr: (text) => {
      stderr = text;
    },
  });
  const ready = /listening on (127\.0\.0\.1:\d+) → any host/;
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
    });
    expect(status).toBe(0);
    expect((await cli(['down', '--yes'], { env: sandbox().env })).status).toBe(0);
  },
);
