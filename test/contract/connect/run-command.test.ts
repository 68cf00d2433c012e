import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { cli, type CliOutcome, type CliWorld } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** `run`: forwards around one command, against the sandbox. */

const sandbox = testSandbox();

beforeAll(() => sandbox().warmUpDatabase('catalog-db'), 120_000);

const run = (args: readonly string[], world: Partial<CliWorld> = {}): Promise<CliOutcome> =>
  cli(['run', '--cluster', 'demo', ...args], {
    env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
    clock: systemClock,
    ...world,
  });
const node = (script: string): readonly string[] => ['--', process.execPath, '-e', script];

/** Prints the status of a request to the first -L, and the variables that `run` may have set. */
const REQUEST = `
require('node:http').get({ host: '127.0.0.1', port: process.env.FARGATE_CONNECT_PORT_1, path: '/' }, (response) => {
  response.resume();
  console.log(JSON.stringify({ status: response.statusCode, env: process.env }));
  process.exitCode = 7;
});`;

interface Answer {
  readonly status: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Sends PostgreSQL's SSLRequest to the port of PGPORT and prints the answer. */
const POSTGRES = `
const socket = require('node:net').connect(Number(process.env.PGPORT), process.env.PGHOSTADDR, () =>
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
socket.once('data', (answer) => { console.log(answer.toString(), process.env.PGHOST, process.env.PGUSER); socket.destroy(); });`;

describe('the command', () => {
  it('reaches each -L at the port of its variable, and its exit status is that of run', async () => {
    const outcome = await run([
      '--service',
      'orders-api',
      '-L',
      '0:8080',
      '-L',
      '0:orders-db',
      ...node(REQUEST),
    ]);
    expect([outcome.status, outcome.stderr]).toEqual([7, outcome.stderr]);
    const { status, env } = JSON.parse(outcome.stdout) as Answer;
    expect(status).toBe(200);
    expect(Number(env['FARGATE_CONNECT_PORT_2'])).toBeGreaterThan(0);
    expect(env['FARGATE_CONNECT_PORT_2']).not.toBe(env['FARGATE_CONNECT_PORT_1']);
  });

  it('gets what db sets, and -L beside it passes through the same task', async () => {
    const args = ['--service', 'orders-api', '--db', 'orders-db', '--port', '0'];
    const outcome = await run([...args, '-L', '0:8080', ...node(`${POSTGRES}\n${REQUEST}`)]);
    expect([outcome.status, outcome.stderr]).toEqual([7, outcome.stderr]);
    const lines = outcome.stdout.trim().split('\n');
    expect(lines).toContain('S orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com orders');
    const answer = lines.find((line) => line.startsWith('{')) ?? '{}';
    expect(JSON.parse(answer)).toMatchObject({ status: 200 });
  });

  it('has stdout for itself with --json', async () => {
    const args = ['--service', 'orders-api', '-L', '0:8080', '--json'];
    const outcome = await run([...args, ...node(`console.log('only this')`)]);
    expect([outcome.status, outcome.stdout]).toEqual([0, 'only this\n']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('gets %s', async (signal, status) => {
    const signals = new FakeSignals();
    let isRaised = false;
    const outcome = await run(
      [
        '--service',
        'orders-api',
        '-L',
        '0:8080',
        ...node(`console.log('started'); setInterval(() => {}, 1000)`),
      ],
      {
        signals,
        onStdout: () => {
          if (!isRaised) signals.raise(signal);
          isRaised = true;
        },
      },
    );
    expect([outcome.status, outcome.stderr]).toEqual([status, outcome.stderr]);
  });

  it('that does not exist ends with 127, and one that may not be executed with 126', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'run-command-'));
    const file = join(folder, 'not-executable');
    writeFileSync(file, '');
    chmodSync(file, 0o644);
    const through = ['--service', 'orders-api', '-L', '0:8080', '--'];
    expect((await run([...through, join(folder, 'missing')])).status).toBe(127);
    expect((await run([...through, file])).status).toBe(126);
    rmSync(folder, { recursive: true });
  });
});

describe('without a connection the command does not start', () => {
  const started = node(`console.log('started')`);

  it.each([
    [['-L', '0:8080'], 2, 'bad-arguments'],
    [started, 2, 'forward-needed'],
    [['extra', '-L', '0:8080', ...started], 3, 'connection-not-found'],
    [['-L', '0:8080', '--iam', ...started], 2, 'bad-arguments'],
    [['--db', 'orders-db', '--iam', '--secret', ...started], 2, 'bad-arguments'],
    [['--db', 'orders-db', '--via', 'task', '--name', 'x', ...started], 2, 'bad-arguments'],
    [['-L', '0:8080', '--transport', 'plugin', ...started], 2, 'plugin-unsupported'],
    [['--db', 'no-such-db', ...started], 3, 'database-not-found'],
    [
      ['--service', 'orders-api', '--db', 'billing-db', '--port', '0', ...started],
      255,
      'database-unreachable',
    ],
  ])('%j ends with %i', async (args, status, code) => {
    const outcome = await run(['--json', ...args]);
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(`"code":"${code}"`)]);
    expect(outcome.stdout).toBe('');
  });

  it('a port at which nothing listens ends with 255 after 30 seconds, with one error', async () => {
    const outcome = await run(['--service', 'orders-api', '-L', '0:9', ...started]);
    expect([outcome.status, outcome.stderr]).toEqual([
      255,
      expect.stringContaining('localhost:9 refused each connection for 30 s'),
    ]);
    expect(outcome.stderr).not.toContain('warning');
    expect(outcome.stdout).toBe('');
  }, 90_000);
});
