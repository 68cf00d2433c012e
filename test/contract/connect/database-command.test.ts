import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { COMPANY_CA } from '../../support/tls-identity.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** `db` from the id of a database to its client, against the sandbox. */

const run = promisify(execFile);
const sandbox = testSandbox();
const PASSWORD = 'catalog-sandbox-only';

beforeAll(() => sandbox().warmUpDatabase('catalog-db'), 120_000);

const db = (args: readonly string[], signals = new FakeSignals()): Promise<CliOutcome> =>
  cli(['db', '--cluster', 'demo', ...args], {
    env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
    signals,
    clock: systemClock,
  });

/** A program that prints what it was started with: environment, arguments, and the files that it may read. */
const PROBE = `
const fs = require('node:fs');
const of = (file) => file && { text: fs.readFileSync(file, 'utf8'), mode: (fs.statSync(file).mode & 0o777).toString(8) };
console.log(JSON.stringify({ env: process.env, argv: process.argv, login: of(process.env.PGPASSFILE), ca: of(process.env.PGSSLROOTCERT), commandLine: fs.readFileSync('/proc/self/cmdline', 'utf8') }));
process.exit(7);`;

interface Probed {
  readonly env: Readonly<Record<string, string>>;
  readonly login?: { readonly text: string; readonly mode: string };
  readonly ca?: { readonly text: string };
  readonly commandLine: string;
}

const probe = (...args: readonly string[]): Promise<CliOutcome> =>
  db([...args, '--port', '0', '--', process.execPath, '-e', PROBE]);
const probed = ({ stdout }: CliOutcome): Probed => JSON.parse(stdout) as Probed;

describe('the client', () => {
  it('gets host, port, TLS and login, and its exit status is that of db', async () => {
    const outcome = await probe('catalog-db', '--secret');
    expect(outcome.status).toBe(7);
    const { env, login, ca } = probed(outcome);
    expect(env).toMatchObject({
      PGHOST: 'catalog-db.cluster-c1x2y3z4abcd.eu-west-1.rds.amazonaws.com',
      PGHOSTADDR: '127.0.0.1',
      PGUSER: 'catalog',
      PGDATABASE: 'catalog',
      PGSSLMODE: 'verify-full',
    });
    expect(login).toEqual({
      text: `catalog-db.cluster-c1x2y3z4abcd.eu-west-1.rds.amazonaws.com:${env['PGPORT'] ?? ''}:*:catalog:${PASSWORD}\n`,
      mode: '600',
    });
    expect(ca?.text).toContain('BEGIN CERTIFICATE');
  });

  it('finds the password nowhere else, and the file is gone afterwards', async () => {
    const outcome = await probe('catalog-db', '--secret');
    const { commandLine, env } = probed(outcome);
    expect(commandLine).not.toContain(PASSWORD);
    expect(outcome.stderr).not.toContain(PASSWORD);
    expect(existsSync(env['PGPASSFILE'] ?? '')).toBe(false);
    expect(
      readdirSync(tmpdir()).filter((name) => name.startsWith(`fargate-connect-login-${process.pid}-`)),
    ).toEqual([]);
  });

  it('gets a token for the real host with --iam', async () => {
    const { env, login } = probed(await probe('orders-db', '--iam', '--as', 'orders_app'));
    expect(env['PGUSER']).toBe('orders_app');
    expect(login?.text).toMatch(
      /:orders-db\.c1x2y3z4abcd\.eu-west-1\.rds\.amazonaws\.com\\:5432\/\?Action=connect&DBUser=orders_app&/,
    );
  });

  it('reads from a reader endpoint with --read-only', async () => {
    const { env } = probed(await probe('catalog-db', '--read-only'));
    expect(env['PGHOST']).toContain('.cluster-ro-');
    expect(env['PGOPTIONS']).toBe('-c default_transaction_read_only=on');
  });

  it('that does not exist is an error', async () => {
    const outcome = await db(['orders-db', '--port', '0', '--', 'no-such-client']);
    expect(outcome.status).toBe(127);
    expect(outcome.stderr).toContain('no-such-client');
  });

  it('psql logs in and verifies the name of the host', async () => {
    if (onPath('psql') === undefined) {
      reportSkip('psql on a database of the sandbox', 'psql is not installed');
      return;
    }
    const outcome = await db([
      'catalog-db',
      '--secret',
      '--port',
      '0',
      '--',
      'psql',
      '-Atc',
      'select count(*) from products',
    ]);
    expect([outcome.status, outcome.stdout.trim()]).toEqual([0, '60']);
  }, 60_000);

  it('psql is refused with the password of another user', async () => {
    if (onPath('psql') === undefined) return;
    const outcome = await db([
      'catalog-db',
      '--as',
      'nobody',
      '--port',
      '0',
      '--',
      'psql',
      '-w',
      '-Atc',
      'select 1',
    ]);
    expect(outcome.status).toBe(2);
  }, 60_000);
});

