import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CliProcess, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { until } from '../support/eventually.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** `db` with a client in a real terminal, as one process under a shell. */

const sandbox = testSandbox();
beforeAll(() => sandbox().warmUpDatabase('catalog-db'), 120_000);

const DB = ['db', 'catalog-db', '--cluster', 'demo', '--secret', '--port', '0'];

/** The login files of the processes of these tests; other tests on this machine have processes of their own. */
const loginFolders = (pid: number | string): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`fargate-connect-login-${pid}-`));

const terminated = (): number =>
  sandbox().calls.filter((call) => call.action === 'TerminateSession' && call.outcome === 'ok').length;

/** Runs the program in bash, which says the exit status and whether the settings of the terminal are the same. */
const inBash = (...client: readonly string[]): PtyProcess => {
  const words = [process.execPath, ENTRY, ...DB, '--', ...client].map((word) => `'${word}'`).join(' ');
  const script = `stty -g > before; ${words}; echo "status $?"; stty -g > after; cmp before after && echo unchanged`;
  return new PtyProcess(['-c', script], { env: sandbox().env, program: '/bin/bash' });
};

/** A client that says which file it logs in with and ends on SIGINT and SIGTERM with statuses of its own. */
const WAITING = `
process.on("SIGINT", () => { console.log("caught SIGINT"); process.exit(9); });
process.on("SIGTERM", () => { console.log("caught SIGTERM"); process.exit(10); });
console.log("reads " + process.env.PGPASSFILE + " ready");
setInterval(() => undefined, 1000);`.replaceAll('\n', ' ');

/** The same, and it turns echo off, as a password prompt does. */
const WITHOUT_ECHO = `require("node:child_process").execFileSync("stty", ["-echo"], { stdio: "inherit" }); ${WAITING}`;

