import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from '../../../src/sandbox/world/certificates.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { REAL_SERVERS, type RealServer } from '../../support/real-servers.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * `db` with servers and clients from Debian: they stand at the addresses of databases in the VPC of the sandbox, with
 * certificates of a private authority that names hosts as RDS does.
 */

const sandbox = testSandbox();
const SECRET = 'test/canary';
/** Nothing else on this machine contains it. */
const PASSWORD = `canary-${randomBytes(8).toString('hex')}-login`;

beforeAll(async () => {
  await new SecretsManagerClient(sandboxClients(sandbox().env).config).send(
    new CreateSecretCommand({
      Name: SECRET,
      SecretString: JSON.stringify({ username: 'orders', password: PASSWORD }),
    }),
  );
});

interface Engine {
  readonly name: keyof typeof REAL_SERVERS;
  readonly client: string;
  readonly host: string;
  readonly privateIp: string;
  readonly port: number;
  readonly flags: readonly string[];
  /** Arguments of the client that print `answer`. */
  readonly query: readonly string[];
  readonly answer: string;
  /** Arguments of a write, and what refuses it with --read-only; undefined = the engine has no read-only session. */
  readonly write: { readonly args: readonly string[]; readonly refusal: RegExp } | undefined;
}

const ZONE = 'c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const ENGINES: readonly Engine[] = [
  {
    name: 'postgres',
    client: 'psql',
    host: `orders-db.${ZONE}`,
    privateIp: '10.0.201.10',
    port: 5432,
    flags: ['--database', 'postgres'],
    query: ['-Atc', "select current_user || ' ' || ssl from pg_stat_ssl where pid = pg_backend_pid()"],
    answer: 'orders true',
    write: { args: ['-c', 'create table t (n int)'], refusal: /read-only transaction/ },
  },
  {
    name: 'mariadb',
    client: 'mysql',
    host: `catalog-db.cluster-${ZONE}`,
    privateIp: '10.0.201.30',
    port: 5432,
    flags: ['--engine', 'mysql', '--database', 'orders'],
    query: [
      '-N',
      '-B',
      '-e',
      "select substring_index(user(), '@', 1), variable_value > '' from information_schema.session_status where variable_name = 'ssl_cipher'",
    ],
    answer: 'orders\t1',
    write: { args: ['-e', 'insert into t values (1)'], refusal: /READ ONLY transaction/ },
  },
  {
    name: 'redis',
    client: 'redis-cli',
    host: 'master.sessions-cache.a1b2c3.euw1.cache.amazonaws.com',
    privateIp: '10.0.201.50',
    port: 6379,
    flags: [],
    query: ['ACL', 'WHOAMI'],
    answer: 'orders',
    write: undefined,
  },
];

/** Lists the processes that have the password in their arguments or environment, besides the program itself. */
const SCAN = `
const fs = require('node:fs');
const canary = ${JSON.stringify(PASSWORD.split('-'))}.join('-');
const has = (path) => { try { return fs.readFileSync(path).includes(canary); } catch { return false; } };
const pids = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid);
console.log(JSON.stringify({
  arguments: [...pids, 'self'].filter((pid) => has('/proc/' + pid + '/cmdline')),
  environments: pids.filter((pid) => has('/proc/' + pid + '/environ')),
}));`;

