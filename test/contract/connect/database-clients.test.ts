import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { createCertificateAuthority } from '../../../src/sandbox/world/certificates.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** What `db` starts the client of each engine with: programs of the same names print it. */

const sandbox = testSandbox();
const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const ADDRESS = '10.0.201.10';
const PORT = 5432;
const PASSWORD = 'p:a"s\\s&';

const folder = mkdtempSync(join(tmpdir(), 'database-clients-'));
const ca = join(folder, 'ca.pem');
const wrongName = join(folder, 'wrong-name');

/** Prints its arguments, its variables, and the files that they name; as `mysql --version` its kind. */
const STAND_IN = `#!${process.execPath}
const fs = require('node:fs');
const [, path, ...args] = process.argv;
if (args[0] === '--version') { console.log('mysql  Ver 8.4.0 for Linux on x86_64'); process.exit(0); }
const files = [...args.join(' ').matchAll(/[^" =(]*fargate-connect-login-[^" )]+/g)].map(([file]) => file);
const named = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PG|MYSQL|SQLCMD|REDIS)/.test(name)));
console.log(JSON.stringify({
  program: path.slice(path.lastIndexOf('/') + 1),
  args: args.map((arg) => arg.replaceAll(/[^" =(]*fargate-connect-login-[^/]+/g, 'PRIVATE')),
  env: named,
  files: files.map((file) => ({ mode: (fs.statSync(file).mode & 0o777).toString(8), text: fs.readFileSync(file, 'utf8') })),
}));
`;
const PROGRAMS = ['mongosh', 'sqlcmd', 'mysql', 'valkey-cli'];

interface Started {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly { readonly mode: string; readonly text: string }[];
}

const authority = createCertificateAuthority('Amazon RDS eu-west-1 Root CA', Date.now());
const certificates = {
  [ca]: authority.issue({ names: [HOST], now: Date.now() }),
  [wrongName]: authority.issue({ names: [HOST.replace('orders', 'billing')], now: Date.now() }),
};
/** A server that speaks TLS from the first byte, as those of DocumentDB and of caches do. */
const serve = (which: string): Promise<() => void> => {
  const pair = certificates[which] ?? certificates[ca];
  const server = createServer({ cert: pair?.certificate ?? '', key: pair?.key ?? '' }, (socket) =>
    socket.on('error', () => undefined),
  );
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const unlisten = sandbox().listen(ADDRESS, PORT, (server.address() as AddressInfo).port);
      resolve(() => {
        unlisten();
        server.close();
      });
    }),
  );
};

