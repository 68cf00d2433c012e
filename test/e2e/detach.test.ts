import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cli, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { until } from '../support/eventually.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** `forward --detach`: the forward outlives its shell, and ends with its supervisor. */

const sandbox = testSandbox();
const folder = mkdtempSync(join(tmpdir(), 'fc-detach-'));
const env = () => ({ ...sandbox().env, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder });
const SPEC = '0:8080';

interface Detached {
  readonly pid: number;
  readonly isNew?: boolean;
  readonly listeners: readonly { readonly local: { readonly port: number }; readonly received: number }[];
}
const list = async (): Promise<readonly Detached[]> => {
  const { stdout, stderr, status } = await cli(['forward', 'list', '--json'], { env: env() });
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as readonly Detached[];
};
const statusOf = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

afterAll(async () => {
  await cli(['forward', 'stop', '--all'], { env: env() });
  rmSync(folder, { recursive: true, force: true });
});

it('stays open when its shell is gone, is told of a second time, and is started anew after kill -9', async () => {
  const command = ['forward', 'orders-api', '--cluster', 'demo', '-L', SPEC, '--detach'];
  const shell = new PtyProcess(['-c', '"$0" "$@"; exec sleep 600', process.execPath, ENTRY, ...command], {
    env: env(),
    program: '/bin/sh',
  });
  await shell.until(/0:8080 stays open in the background/);
  shell.closeTerminal();
  const [forward] = await list();
  const port = forward?.listeners[0]?.local.port ?? 0;
  expect(await statusOf(port)).toBe(200);
  await until(async () => ((await list())[0]?.listeners[0]?.received ?? 0) > 0);

  const taken = await cli(['forward', 'orders-api', '--cluster', 'demo', '-L', `${port}:8080`], {
    env: env(),
  });
  expect([taken.status, taken.stderr]).toEqual([
    1,
    expect.stringContaining(`is taken by fargate-connect (pid ${forward?.pid})`),
  ]);
  expect(taken.stderr).toContain('fargate-connect forward list   # those in the background');

  const again = await cli([...command, '--json'], { env: env() });
  expect([again.status, JSON.parse(again.stdout)]).toEqual([
    0,
    expect.objectContaining({ isNew: false, pid: forward?.pid }),
  ]);

  const pid = execFileSync('ps', ['-o', 'ppid=', '-p', String(forward?.pid)], { encoding: 'utf8' }).trim();
  process.kill(Number(pid), 'SIGKILL');
  expect(await list()).toEqual([]);
  // The forward notices by its pipes that nobody supervises it, and ends its session.
  await until(() => !isAlive(forward?.pid ?? 0));
  const anew = await cli([...command, '--json'], { env: env() });
  expect([anew.status, JSON.parse(anew.stdout)]).toEqual([0, expect.objectContaining({ isNew: true })]);

  const stopped = await cli(['forward', 'stop', SPEC], { env: env() });
  expect([stopped.status, stopped.stderr]).toEqual([0, `stopped: ${SPEC}\n`]);
  await expect(statusOf(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
