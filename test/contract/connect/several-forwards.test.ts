import { get } from 'node:http';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cli } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Several `-L` in one process: each lives and fails for itself, and messages name it. */

const sandbox = testSandbox();
const THROUGH = ['forward', 'orders-api', '--cluster', 'demo', '-L', '0:8080', '-L'];

/** A running forward, its stderr so far, and the local ports that are ready. */
function forwarding(second: string) {
  const signals = new FakeSignals();
  const state = { stderr: '' };
  const ended = cli([...THROUGH, second], {
    env: sandbox().env,
    signals,
    clock: systemClock,
    onStderr: (text) => {
      state.stderr = text;
    },
  });
  return {
    state,
    ended,
    ports: () => [...state.stderr.matchAll(/listening on 127\.0\.0\.1:(\d+) → \S+:(\d+)/g)],
    interrupt: () => signals.raise('SIGINT'),
  };
}

const statusOf = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

const portTo = (matches: readonly RegExpMatchArray[], remote: string): number =>
  Number(matches.find((match) => match[2] === remote)?.[1]);

test('one whose host does not exist fails with a message that names it, and the other one serves', async () => {
  const { state, ended, ports, interrupt } = forwarding('0:no-such-host.internal:5432');
  await until(() => /warning: -L \d+:no-such-host\.internal:5432 has failed: /.test(state.stderr));
  await until(() => ports().some((match) => match[2] === '8080'));
  const port = portTo(ports(), '8080');
  expect(await statusOf(port)).toBe(200);
  const failedPort = Number(/-L (\d+):no-such-host/.exec(state.stderr)?.[1]);
  await expect(statusOf(failedPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  interrupt();
  expect((await ended).status).toBe(0);
});

test('when the last one has failed, the command ends with 1', async () => {
  const { status, stderr } = await cli(
    ['forward', 'orders-api', '--cluster', 'demo', '-L', '0:nowhere-1:1', '-L', '0:nowhere-2:2'],
    { env: sandbox().env, clock: systemClock },
  );
  expect(stderr).toMatch(/-L \d+:nowhere-1:1 has failed: /);
  expect(stderr).toMatch(/-L \d+:nowhere-2:2 has failed: /);
  expect(stderr).toContain('error: all 2 forwards have failed\n');
  expect(status).toBe(1);
});

test('messages about a session name the -L that it belongs to, and both go on', async () => {
  const { state, ended, ports, interrupt } = forwarding('0:orders-db.cluster-internal:1');
  void ended;
  await until(() => ports().some((match) => match[2] === '8080'));
  const port = portTo(ports(), '8080');
  sandbox().faults.sessions.set('cut-client=after:1ms');
  await until(() => state.stderr.includes(`-L ${port}:localhost:8080: session resumed: `));
  sandbox().faults.sessions.set();
  expect(state.stderr).toContain(`-L ${port}:localhost:8080: session interrupted: `);
  expect(await statusOf(port)).toBe(200);
  interrupt();
  await ended;
});

test.each([
  ['0:169.254.170.2:80', '169.254.170.2'],
  ['0:[fe80::1]:80', 'fe80::1'],
])('-L %s warns that programs here can read credentials, and opens', async (spec, host) => {
  const { state, ended, ports, interrupt } = forwarding(spec);
  await until(() => ports().length === 2);
  await until(() => state.stderr.includes(`can read what AWS serves at ${host}, such as credentials`));
  interrupt();
  expect((await ended).status).toBe(0);
});

test('-L to another address does not warn', async () => {
  const { state, ended, ports, interrupt } = forwarding('0:8081');
  await until(() => ports().length === 2);
  interrupt();
  await ended;
  expect(state.stderr).not.toContain('such as credentials');
});