describe('with settings in a config file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'database-settings-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const configured = async (lines: readonly string[], ...args: readonly string[]): Promise<Probed['env']> => {
    writeFileSync(
      join(folder, '.fargate-connect.yaml'),
      ['databases:', '  catalog-db:', ...lines.map((line) => `    ${line}`), ''].join('\n'),
    );
    const outcome = await cli(
      ['db', 'catalog-db', '--cluster', 'demo', ...args, '--', process.execPath, '-e', PROBE],
      { env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' }, cwd: folder },
    );
    expect([outcome.status, outcome.stderr]).toEqual([7, outcome.stderr]);
    const { env, login } = probed(outcome);
    return { ...env, LOGIN: login?.text ?? '' };
  };

  it('port, user, login and read-only are those of the file', async () => {
    const env = await configured(['port: 23987', 'user: catalog_app', 'iam: true', 'read-only: true']);
    expect(env).toMatchObject({
      PGPORT: '23987',
      PGUSER: 'catalog_app',
      PGHOST: expect.stringContaining('.cluster-ro-') as string,
      PGOPTIONS: '-c default_transaction_read_only=on',
      LOGIN: expect.stringContaining('Action=connect&DBUser=catalog_app') as string,
    });
  });

  it('flags have precedence, and a login of the file is dropped with one of the flags', async () => {
    const file = ['port: 23987', 'user: catalog_app', 'iam: true', 'read-only: true'];
    const env = await configured(file, '--port', '0', '--secret', '--no-read-only');
    expect(env).toMatchObject({ PGUSER: 'catalog', LOGIN: expect.stringContaining(PASSWORD) as string });
    expect(env['PGPORT']).not.toBe('23987');
    expect(env['PGHOST']).not.toContain('.cluster-ro-');
    expect(env['PGOPTIONS']).toBeUndefined();
    expect(await configured(file, '--port', '0', '--no-iam')).toMatchObject({
      PGUSER: 'catalog_app',
      LOGIN: '',
    });
  });

  it('the secret and the authorities are those of the file', async () => {
    const ca = sandbox().env['FARGATE_CONNECT_DATABASE_CA'] ?? '';
    const copy = join(folder, 'ca.pem');
    writeFileSync(copy, readFileSync(ca));
    const env = await configured(['secret: true', 'ca: ca.pem'], '--port', '0');
    expect(env).toMatchObject({
      PGSSLROOTCERT: copy,
      LOGIN: expect.stringContaining(PASSWORD) as string,
    });
  });
});

