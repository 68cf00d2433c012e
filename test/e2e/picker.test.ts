import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const sandbox = testSandbox();
const DOWN = '\x1b[B';

/** Deleted at the end of the test. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fc-picker-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('the picker, controlled by keystrokes', () => {
  it('goes cluster → service → task → container → shell, with a filter on each list', async () => {
    const picker = new PtyProcess([], { env: sandbox().env });
    await picker.until(/cluster/i);
    await picker.until(/cruddur/);
    await picker.type('demo', /demo/);
    await picker.type('\r', /service/i);
    await picker.until(/billing-worker/);
    await picker.type('orders', /orders-api/);
    await picker.type('\r', /task/i);
    await picker.until(/healthy/i);
    await picker.type('\r', /container/i);
    await picker.until(/envoy/);
    await picker.type('app', /app/);
    await picker.type('\r', /shell/i);
    await picker.type('\r', /[$#] $/);
    await picker.type('echo picked $((40+2))\r', /picked 42\n/);
    picker.write('exit\r');
    expect((await picker.exit()).status).toBe(0);
  });

  it('skips lists with a single choice and goes back on Escape', async () => {
    const picker = new PtyProcess(['connect', '--cluster', 'demo'], { env: sandbox().env });
    await picker.until(/service/i);
    await picker.until(/billing-worker/);
    await picker.type('billing\r', /what now/i);
    const before = picker.text.length;
    picker.write('\x1b');
    await picker.until(/service/i, before);
    picker.write('\x03');
    expect((await picker.exit()).status).toBe(130);
  });

  it('shows an empty list for a filter without matches, and the full list again when the filter is deleted', async () => {
    const picker = new PtyProcess(['connect'], { env: sandbox().env });
    await picker.until(/cruddur/);
    await picker.type('zzz', /zzz/);
    await picker.type('\x7f\x7f\x7f', /cruddur/);
    await picker.type(DOWN, /./);
    picker.write('\x03');
    expect((await picker.exit()).status).toBe(130);
  });
});

describe('a search over all clusters, and the last choice', () => {
  it('finds service/container, shows the command, and repeats the choice', async () => {
    const env = { ...sandbox().env, XDG_STATE_HOME: temporaryFolder() };
    const first = new PtyProcess(['connect', 'orders/app'], { env, columns: 200 });
    await first.until(/orders-api [0-9a-f]{8} +demo/);
    await first.type('\r', /what now/);
    await first.type('\r', /fargate-connect exec orders-api --cluster demo .*--container app/);
    await first.until(/[$#] $/);
    first.write('exit\r');
    expect((await first.exit()).status).toBe(0);
    const again = new PtyProcess(['-'], { env, columns: 200 });
    await again.until(/container app of task [^]*[$#] $/);
    again.write('exit\r');
    expect((await again.exit()).status).toBe(0);
  });
});

describe('a service without running tasks', () => {
  it('can be chosen, and the reasons are printed', async () => {
    const picker = new PtyProcess(['connect', '--cluster', 'demo'], { env: sandbox().env });
    await picker.until(/nightly-reports/);
    await picker.type('nightly', /nightly-reports/);
    await picker.type('\r', /what now[^]*reasons[^]*logs/);
    await picker.type('\r', /Essential container in task exited: reports exit 137 \(out of memory\)/);
    expect((await picker.exit()).status).toBe(0);
  });
});

describe('logs', () => {
  it('can be picked for a container, follow on the terminal, and end with Ctrl-C', async () => {
    const picker = new PtyProcess(['connect', '--cluster', 'demo', '--service', 'billing-worker'], {
      env: sandbox().env,
    });
    await picker.until(/what now/);
    await picker.type('logs', /logs/);
    picker.write('\r');
    const { logs } = sandbox();
    const stream = 'ecs/worker/3c4d5e6f708192a3b4c5d6e7f8091a2b';
    const group = logs.createGroup('/ecs/billing-worker');
    logs.append(logs.createStream(group, stream), 'seen \u001b]0;title\u0007 by the reader');
    await picker.until(/\d\d:\d\d:\d\d\.\d{3} 3c4d5e6f\/worker seen \\x1b\]0;title\\x07 by the reader\n/);
    picker.write('\x03');
    expect((await picker.exit()).status).toBe(130);
  });

  it('end without a message in a pipe that closes early', async () => {
    const shell = new PtyProcess(
      [
        '-c',
        `"$NODE" "$ENTRY" logs billing-worker --cluster demo --since 9d --json | head -n 1; echo "status \${PIPESTATUS[0]}"`,
      ],
      { env: { ...sandbox().env, NODE: process.execPath, ENTRY }, program: 'bash', columns: 600 },
    );
    // 141 where the reader has closed the pipe before all was written.
    await shell.until(/"container":"worker"[^]*status (?:0|141)\n/);
    expect(shell.text).not.toContain('error');
    expect((await shell.exit()).status).toBe(0);
  });
});

describe('without a terminal', () => {
  it('names the missing flag and the candidates, and exits 2', async () => {
    const result = await cli(['connect'], { env: sandbox().env });
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/--cluster/);
    expect(result.stderr).toMatch(/cruddur/);
    expect(result.stdout).toBe('');
  });
});

describe('several accounts', () => {
  it('Ctrl-P changes the profile: the session and the command that is shown are those of the other account', async () => {
    const folder = temporaryFolder();
    const {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
    } = sandbox().env;
    const section = (name: string, region: string): string =>
      `[profile ${name}]\nregion = ${region}\nendpoint_url = ${endpoint}\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`;
    writeFileSync(join(folder, 'config'), section('other', 'us-east-1') + section('main', 'eu-west-1'));
    const env = {
      AWS_CONFIG_FILE: join(folder, 'config'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
      XDG_STATE_HOME: folder,
    };
    const picker = new PtyProcess(['connect', '--profile', 'other'], { env, columns: 160 });
    await picker.until(/cluster/i);
    await picker.type('\x12', /ap-east-1/);
    await picker.type('eu-north-1', /eu-north-1/);
    await picker.type('\r', /no cluster to pick from in .*eu-north-1/);
    await picker.type('\x10', /PROFILE +REGION/i);
    await picker.type('main', /main/);
    await picker.type('\r', /cluster in .*eu-west-1[^]*cruddur/);
    await picker.type('demo', /demo/);
    await picker.type('\r', /billing-worker/);
    await picker.type('billing', /billing-worker/);
    await picker.type('\r', /what now/);
    await picker.type('\r', /fargate-connect exec billing-worker .*--region eu-west-1 --profile main/);
    await picker.until(/[$#] $/);
    picker.write('exit\r');
    expect((await picker.exit()).status).toBe(0);
  });
});

describe('without cursor movement, and without a history', () => {
  it('asks with numbered lists, and keeps nothing', async () => {
    const state = temporaryFolder();
    const env = { ...sandbox().env, XDG_STATE_HOME: state, FARGATE_CONNECT_PLAIN: '1' };
    const picker = new PtyProcess(['connect', '--no-history', '--cluster', 'demo'], { env });
    await picker.until(/1\. [^]*number, text to search[^\n]*: $/);
    await picker.type('nightly\n', /1\. nightly-reports[^]*: $/);
    await picker.type('1\n', /1\. reasons[^]*: $/);
    await picker.type('1\n', /Essential container in task exited/);
    expect((await picker.exit()).status).toBe(0);
    expect(readdirSync(state)).toEqual([]);
  });
});

describe('the screens in docs/picker.md', () => {
  const documented = [
    ...readFileSync(join(import.meta.dirname, '../../docs/picker.md'), 'utf8').matchAll(
      /```\n(\? service in demo[^`]*)```/g,
    ),
  ].map(([, text = '']) => text);

  it.each([
    [80, 24, 0],
    [60, 20, 1],
    [140, 40, 2],
  ])('%i × %i is what the picker shows', async (columns, rows, index) => {
    const env = { ...sandbox().env, XDG_STATE_HOME: temporaryFolder() };
    const picker = new PtyProcess(['connect', '--cluster', 'demo'], { env, columns, rows });
    await picker.until(/billing-worker/);
    picker.write('o');
    // The last drawing, which follows when the tasks are known.
    await picker.until(/service in demo: o[^]*1 unhealthy[^]*\d · \d match/);
    const frame = stripVTControlCharacters(picker.raw.split('\u001b[H').at(-1) ?? '');
    picker.write('\x03');
    await picker.exit();
    const lines = (text: string): readonly string[] =>
      text
        .split('\n')
        .map((line) => line.trimEnd())
        // The page leaves out the empty lines of the largest screen.
        .filter((line) => rows < 40 || line !== '');
    const shown = lines(frame.replaceAll('\r', ''));
    expect(shown).toHaveLength(rows < 40 ? rows : shown.length);
    expect(lines(documented[index] ?? '').slice(0, shown.length)).toEqual(shown);
  });
});
