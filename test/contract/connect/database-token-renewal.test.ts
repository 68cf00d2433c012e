import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';

import { TOKEN_CHECK_MS } from '../../../src/app/database/login-files.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { cli } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** `db --iam` for longer than an IAM token is valid, with psql as client and the clock of this process set ahead. */

const sandbox = testSandbox();
beforeAll(() => sandbox().warmUpDatabase('catalog-db'), 120_000);
afterEach(() => void vi.unstubAllGlobals());

const MINUTE_MS = 60_000;

/** Sets the time of day ahead for everything in this process: the signer, the command and the sandbox. */
function movableTime(): (ms: number) => void {
  const Real = Date;
  let ahead = 0;
  const now = (): number => Real.now() + ahead;
  const moved = new Proxy(Real, {
    construct: (target, given: unknown[], newTarget) =>
      Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget) as object,
    get: (target, name, receiver): unknown => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  });
  vi.stubGlobal('Date', moved);
  return (ms) => {
    ahead += ms;
  };
}

/** The time of day, with quick checks of the token's age; all other timers take their time. */
const clock: Clock = {
  now: () => Date.now(),
  // No other timer has this length.
  timer: (ms, fn) => systemClock.timer(ms === TOKEN_CHECK_MS ? 10 : ms, fn),
};

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A new process of psql, which opens a new connection with the environment that `db` has printed. */
const psql = (env: Readonly<Record<string, string>>): Promise<Answer> =>
  new Promise((resolve) => {
    const child = execFile(
      'psql',
      ['-XwAtc', 'select 6*7'],
      { env: { PATH: process.env['PATH'] ?? '', ...env } },
      (_, stdout, stderr) => resolve({ status: child.exitCode ?? -1, text: `${stdout}${stderr}`.trim() }),
    );
  });

const isMissing = onPath('psql') === undefined;
if (isMissing) reportSkip('an IAM token that is renewed, with psql', 'psql is not installed');

it.skipIf(isMissing)(
  'psql opens a new connection 16 minutes later with the token that was renewed in the file of mode 0600',
  async () => {
    const advance = movableTime();
    const signals = new FakeSignals();
    const folder = mkdtempSync(join(tmpdir(), 'database-renewal-'));
    const first = join(folder, 'first');
    let work: Promise<void> | undefined;
    let isConnected = false;
    const session = async (line: string): Promise<void> => {
      const { env } = JSON.parse(line) as { readonly env: Readonly<Record<string, string>> };
      const file = env['PGPASSFILE'] ?? '';
      expect(await psql(env)).toEqual({ status: 0, text: '42' });
      copyFileSync(file, first);
      advance(10 * MINUTE_MS);
      await until(() => readFileSync(file, 'utf8') !== readFileSync(first, 'utf8'));
      advance(6 * MINUTE_MS);
      expect(await psql(env)).toEqual({ status: 0, text: '42' });
      expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
      // The token of the start has expired, so that the connection above was opened with the new one.
      expect(await psql({ ...env, PGPASSFILE: first })).toMatchObject({
        status: 2,
        text: expect.stringContaining('authentication failed') as string,
      });
      isConnected = true;
    };
    const { status, stderr } = await cli(
      ['db', 'catalog-db', '--iam', '--as', 'catalog_app', '--cluster', 'demo', '--port', '0', '--json'],
      {
        env: sandbox().env,
        clock,
        signals,
        onStdout: (text) => {
          work ??= session(text).finally(() => signals.raise('SIGINT'));
          work.catch(() => undefined);
        },
      },
    );
    await work;
    rmSync(folder, { recursive: true, force: true });
    expect([status, stderr]).toEqual([0, stderr]);
    expect(isConnected).toBe(true);
    expect(stderr).not.toContain('token-not-renewed');
  },
  120_000,
);