describe.each(ENGINES)('$name', (engine) => {
  const start = REAL_SERVERS[engine.name];
  const isSkipped = start === undefined || onPath(engine.client) === undefined;
  if (isSkipped) reportSkip(`db with a real ${engine.name}`, 'the server or its client is not installed');
  let server: RealServer | undefined;
  let unlisten: () => void = () => undefined;
  let authority: CertificateAuthority;
  const folder = mkdtempSync(join(tmpdir(), 'database-ca-'));
  const ca = join(folder, 'ca.pem');

  beforeAll(async () => {
    authority = createCertificateAuthority('Amazon RDS eu-west-1 Root CA', Date.now());
    writeFileSync(ca, authority.certificate);
    if (isSkipped || start === undefined) return;
    server = await start({
      certificate: authority.issue({ names: [engine.host], now: Date.now() }),
      ca: authority.certificate,
      password: PASSWORD,
    });
    unlisten = sandbox().listen(engine.privateIp, engine.port, server.port);
  }, 120_000);
  afterAll(async () => {
    unlisten();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const flagsOf = (args: readonly string[]): readonly string[] => [
    'db',
    '--host',
    `${engine.host}:${engine.port}`,
    '--cluster',
    'demo',
    '--service',
    'orders-api',
    '--port',
    '0',
    '--secret',
    SECRET,
    ...engine.flags,
    ...args,
  ];
  const worldOf = () => ({
    env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
    clock: systemClock,
  });
  const db = (args: readonly string[], command: readonly string[]): Promise<CliOutcome> =>
    cli([...flagsOf(args), '--', ...command], worldOf());

  it.skipIf(isSkipped)(
    'answers its client over verified TLS, with the login of a secret',
    async () => {
      const outcome = await db(['--ca', ca], [engine.client, ...engine.query]);
      expect([outcome.status, outcome.stdout.trim(), outcome.stderr]).toEqual([
        0,
        engine.answer,
        outcome.stderr,
      ]);
      expect(outcome.stderr).not.toContain(PASSWORD);
      expect(outcome.stderr).not.toMatch(/warning/i);
    },
    120_000,
  );

  const refused = async (authorities: string, sentence: string): Promise<void> => {
    const outcome = await db(['--ca', authorities], [engine.client, ...engine.query]);
    expect([outcome.status, outcome.stdout]).toEqual([255, '']);
    expect(outcome.stderr).toContain(sentence);
    expect(outcome.stderr).not.toContain('starting');
  };

  it.skipIf(isSkipped)(
    'is refused with another authority, before the client starts',
    async () => {
      const other = join(folder, 'other.pem');
      writeFileSync(other, createCertificateAuthority('other', Date.now()).certificate);
      await refused(other, 'has signed the certificate of');
    },
    120_000,
  );

  it.skipIf(isSkipped)(
    'is refused with a certificate that is not valid for its host or has expired, before the client starts',
    async () => {
      const now = Date.now();
      await server?.present(authority.issue({ names: [`other-db.${ZONE}`], now }));
      await refused(ca, 'shows the certificate of another host');
      await server?.present(authority.issue({ names: [engine.host], now, days: -1 }));
      await refused(ca, 'is not valid at this time');
      await server?.present(authority.issue({ names: [engine.host], now }));
    },
    120_000,
  );

  it.skipIf(isSkipped)(
    'shows the password to its client alone',
    async () => {
      const outcome = await db(['--ca', ca], [process.execPath, '-e', SCAN]);
      const found: unknown = JSON.parse(outcome.stdout);
      expect(found).toEqual({ arguments: [], environments: [] });
      const left = readdirSync(tmpdir()).filter((name) => name.startsWith('fargate-connect-login-'));
      for (const name of left) expect(name).not.toContain(`-${process.pid}-`);
    },
    120_000,
  );

  const { write } = engine;
  if (write === undefined) return;
  it.skipIf(isSkipped)(
    'refuses writes with --read-only',
    async () => {
      const outcome = await db(['--ca', ca, '--read-only'], [engine.client, ...write.args]);
      expect(outcome.status).not.toBe(0);
      expect(outcome.stderr).toMatch(write.refusal);
    },
    120_000,
  );

  if (engine.name !== 'postgres') return;
  /** What psql writes to stderr when it runs the statement over the printed URI; empty if nothing refuses it. */
  const throughUri = async (flags: readonly string[], statement: string): Promise<string> => {
    const signals = new FakeSignals();
    let written: Promise<string> | undefined;
    const outcome = await cli(flagsOf(['--ca', ca, '--print', 'uri', ...flags]), {
      ...worldOf(),
      signals,
      onStdout: (uri) => {
        written ??= promisify(execFile)('psql', [uri.trim(), '-Xw', '-c', statement], {
          env: { PATH: process.env['PATH'] ?? '', PGPASSWORD: PASSWORD },
        })
          .then(
            ({ stderr }) => stderr,
            (error: unknown) => String(error),
          )
          .finally(() => signals.raise('SIGINT'));
      },
    });
    expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
    return written ?? 'nothing was printed';
  };

  it.skipIf(isSkipped)(
    'refuses writes over the URI of --print uri --read-only, and allows them without the flag',
    async () => {
      expect(await throughUri(['--read-only'], 'create table t (n int)')).toMatch(write.refusal);
      expect(await throughUri([], 'create table t (n int)')).toBe('');
    },
    120_000,
  );
});
