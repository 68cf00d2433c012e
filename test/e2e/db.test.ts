import { readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { CliProcess, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** `db` with a client in a real terminal, as one process under a shell. */

const sandbox = testSandbox();
beforeAll(() => sandbox().warmUpDatabase('catalog-db'), 120_000);

const DB = ['db', 'catalog-db', '--cluster', 'demo', '--secret', '--port', '0'];

/** The login files of the processes of these tests; other tests on this machine have processes of their own. */
const loginFolders = (pid: number | string): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`fargate-connect-login-${pid}-`));

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