describe('without a login', () => {
  const TRUE = ['--port', '0', '--', 'true'];
  const tty = { stdin: true, stdout: true, stderr: true, columns: 120 };

  it.each([
    [
      'catalog-db',
      [],
      'cannot ask\n  --secret   # AWS keeps the password of catalog\n  --iam --as USER   # IAM login is on\n  --as USER with',
    ],
    [
      'catalog-db',
      ['--as', 'app'],
      'as app, and without a terminal the client cannot ask\n  --iam --as USER   # IAM login is on\n  a password in',
    ],
    [
      'billing-db',
      [],
      'cannot ask\n  --secret NAME|ARN   # a secret of Secrets Manager\n  --as USER with a password in PGPASSWORD or ~/.pgpass',
    ],
  ])('%s %j: the logins that it accepts are named', async (id, flags, logins) => {
    const service = id === 'billing-db' ? ['--service', 'billing-worker'] : [];
    const { status, stderr } = await db([id, ...flags, ...service, ...TRUE]);
    expect([status, stderr]).toEqual([0, expect.stringContaining(logins)]);
  });

  it('on a terminal, where the client asks for a password, the other logins are named too', async () => {
    const { stderr } = await cli(['db', 'orders-db', '--cluster', 'demo', ...TRUE], {
      env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
      tty,
    });
    expect(stderr).toContain('and the client asks for it\n  --iam --as USER   # IAM login is on');
  });

  it('nothing is said if the client has a password of its own, or if the engine needs none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'database-pgpass-'));
    const file = join(folder, 'pgpass');
    writeFileSync(file, '*:*:*:catalog:word\n', { mode: 0o600 });
    const env = { ...sandbox().env, PATH: process.env['PATH'] ?? '' };
    for (const own of [{ PGPASSWORD: 'word' }, { PGPASSFILE: file }]) {
      const { stderr } = await cli(['db', 'catalog-db', '--cluster', 'demo', ...TRUE], {
        env: { ...env, ...own },
      });
      expect(stderr).not.toContain('no password is known');
    }
    expect((await db(['sessions-cache', ...TRUE])).stderr).not.toContain('no password is known');
    rmSync(folder, { recursive: true });
  });

  it('the secret that AWS keeps is offered on a terminal', async () => {
    const { status, stdout } = await cli(
      ['db', 'catalog-db', '--yes', '--cluster', 'demo', '--port', '0', '--', process.execPath, '-e', PROBE],
      { env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' }, tty },
    );
    expect([status, stdout]).toEqual([7, expect.stringContaining(`:catalog:${PASSWORD}`)]);
  });
});

describe('a refused token', () => {
  it('is explained', async () => {
    if (onPath('psql') === undefined) {
      reportSkip('psql with a token that is refused', 'psql is not installed');
      return;
    }
    const { status, stderr } = await db([
      'catalog-db',
      '--iam',
      '--as',
      'catalog',
      '--port',
      '0',
      '--',
      'psql',
      '-wAtc',
      'select 1',
    ]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('authentication failed')]);
    expect(stderr).toContain('GRANT rds_iam TO catalog');
  }, 60_000);
});

describe('the local port', () => {
  it('is the same each time, and whoever has it is named', async () => {
    const signals = new FakeSignals();
    const first = await openJson(['orders-db']);
    expect(first.local).toEqual({ host: '127.0.0.1', port: 23_400 });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(23_400, '127.0.0.1', resolve));
    const outcome = await db(['orders-db', '--json'], signals);
    server.close();
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain('local-port-taken');
    expect(outcome.stderr).toContain(`(pid ${process.pid})`);
  });
});

interface Opened {
  readonly local: { readonly host: string; readonly port: number };
  readonly nodes: readonly { readonly remote: string; readonly local: string }[];
  readonly caFile: string | null;
}

/** Stdout is written to once more at the end of a run, and a second Ctrl-C would end it without clean-up. */
function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}

/** Opens without a client, and stops as Ctrl-C does when the line on stdout has arrived. */
async function openJson(args: readonly string[]): Promise<Opened> {
  const signals = new FakeSignals();
  const outcome = await cli(['db', ...args, '--cluster', 'demo', '--json'], {
    env: sandbox().env,
    signals,
    onStdout: once(() => signals.raise('SIGINT')),
  });
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  return JSON.parse(outcome.stdout) as Opened;
}

async function printed(format: string, ...args: readonly string[]): Promise<string> {
  const signals = new FakeSignals();
  const { stdout, status, stderr } = await cli(
    ['db', ...args, '--cluster', 'demo', '--port', '0', '--print', format],
    { env: sandbox().env, signals, onStdout: once(() => signals.raise('SIGINT')) },
  );
  expect([status, stderr]).toEqual([0, stderr]);
  return stdout;
}