beforeAll(async () => {
  writeFileSync(ca, authority.certificate);
  writeFileSync(join(folder, 'stand-in'), STAND_IN, { mode: 0o755 });
  for (const name of PROGRAMS) symlinkSync(join(folder, 'stand-in'), join(folder, name));
  await new SecretsManagerClient(sandboxClients(sandbox().env).config).send(
    new CreateSecretCommand({
      Name: 'test/login',
      SecretString: JSON.stringify({ username: 'app', password: PASSWORD, dbname: 'shop' }),
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const db = (engine: string, flags: readonly string[], command: readonly string[] = []): Promise<CliOutcome> =>
  cli(
    [
      'db',
      '--host',
      `${HOST}:${PORT}`,
      '--engine',
      engine,
      '--service',
      'orders-api',
      '--cluster',
      'demo',
      '--port',
      '24680',
      ...flags,
      ...(command.length === 0 ? [] : ['--', ...command]),
    ],
    { env: { ...sandbox().env, PATH: folder }, clock: systemClock },
  );
const started = async (...args: Parameters<typeof db>): Promise<Started & { readonly stderr: string }> => {
  const { status, stdout, stderr } = await db(...args);
  expect([status, stderr]).toEqual([0, stderr]);
  const all = JSON.parse(stdout) as Started;
  expect(`${stderr}${all.args.join(' ')}`).not.toContain('p:a');
  return { ...all, stderr };
};
const SECRET = ['--secret', 'test/login'];

describe('mongosh', () => {
  let close: () => void = () => undefined;
  beforeAll(async () => {
    close = await serve(ca);
  });
  afterAll(() => close());
  const uri = 'mongodb://app:p%3Aa%22s%5Cs%26@127.0.0.1:24680/shop?directConnection=true&retryWrites=false';

  it('connects with a script of mode 0600 that holds the login of a secret, and shows a prompt', async () => {
    const { program, args, files } = await started('mongodb', [...SECRET, '--ca', ca]);
    expect([program, args]).toEqual(['mongosh', ['--nodb', '--shell', '--eval', 'load("PRIVATE/login.js")']]);
    expect(files).toEqual([
      {
        mode: '600',
        text: `db = connect(${JSON.stringify(`${uri}&authSource=admin&tls=true&tlsCAFile=${encodeURIComponent(ca)}&tlsAllowInvalidHostnames=true`)});\n`,
      },
    ]);
  });

  it('with a script of the person shows no prompt', async () => {
    const { args } = await started('mongodb', SECRET, ['mongosh', '--quiet', '--eval', 'db.orders.count()']);
    expect(args).toEqual([
      '--nodb',
      '--eval',
      'load("PRIVATE/login.js")',
      '--quiet',
      '--eval',
      'db.orders.count()',
    ]);
  });

  it('without a secret asks for the password itself, which is said', async () => {
    const { args, stderr } = await started('mongodb', ['--as', 'app', '--ca', ca]);
    expect(args).toEqual([
      'mongodb://127.0.0.1:24680/?directConnection=true&retryWrites=false',
      '--username',
      'app',
      '--tls',
      '--tlsCAFile',
      ca,
      '--tlsAllowInvalidHostnames',
    ]);
    expect(stderr).toContain('mongosh asks for the password');
  });
});

it('mongosh is not started if the certificate is that of another host', async () => {
  const close = await serve(wrongName);
  const { status, stdout, stderr } = await db('mongodb', [...SECRET, '--ca', ca], ['mongosh']);
  close();
  expect([status, stdout]).toEqual([255, '']);
  expect(stderr).toContain('shows the certificate of another host');
});

it('sqlcmd gets server, login and database in its environment, and its limits are said', async () => {
  const { program, args, env, stderr } = await started('sqlserver', [...SECRET, '--read-only', '--ca', ca]);
  expect([program, args]).toEqual(['sqlcmd', ['-N', '-C']]);
  expect(env).toEqual({
    SQLCMDSERVER: 'tcp:127.0.0.1,24680',
    SQLCMDUSER: 'app',
    SQLCMDPASSWORD: PASSWORD,
    SQLCMDDBNAME: 'shop',
  });
  expect(stderr).toContain('cannot check the certificate over a forward');
  expect(stderr).toContain('can ask for a read-only replica with -K ReadOnly, and nothing else');
});

it("MySQL's own client gets an options file with its options for TLS and for tokens", async () => {
  const { program, args, env, files } = await started('mysql', [...SECRET, '--no-tls']);
  expect([program, args]).toEqual(['mysql', ['--defaults-extra-file=PRIVATE/client.cnf']]);
  expect(env).toEqual({
    MYSQL_HOST: '127.0.0.1',
    MYSQL_TCP_PORT: '24680',
    MYSQL_USER: 'app',
    MYSQL_DATABASE: 'shop',
  });
  const lines = ['host=127.0.0.1', 'port=24680', 'protocol=tcp', 'user="app"', 'password="p:a\\"s\\\\s&"'];
  expect(files).toEqual([
    {
      mode: '600',
      text: `${['[client]', ...lines, 'ssl-mode=DISABLED', '[mysql]', 'database="shop"'].join('\n')}\n`,
    },
  ]);
});

it('valkey-cli comes before redis-cli, and gets its password in the environment', async () => {
  const { program, args, env } = await started('redis', [...SECRET, '--no-tls']);
  expect([program, args]).toEqual(['valkey-cli', ['-h', '127.0.0.1', '-p', '24680', '--user', 'app']]);
  expect(env).toMatchObject({ REDISCLI_AUTH: PASSWORD });
});
