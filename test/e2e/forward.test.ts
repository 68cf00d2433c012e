import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { cli, CliProcess } from '../support/cli-process.ts';
import { ordersDatabase } from '../support/orders-database.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const sandbox = testSandbox();
const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const running: CliProcess[] = [];

afterEach(async () => {
  for (const process of running.splice(0)) {
    process.kill('SIGKILL');
    await process.finished;
  }
});

interface Ready {
  readonly local: { readonly host: string; readonly port: number };
  readonly via: string;
  readonly target: string;
}

async function forward(
  args: readonly string[],
): Promise<{ readonly process: CliProcess; readonly ready: Ready }> {
  const process = new CliProcess(['forward', ...args, '--cluster', 'demo', '--json'], { env: sandbox().env });
  running.push(process);
  const [line] = await process.until('stdout', /\{.*"forward-ready".*\}\n/);
  return { process, ready: JSON.parse(line) as Ready };
}

describe('a forward to the database through a task', () => {
  it('answers SQL, several connections at once, and ends with 0 on Ctrl-C', async () => {
    const { process, ready } = await forward(['orders-api', '-L', `0:${HOST}:5432`, '--via', 'task']);
    expect(ready).toMatchObject({
      via: 'task',
      target: expect.stringMatching(/^ecs:demo_[0-9a-f]{32}_/) as string,
    });
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => ordersDatabase(ready.local.port)));
    const answers = await Promise.all(
      clients.map((client, i) =>
        client.query('SELECT count(*)::int AS orders, $1::int AS who FROM orders', [i]),
      ),
    );
    expect(answers.map((answer) => answer.rows[0] as unknown)).toEqual(
      [0, 1, 2, 3, 4].map((who) => ({ orders: 420, who })),
    );
    const big = await clients[0]?.query(
      "SELECT string_agg(md5(i::text), '') AS text FROM generate_series(1, 30000) i",
    );
    expect(big?.rows[0]).toMatchObject({ text: expect.stringMatching(/^[0-9a-f]{960000}$/) as string });
    await Promise.all(clients.map((client) => client.end()));
    process.kill('SIGINT');
    expect(await process.finished).toMatchObject({ status: 0 });
  });

  const psql = onPath('psql');
  if (psql === undefined) reportSkip('psql through a forward', 'psql is not on PATH');
  it.runIf(psql !== undefined)('works with the real psql', async () => {
    const { ready } = await forward(['orders-api', '-L', `0:${HOST}:5432`, '--via', 'task']);
    const args = ['-h', '127.0.0.1', '-p', String(ready.local.port), '-U', 'orders', '-d', 'orders'];
    const env = { ...process.env, PGPASSWORD: 'orders-sandbox-only', PGSSLMODE: 'disable' };
    const answer = await promisify(execFile)(psql ?? '', [...args, '-Atc', 'SELECT 6*7'], { env });
    expect(answer.stdout).toBe('42\n');
  });

  it('reaches a port of the task itself', async () => {
    const { ready } = await forward(['orders-api', '-L', '0:8080']);
    const answer = await fetch(`http://127.0.0.1:${ready.local.port}/`);
    expect(await answer.json()).toMatchObject({ service: 'orders-api' });
  });
});

describe('a port that is taken', () => {
  let holder: Server | undefined;
  afterEach(() => void holder?.close());

  it('is reported before any call to AWS', async () => {
    holder = createServer();
    await new Promise<void>((done) => holder?.listen(0, '127.0.0.1', done));
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const calls = sandbox().calls.length;
    const result = await cli(
      ['forward', 'orders-api', '-L', `${port}:${HOST}:5432`, '--via', 'task', '--cluster', 'demo'],
      { env: sandbox().env },
    );
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(String(port));
    expect(sandbox().calls.length).toBe(calls);
  });
});