describe('forward', () => {
  it.each([
    ['orders-db', 23_400],
    ['0:catalog-reports', undefined],
  ])('-L %s looks the database up', async (spec, port) => {
    const signals = new FakeSignals();
    const outcome = await cli(
      ['forward', '-L', spec, '--cluster', 'demo', '--service', 'orders-api', '--json'],
      {
        env: sandbox().env,
        signals,
        // The forward counts as ready after this event.
        onStdout: once(() => setImmediate(() => signals.raise('SIGINT'))),
      },
    );
    expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
    const ready = JSON.parse(outcome.stdout) as { local: { port: number }; remote: { host: string } };
    expect(ready.remote.host).toContain(spec.replace('0:', ''));
    if (port !== undefined) expect(ready.local.port).toBe(port);
  });
});

describe('without a client', () => {
  it('each node of a cluster has a local port', async () => {
    const { nodes } = await openJson(['flags']);
    expect(nodes).toEqual([
      {
        remote: 'flags-0001-001.a1b2c3.memorydb.eu-west-1.amazonaws.com:6379',
        local: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      },
    ]);
  });

  it.each([
    ['uri', /^postgresql:\/\/orders@127\.0\.0\.1:\d+\/orders\?sslmode=verify-ca&sslrootcert=/],
    [
      'env',
      /^export PGHOST=orders-db\.c1x2y3z4abcd\.eu-west-1\.rds\.amazonaws\.com\nexport PGHOSTADDR=127\.0\.0\.1\n/,
    ],
    ['json', /^\{"type":"database-ready","id":"orders-db",/],
    [
      'dbeaver',
      /^driver=postgresql\|name=orders-db\|folder=fargate-connect\|host=127\.0\.0\.1\|port=\d+\|database=orders\|/,
    ],
    ['jetbrains', /^#DataSourceSettings#\n#LocalDataSource: orders-db\n#BEGIN#\n<data-source /],
    ['vscode', /^\{\n {2}"sqltools\.connections": \[/],
  ])('--print %s describes the connection', async (format, expected) => {
    expect(await printed(format, 'orders-db')).toMatch(expected);
  });
});

describe('psql in another terminal', () => {
  const isMissing = onPath('psql') === undefined;
  if (isMissing) reportSkip('psql with what --print prints', 'psql is not installed');

  /** Runs a shell with what `--print` has printed in $1, while the port is open. */
  async function whileOpen(format: string, script: string): Promise<string> {
    const signals = new FakeSignals();
    let answer: Promise<string> | undefined;
    const outcome = await cli(['db', 'catalog-db', '--cluster', 'demo', '--port', '0', '--print', format], {
      env: sandbox().env,
      clock: systemClock,
      signals,
      onStdout: (text) => {
        answer ??= run('/bin/sh', ['-c', script, 'sh', text.trim()], {
          env: { PATH: process.env['PATH'] ?? '', PGPASSWORD: PASSWORD },
        })
          .then(({ stdout }) => stdout.trim())
          .finally(() => signals.raise('SIGINT'));
        answer.catch(() => undefined);
      },
    });
    expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
    return answer ?? 'nothing was printed';
  }

  it.skipIf(isMissing).each([
    ['uri', 'psql "$1" -XwAtc "select count(*) from products"'],
    ['env', 'eval "$1"; psql -XwAtc "select count(*) from products"'],
  ])(
    'connects with --print %s over verified TLS',
    async (format, script) => {
      expect(await whileOpen(format, script)).toBe('60');
    },
    60_000,
  );
});

describe('without an id', () => {
  const candidatesOf = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { env } = sandbox();
    const outcome = await cli(['db', ...args, '--cluster', 'demo', '--json'], { env });
    expect(outcome.status).toBe(2);
    const line = outcome.stderr.split('\n').find((each) => each.startsWith('{"error"')) ?? '{}';
    const { error } = JSON.parse(line) as { error: { code: string; details: { candidates: string[] } } };
    expect(error.code).toBe('database-needed');
    return error.details.candidates;
  };

  it('names the databases in the order of use, without those that the service does not reach', async () => {
    const ofOrders = await candidatesOf('--service', 'orders-api');
    expect(ofOrders[0]).toBe('orders-db');
    expect(ofOrders).not.toContain('billing-db');
    const ofBilling = await candidatesOf('--service', 'billing-worker');
    expect(ofBilling[0]).toBe('billing-db');
    expect(ofBilling).toContain('orders-db');
  });

  it('shows the missing rule of a database that cannot be chosen, and no value of the task definition', async () => {
    const tty = { stdin: true, stdout: true, stderr: true, columns: 160 };
    const signals = new FakeSignals();
    let screen = '';
    await cli(['db', '--service', 'orders-api', '--cluster', 'demo'], {
      env: { ...sandbox().env, FARGATE_CONNECT_PLAIN: '1' },
      tty,
      signals,
      onStderr: (text) => {
        screen = text;
        if (text.includes('billing-db') && text.includes('flags')) signals.raise('SIGTERM');
      },
    });
    expect(screen).toContain('used by the service');
    expect(screen).toContain('no rule for port 5432 from sg-');
    expect(screen).not.toContain('orders-sandbox-only');
  });
});

describe('refusals', () => {
  it.each([
    [['orders-db', '--iam'], 2, 'user-needed'],
    [['billing-db', '--iam', '--as', 'x'], 2, 'iam-login-off'],
    [['billing-db', '--secret'], 2, 'secret-needed'],
    [['billing-db', '--secret', 'no-such-secret'], 3, 'secret-not-found'],
    [['orders-db', '--ca', '/no/such/file'], 2, 'ca-file-unusable'],
    [['orders-db', '--iam', '--secret'], 2, 'bad-arguments'],
    [['orders-db', '--host', 'h:1'], 2, 'bad-arguments'],
    [['--engine', 'mysql'], 2, 'bad-arguments'],
    [['no-such-db'], 3, 'database-not-found'],
    [[], 2, 'database-needed'],
    [['orders-db', '--print-password'], 2, 'bad-arguments'],
    [['catalog-db', '--secret', '--print-password'], 2, 'input-needed'],
  ])('%j', async (args, status, code) => {
    const outcome = await cli(['db', ...args, '--port', '0', '--json', '--cluster', 'demo'], {
      env: sandbox().env,
    });
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(`"code":"${code}"`)]);
    expect(outcome.stdout).toBe('');
  });

  it('a certificate that the given authority has not signed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'database-ca-'));
    const other = join(folder, 'ca.pem');
    writeFileSync(other, COMPANY_CA);
    const args = ['orders-db', '--port', '0', '--ca', other, '--json', '--cluster', 'demo'];
    const outcome = await cli(['db', ...args], { env: sandbox().env });
    expect([outcome.status, outcome.stderr]).toEqual([1, expect.stringContaining('"code":"tls-untrusted"')]);
    rmSync(folder, { recursive: true });
  });

  it('nothing that reaches the database', async () => {
    const outcome = await cli(
      ['db', 'billing-db', '--service', 'orders-api', '--port', '0', '--json', '--cluster', 'demo'],
      { env: sandbox().env },
    );
    expect([outcome.status, outcome.stderr]).toEqual([1, expect.stringContaining('database-unreachable')]);
    expect(outcome.stderr).toContain('sg-0a0000000000db002');
  });
});

it('--print-password prints the password after a yes', async () => {
  const outcome = await cli(['db', 'catalog-db', '--secret', '--print-password', '--yes'], {
    env: sandbox().env,
  });
  expect([outcome.status, outcome.stdout]).toEqual([0, `${PASSWORD}\n`]);
  expect(outcome.stderr).not.toContain(PASSWORD);
});

it('the documents of the sandbox name the file of authorities', () => {
  expect(statSync(sandbox().env['FARGATE_CONNECT_DATABASE_CA'] ?? '').isFile()).toBe(true);
  expect(readFileSync(sandbox().env['FARGATE_CONNECT_DATABASE_CA'] ?? '', 'utf8')).toContain('CERTIFICATE');
});
