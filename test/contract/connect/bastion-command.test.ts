import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testSandbox } from '../../support/test-sandbox.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';

const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

beforeAll(async () => {
  expect(await run('up', '--cluster', 'demo', '--yes')).toMatchObject({ status: 0 });
});
afterAll(() => run('down', '--all', '--yes', '--force'));

describe('shell -- CMD', () => {
  it('keeps stdout and stderr apart and returns the exit status', async () => {
    const outcome = await run('shell', '-q', '--', 'sh', '-c', 'echo out; echo err >&2; echo more; exit 42');
    expect(outcome).toEqual({ status: 42, stdout: 'out\nmore\n', stderr: 'err\n' });
  });

  it('passes arguments exactly as they are', async () => {
    const words = ['two  words', "it's", '$HOME `x` "y"', '', '*', '--name', '\\'];
    const outcome = await run('shell', '-q', '--', 'printf', '[%s]\n', ...words);
    expect(outcome).toEqual({ status: 0, stdout: words.map((word) => `[${word}]\n`).join(''), stderr: '' });
  });

  it('transfers a megabyte on each stream completely', async () => {
    const script =
      'i=0; while [ $i -lt 64 ]; do printf "%016384d" $i; printf "%016384d" $i >&2; i=$((i+1)); done';
    const outcome = await run('shell', '-q', '--', 'sh', '-c', script);
    const expected = Array.from({ length: 64 }, (_, i) => String(i).padStart(16_384, '0')).join('');
    expect(outcome.status).toBe(0);
    expect(outcome.stdout === expected).toBe(true);
    expect(outcome.stderr === expected).toBe(true);
  });

  it('reports a failure for a program that does not exist', async () => {
    const outcome = await run('shell', '--', 'no-such-program');
    expect(outcome.status).toBe(127);
    expect(outcome.stderr).toContain('no-such-program');
  });

  it('passes the first Ctrl-C to the command', async () => {
    const signals = new FakeSignals();
    const script = 'trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.05; done';
    const outcome = cli(['shell', '--', 'bash', '-c', script], {
      env: sandbox().env,
      signals,
      onStdout: (text) => {
        if (text === 'ready\n') signals.raise('SIGINT');
      },
    });
    expect(await outcome).toMatchObject({ status: 3, stdout: 'ready\ncaught\n' });
  });

  it('transfers final bytes that are not valid UTF-8', async () => {
    const outcome = await run(
      'shell',
      '-q',
      '--',
      'sh',
      '-c',
      String.raw`printf 'abc\303'; printf 'def\342\202' >&2`,
    );
    // The in-process streams decode UTF-8; each invalid byte becomes one replacement character.
    expect(outcome).toEqual({ status: 0, stdout: 'abc\uFFFD', stderr: 'def\uFFFD' });
  });

  it('is recorded with masked values, in a file whose hashes fit and which is not overwritten', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-recording-'));
    const file = join(folder, 'shell.cast');
    const words = [
      '--record',
      file,
      '--redact-env',
      'CANARY',
      '--',
      'sh',
      '-c',
      'echo canary-4""711; exit 7',
    ];
    const env = { ...sandbox().env, CANARY: 'canary-4711' };
    const outcome = await cli(['shell', ...words], { env });
    expect(outcome).toMatchObject({ status: 7, stdout: 'canary-4711\n' });
    const [header, ...events] = readFileSync(file, 'utf8').trim().split('\n');
    expect(JSON.parse(header ?? '')).toMatchObject({ version: 2, title: 'shell' });
    expect(events.join('\n')).toContain('[redacted]');
    expect(events.join('\n')).not.toContain('canary-4711');
    const hash = /[0-9a-f]{64}/.exec(outcome.stderr)?.[0] ?? '';
    expect(await run('verify-recording', file, '--hash', hash)).toMatchObject({ status: 0 });
    expect(await cli(['shell', ...words], { env })).toMatchObject({ status: 2, stdout: '' });
    rmSync(folder, { recursive: true });
  });

  it('exits with 255 if a cut has lost output, even when the command ended with 0', async () => {
    const outcome = cli(['shell', '--', 'sh', '-c', 'echo one; sleep 1; echo two'], {
      env: sandbox().env,
      onStdout: () => sandbox().faults.sessions.set('cut-client=after:1ms'),
    });
    expect(await outcome).toMatchObject({
      status: 255,
      stdout: 'one\n',
      stderr: expect.stringMatching(
        /may not arrive[^]*ended with status 0, but not all of its output/,
      ) as string,
    });
    sandbox().faults.sessions.set();
  });

  it('exits with 255 and says why if the session ends without a status', async () => {
    const outcome = cli(['shell', '--', 'sh', '-c', 'echo ready; sleep 1000'], {
      env: sandbox().env,
      onStdout: () => {
        sandbox().faults.sessions.set('refuse-resume=no-token', 'cut-client=after:1');
      },
    });
    expect(await outcome).toMatchObject({
      status: 255,
      stderr: expect.stringContaining('session') as string,
    });
    sandbox().faults.sessions.set();
  });

  it('needs no more permissions than `policy shell` grants', async () => {
    const { stdout } = await run('policy', 'shell');
    const env = sandbox().createPrincipal({ userName: 'shell-only', policies: [JSON.parse(stdout)] });
    const outcome = await cli(['shell', '-q', '--', 'echo', 'allowed'], { env });
    expect(outcome).toEqual({ status: 0, stdout: 'allowed\n', stderr: '' });
  });

  it('refuses to use the plugin, because the plugin would lose stderr and the status', async () => {
    expect(await run('shell', '--transport', 'plugin', '--', 'true')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('neither stderr nor the exit status') as string,
    });
  });
});
