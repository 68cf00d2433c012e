import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { LoginFiles } from '../../../src/app/database/login-files.ts';
import { PrivateFiles } from '../../../src/app/database/private-files.ts';
import type { ClientConnection } from '../../../src/connect/database/client-setup.ts';
import { CleanupScope } from '../../../src/core/cleanup.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { until } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MINUTE_MS = 60_000;

const CONNECTION: ClientConnection = {
  family: 'postgres',
  remote: { host: 'orders-db.example', port: 5432 },
  local: { host: '127.0.0.1', port: 23_400 },
  user: 'app',
  database: 'orders',
  tls: 'verify',
  caFile: '/ca.pem',
  loginFile: undefined,
  readOnly: false,
};

/** A login whose token is another one each time; `fail` makes the next ones fail. */
async function opened() {
  const scope = new CleanupScope();
  const clock = new FakeClock();
  const events: ToolEvent[] = [];
  const files = new LoginFiles(await PrivateFiles.create(scope), {
    scope,
    clock,
    report: (event) => events.push(event),
    settings: {},
  });
  let signed = 0;
  let isFailing = false;
  const login = {
    user: 'app',
    databaseName: 'orders',
    password: () =>
      isFailing
        ? Promise.reject(new Error('the credentials have expired'))
        : Promise.resolve(`token-${++signed}`),
    expires: true,
  };
  const loginFile = files.pathFor('postgres', login) ?? '';
  await files.keepFresh({ ...CONNECTION, loginFile }, login);
  return {
    scope,
    clock,
    events,
    loginFile,
    fail: (failing: boolean) => {
      isFailing = failing;
    },
    token: () => /token-\d+/.exec(readFileSync(loginFile, 'utf8'))?.[0],
    // The next renewal is scheduled after the file has been written, so that a test that sees the new token can be too early.
    renewed: async (attempt: () => Promise<void>) => {
      await attempt();
      await until(() => clock.pendingTimers === 1);
    },
  };
}

it('a token is replaced every ten minutes, before its 15 minutes are over, as long as the forward is open', async () => {
  const { clock, scope, loginFile, renewed, token } = await opened();
  expect([token(), (statSync(loginFile).mode & 0o777).toString(8)]).toEqual(['token-1', '600']);
  await clock.advance(9 * MINUTE_MS);
  expect(token()).toBe('token-1');
  for (const each of ['token-2', 'token-3', 'token-4']) {
    await renewed(() => clock.advance(10 * MINUTE_MS));
    expect(token()).toBe(each);
  }
  expect((statSync(loginFile).mode & 0o777).toString(8)).toBe('600');
  await scope.close();
  expect([existsSync(loginFile), clock.pendingTimers]).toEqual([false, 0]);
});

it('a token that expired while the machine slept is replaced within a minute after it woke up', async () => {
  const { clock, scope, renewed, token } = await opened();
  await clock.advance(5 * MINUTE_MS);
  clock.sleep(30 * MINUTE_MS);
  expect(token()).toBe('token-1');
  await renewed(() => clock.advance(MINUTE_MS));
  expect(token()).toBe('token-2');
  await scope.close();
});

it('a token that cannot be renewed is told, and the next attempt succeeds', async () => {
  const { clock, events, fail, renewed, scope, token } = await opened();
  fail(true);
  await renewed(() => clock.advance(10 * MINUTE_MS));
  expect(events).toMatchObject([{ code: 'token-not-renewed', level: 'warning' }]);
  expect(token()).toBe('token-1');
  fail(false);
  await renewed(() => clock.advance(10 * MINUTE_MS));
  expect(token()).toBe('token-2');
  await scope.close();
});

it('what a killed run has left is deleted by the next one, and the files of a living one are not', async () => {
  const dead = spawn(process.execPath, ['-e', '0']);
  await new Promise((resolve) => dead.once('exit', resolve));
  const folders = [dead.pid, process.pid].map((pid) =>
    mkdtempSync(join(tmpdir(), `fargate-connect-login-${pid}-`)),
  );
  for (const folder of folders) writeFileSync(join(folder, 'pgpass'), 'canary', { mode: 0o600 });
  const scope = new CleanupScope();
  await PrivateFiles.create(scope);
  expect(folders.map((folder) => existsSync(folder))).toEqual([false, true]);
  await scope.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
