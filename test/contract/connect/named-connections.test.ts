import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Connections of a config file, opened by their names. */

const sandbox = testSandbox();
let cwd: string;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'named-connections-'));
  writeFileSync(
    join(cwd, '.fargate-connect.yaml'),
    `connections:
  web: { service: orders-api, cluster: demo, forward: 0:8080 }
  orders: { db: orders-db, service: orders-api, cluster: demo, port: 0 }
  app: { kind: exec, service: orders-api, cluster: demo, container: app }
  wrong: { forward: "1:2:3:4:5", cluster: demo }
  reports: { db: catalog-db, service: orders-api, cluster: demo, port: 0, read-only: true }
  sessions: { db: sessions-cache, service: orders-api, cluster: demo, port: 0, read-only: true }
`,
  );
  await sandbox().warmUpDatabase('orders-db');
}, 120_000);
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const world = () => ({
  env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
  clock: systemClock,
  cwd,
});
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, world());

interface Ready {
  readonly connection: string;
  readonly local: { readonly port: number };
}

/** Runs until as many listeners are ready, passes them on, and ends it as Ctrl-C does. */
async function forwarding(
  count: number,
  args: readonly string[],
  use: (ready: readonly Ready[]) => Promise<void>,
): Promise<CliOutcome> {
  const signals = new FakeSignals();
  let isUsed = false;
  let used: Promise<void> = Promise.resolve();
  const outcome = await cli(args, {
    ...world(),
    signals,
    onStdout: (text) => {
      const lines = text.split('\n').slice(0, -1);
      if (lines.length < count || isUsed) return;
      isUsed = true;
      used = use(lines.map((line) => JSON.parse(line) as Ready)).finally(() => signals.raise('SIGINT'));
    },
  });
  await used;
  return outcome;
}

const statusOf = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

/** Resolves when the server has answered to an SSLRequest. */
const answerOfPostgres = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from('0000000804d2162f', 'hex')));
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });

it.each([
  ['forward', ['forward', 'web', 'orders', '--json'], ['orders', 'web']],
  ['its name alone', ['web', '--json'], ['web']],
  ['its name after flags', ['--json', 'web'], ['web']],
])('are opened by %s, and each ready line has the name', async (_, args, names) => {
  let status: number | undefined;
  const outcome = await forwarding(names.length, args, async (ready) => {
    expect(ready.map(({ connection }) => connection).sort()).toEqual(names);
    const web = ready.find(({ connection }) => connection === 'web');
    status = await statusOf(web?.local.port ?? 0);
  });
  expect([outcome.status, status, outcome.stderr]).toEqual([0, 200, outcome.stderr]);
});

it('are opened for a command by run, with the variables of the database and of the forwards', async () => {
  const script = `console.log([process.env.PGUSER, Number(process.env.FARGATE_CONNECT_PORT_1) > 0])`;
  const outcome = await run('run', 'orders', 'web', '--', process.execPath, '-p', script);
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  expect(outcome.stdout).toContain(`[ 'orders', true ]`);
});

it('are opened by db, with the flags of the command line before the settings of the file', async () => {
  const outcome = await run(
    'db',
    'orders',
    '--as',
    'auditor',
    '--',
    process.execPath,
    '-p',
    'process.env.PGUSER',
  );
  expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([0, 'auditor\n', outcome.stderr]);
});

it('with read-only begin read-only sessions on the reader endpoint, unless a flag says otherwise', async () => {
  const script = '[process.env.PGHOST.includes(".cluster-ro-"), process.env.PGOPTIONS].join(" ")';
  const print = ['--', process.execPath, '-p', script];
  const readOnly = await run('db', 'reports', ...print);
  expect(readOnly.stdout).toBe('true -c default_transaction_read_only=on\n');
  expect(readOnly.stderr).toContain('the session can switch read-only off again');
  expect((await run('db', 'reports', '--no-read-only', ...print)).stdout).toBe('false \n');
  const forwarded = await forwarding(1, ['forward', 'reports', '--json'], (ready) => {
    expect(ready[0]).toMatchObject({ remote: { host: expect.stringContaining('.cluster-ro-') as string } });
    return answerOfPostgres(ready[0]?.local.port ?? 0);
  });
  expect([forwarded.status, forwarded.stderr]).toEqual([0, forwarded.stderr]);
});

it('with read-only on an engine without such sessions say what protects the data', async () => {
  const { status, stderr } = await run('db', 'sessions', '--no-tls', '--', 'true');
  expect([status, stderr]).toEqual([
    0,
    expect.stringContaining('a reader endpoint refuses writes, and nothing else does'),
  ]);
});

it('are opened by exec if they are a container', async () => {
  const outcome = await run('app', '--', 'echo', 'here');
  expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([0, 'here\n', outcome.stderr]);
});

it.each([
  [['forward', 'wbe'], 3, "no connection is called 'wbe'", 'did you mean web?'],
  [['wbe'], 2, "unknown command 'wbe'", 'did you mean web'],
  [['db', 'web'], 2, 'the connection web is of the kind forward', 'fargate-connect forward web'],
  [['forward', 'app'], 2, 'the connection app is of the kind exec', 'fargate-connect app'],
  [['forward', 'wrong'], 2, '.fargate-connect.yaml:5: cannot read 1:2:3:4:5', '-L LOCAL:PORT'],
  [['forward', 'a', 'b', '-L', '1:2'], 2, 'a and b: with -L, -D or --stdio there is one service', ''],
  [['run', 'echo', 'x'], 2, 'a command comes after --', 'fargate-connect run -- echo x'],
  [['run', 'orders', '--db', 'catalog-db', '--', 'true'], 2, '--db catalog-db and orders', ''],
])('%j ends with %i and says why', async (args, status, message, advice) => {
  const outcome = await run(...args);
  expect([outcome.status, outcome.stdout]).toEqual([status, '']);
  expect(outcome.stderr).toContain(message);
  expect(outcome.stderr).toContain(advice);
});