describe('db in a real terminal', () => {
  it('passes Ctrl-C to the client, ends with its status, restores the terminal and deletes the login', async () => {
    const shell = inBash(process.execPath, '-e', WITHOUT_ECHO);
    const [, pid = ''] = await shell.until(/reads \S*fargate-connect-login-(\d+)-\S+ ready/);
    shell.write('\x03');
    await shell.until(/caught SIGINT[\s\S]*status 9\n[\s\S]*unchanged/);
    expect((await shell.exit()).status).toBe(0);
    expect(loginFolders(pid)).toEqual([]);
  }, 120_000);

  it.each([
    ['SIGHUP to db', (_: PtyProcess, pid: number) => void process.kill(pid, 'SIGHUP')],
    ['closing the terminal', (shell: PtyProcess) => shell.closeTerminal()],
  ])(
    '%s ends client and session, and deletes the login',
    async (_, hangUp) => {
      const shell = inBash(process.execPath, '-e', WITHOUT_ECHO.replaceAll('SIGTERM', 'SIGHUP'));
      const [, pid = ''] = await shell.until(/reads \S*fargate-connect-login-(\d+)-\S+ ready/);
      expect(loginFolders(pid)).toHaveLength(1);
      const before = terminated();
      hangUp(shell, Number(pid));
      // Without the window of the terminal nothing can be read from it.
      if (hangUp.length === 2) await shell.until(/caught SIGHUP[\s\S]*status 10\n[\s\S]*unchanged/);
      await until(() => !existsSync(`/proc/${pid}`));
      expect([loginFolders(pid), terminated()]).toEqual([[], before + 1]);
    },
    120_000,
  );

  const psql = onPath('psql');
  if (psql === undefined) reportSkip('db with psql in a terminal', 'psql is not on PATH');
  it.runIf(psql !== undefined)(
    'psql answers, drops an unfinished statement on Ctrl-C, and goes on',
    async () => {
      const shell = inBash('psql', '-X', '-P', 'pager=off');
      await shell.until(/catalog=[>#] $/);
      await shell.type('select count(*) from products;\r', /\b60\n/);
      shell.write('select 1 +\r');
      await shell.until(/catalog-[>#] $/);
      await shell.type('\x03', /\^C[\s\S]*catalog=[>#] $/);
      await shell.type('select 6*7 as answer;\r', /\b42\n/);
      shell.write('\\q\r');
      await shell.until(/status 0\n[\s\S]*unchanged/);
    },
    120_000,
  );
});

it('db that is killed leaves a folder for its user alone, and the next db deletes it', async () => {
  const client = `console.log('client ' + process.pid); ${WAITING}`;
  const running = new CliProcess([...DB, '--', process.execPath, '-e', client], { env: sandbox().env });
  const [, child = '', pid = ''] = await running.until(
    'stdout',
    /client (\d+)\n[\s\S]*fargate-connect-login-(\d+)-\S+ ready/,
  );
  running.kill('SIGKILL');
  // The client lives on, without its terminal and its forward.
  process.kill(Number(child), 'SIGKILL');
  await running.finished;
  const [folder = ''] = loginFolders(pid);
  const path = join(tmpdir(), folder);
  const modes = [path, join(path, 'pgpass')].map((each) => (statSync(each).mode & 0o777).toString(8));
  expect(modes).toEqual(['700', '600']);
  await new CliProcess([...DB, '--', 'true'], { env: sandbox().env }).finished;
  expect(loginFolders(pid)).toEqual([]);
}, 120_000);

it('db without a terminal passes SIGTERM to the client, ends with its status, and deletes the login', async () => {
  const running = new CliProcess([...DB, '--', process.execPath, '-e', WAITING], {
    env: sandbox().env,
  });
  const [, pid = ''] = await running.until('stdout', /fargate-connect-login-(\d+)-\S+ ready/);
  expect(loginFolders(pid)).toHaveLength(1);
  running.kill('SIGTERM');
  expect(await running.finished).toMatchObject({
    status: 10,
    stdout: expect.stringContaining('caught SIGTERM') as string,
  });
  expect(loginFolders(pid)).toEqual([]);
}, 120_000);

/**
 * Takes the place of a client. It reads its login as that client does, looks for it in the arguments and environments
 * of all processes and in every file below the home directory and the temporary directory, and prints what it found
 * and the login.
 */
const SCANNING = `#!${process.execPath}
const fs = require('node:fs');
const { basename, join } = require('node:path');
const { PGPASSFILE, REDISCLI_AUTH, HOME, TMPDIR } = process.env;
const text = REDISCLI_AUTH ?? fs.readFileSync(PGPASSFILE, 'utf8').trim();
const login = /X-Amz-Signature=([0-9a-f]+)/.exec(text)?.[1] ?? text.replace(/^.*:/, '');
const has = (path) => { try { return fs.readFileSync(path).includes(login); } catch { return false; } };
const pids = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
const files = [HOME, TMPDIR].flatMap((folder) => fs.readdirSync(folder, { recursive: true }).map((name) => join(folder, name)));
console.log(JSON.stringify({
  login,
  arguments: pids.filter((pid) => has('/proc/' + pid + '/cmdline')).length,
  environments: pids.filter((pid) => has('/proc/' + pid + '/environ') && Number(pid) !== process.pid).length,
  own: has('/proc/self/environ'),
  files: files.filter(has).map((path) => basename(path) + ' ' + (fs.statSync(path).mode & 0o777).toString(8)),
}));
`;

describe('the secret of a login', () => {
  const folder = mkdtempSync(join(tmpdir(), 'database-secret-'));
  const canary = `canary-${randomBytes(8).toString('hex')}-login`;
  beforeAll(async () => {
    for (const client of ['psql', 'redis-cli'])
      writeFileSync(join(folder, client), SCANNING, { mode: 0o755 });
    const secrets = new SecretsManagerClient(sandboxClients(sandbox().env).config);
    const text = JSON.stringify({ username: 'catalog', password: canary });
    await secrets.send(new CreateSecretCommand({ Name: 'test/canary', SecretString: text }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['of a secret, in a file', 'catalog-db', ['--secret', 'test/canary'], 'psql', ['pgpass 600']],
    ['of an IAM token, in a file', 'catalog-db', ['--iam', '--as', 'catalog_app'], 'psql', ['pgpass 600']],
    ['of a secret, in the environment', 'sessions-cache', ['--secret', 'test/canary'], 'redis-cli', []],
  ])(
    '%s is nowhere else: arguments, other environments, files, --debug and --json',
    async (_, id, login, client, files) => {
      const home = mkdtempSync(join(folder, 'home-'));
      const temporary = mkdtempSync(join(folder, 'tmp-'));
      const env = {
        ...sandbox().env,
        PATH: `${folder}:${process.env['PATH'] ?? ''}`,
        HOME: home,
        TMPDIR: temporary,
        XDG_CACHE_HOME: join(home, 'cache'),
        XDG_STATE_HOME: join(home, 'state'),
      };
      const args = ['db', id, '--cluster', 'demo', '--service', 'orders-api', ...login, '--port', '0'];
      const debug = ['--debug', '--json'];
      const outcome = await new CliProcess([...args, ...debug, '--', client], { env }).finished;
      expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
      const found = JSON.parse(outcome.stdout) as { readonly login: string };
      expect(found).toEqual({
        login: login.includes('--iam') ? (expect.stringMatching(/^[0-9a-f]{64}$/) as string) : canary,
        arguments: 0,
        environments: 0,
        own: files.length === 0,
        files,
      });
      expect(outcome.stderr).toContain('"code":"database-ready"');
      expect(outcome.stderr).not.toContain(found.login);
      const left = [home, temporary].flatMap((root) =>
        readdirSync(root, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name)),
      );
      for (const path of left) expect(readFileSync(path, 'utf8'), path).not.toContain(found.login);
      expect(readdirSync(temporary).filter((name) => name.startsWith('fargate-connect-login-'))).toEqual([]);
    },
    120_000,
  );
});
