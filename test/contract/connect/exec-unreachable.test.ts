import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * The exit status of a command whose session cannot begin: 255 means that the connection failed and the status of the
 * command is not known; 2, 3 and 4 keep their meaning.
 */

const sandbox = testSandbox();

/** Answers every request, CONNECT included, with 407, in plain HTTP. */
let proxy: Server;
beforeAll(async () => {
  proxy = createServer((_, response) => response.writeHead(407).end());
  proxy.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterAll(() => proxy.close());
const proxyAddress = (): string => `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

const CASES: readonly {
  readonly kind: string;
  readonly code: string;
  readonly env: () => Readonly<Record<string, string>>;
}[] = [
  {
    kind: 'a name that DNS does not know',
    code: 'aws-unreachable',
    env: () => ({ AWS_ENDPOINT_URL: 'http://aws.invalid' }),
  },
  { kind: 'a closed port', code: 'aws-unreachable', env: () => ({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }) },
  {
    kind: 'a server without TLS',
    code: 'tls-failed',
    env: () => ({ AWS_ENDPOINT_URL: `https://${proxyAddress()}` }),
  },
  {
    kind: 'a proxy that wants a password',
    code: 'proxy-refused',
    env: () => ({ AWS_ENDPOINT_URL: 'https://aws.invalid', HTTPS_PROXY: `http://${proxyAddress()}` }),
  },
  {
    kind: 'a proxy that cannot be reached',
    code: 'proxy-unreachable',
    env: () => ({ AWS_ENDPOINT_URL: 'https://aws.invalid', HTTPS_PROXY: 'http://127.0.0.1:1' }),
  },
];

/** The account of the sandbox behind an endpoint that does not work; one attempt for each call. */
async function run(args: readonly string[], more: Readonly<Record<string, string>>) {
  const env = { ...sandbox().env, AWS_MAX_ATTEMPTS: '1', ...more };
  const { status, stdout, stderr } = await cli([...args], { env });
  return {
    status,
    stdout,
    code: /"code":"([a-z-]+)"/.exec(
      stderr.split('\n').findLast((line) => line.includes('"error"')) ?? '',
    )?.[1],
  };
}

describe.each(CASES)('$kind', ({ code, env }) => {
  it.each([
    [['exec', 'orders-api', '--cluster', 'demo', '--json', '--', 'true']],
    [['exec', 'orders-api', '--cluster', 'demo', '--all', '--json', '--', 'true']],
    [['shell', '--json', '--', 'true']],
  ])('%j ends with 255', async (args) => {
    expect(await run(args, env())).toEqual({ status: 255, stdout: '', code });
  });

  it('ls ends with 1', async () => {
    const { status, code: found } = await run(['ls', 'clusters', '--json'], env());
    expect([status, found]).toEqual([1, code]);
  });
});

it('usage, names that match nothing, and missing permissions keep their status', async () => {
  const command = ['--json', '--', 'true'];
  const nobody = sandbox().createPrincipal({ userName: 'nobody', policies: [] });
  expect(await run(['exec', '--no-input', ...command], {})).toMatchObject({
    status: 2,
    code: 'service-needed',
  });
  expect(await run(['exec', 'web', '--cluster', 'none', ...command], {})).toMatchObject({
    status: 3,
    code: 'cluster-not-found',
  });
  expect(await run(['shell', '--name', 'none', ...command], {})).toMatchObject({
    status: 3,
    code: 'no-bastion',
  });
  expect(await run(['exec', 'web', '--cluster', 'demo', ...command], nobody)).toMatchObject({
    status: 4,
    code: 'access-denied',
  });
});
