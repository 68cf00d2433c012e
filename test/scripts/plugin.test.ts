import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runPluginCommand } from '../../src/connect/plugin/plugin-command.ts';
import {
  findPlugin,
  pluginInvocation,
  runPluginShell,
  startPluginForward,
} from '../../src/connect/plugin/plugin-transport.ts';
import { systemClock } from '../../src/core/clock.ts';
import { SESSION } from '../support/fake-gateway.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
let folder = '';

/** A stub that records how it was called and then runs the given code. */
async function install(version: string, script: string): Promise<Readonly<Record<string, string>>> {
  const path = join(folder, 'session-manager-plugin');
  await writeFile(
    path,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit 0; fi\nprintf '%s\\n' "$@" >"$FOLDER/args"\nprintf '%s' "$AWS_SSM_START_SESSION_RESPONSE" >"$FOLDER/response"\n${script}\n`,
  );
  await chmod(path, 0o755);
  return { PATH: `${folder}:/usr/bin:/bin`, FOLDER: folder };
}

const call = (env: Readonly<Record<string, string>>) => ({
  session: SESSION,
  region: 'eu-west-1',
  profile: undefined,
  target: 'i-1',
  ssmEndpoint: 'https://ssm.eu-west-1.amazonaws.com',
  env,
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fc-plugin-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the official plugin', () => {
  test('a missing plugin is reported with every folder that was searched', async () => {
    await expect(findPlugin({ PATH: '/nowhere:/nothing' })).rejects.toMatchObject({
      code: 'plugin-missing',
      message: expect.stringContaining('/nowhere, /nothing') as string,
    });
  });

  test('newer versions get the token in the environment, older ones on the command line', () => {
    const at = (version: string) => pluginInvocation({ path: 'p', version }, call({ HOME: '/root' }));
    const modern = at('1.2.707.0');
    expect(modern.args).toEqual([
      'AWS_SSM_START_SESSION_RESPONSE',
      'eu-west-1',
      'StartSession',
      '',
      '{"Target":"i-1"}',
      'https://ssm.eu-west-1.amazonaws.com',
    ]);
    const response = modern.env['AWS_SSM_START_SESSION_RESPONSE'] ?? '';
    expect(JSON.parse(response)).toEqual({
      SessionId: SESSION.sessionId,
      TokenValue: SESSION.tokenValue,
      StreamUrl: SESSION.streamUrl,
    });
    expect(modern.args.join(' ')).not.toContain(SESSION.tokenValue);
    for (const version of ['1.2.497.0', '1.2.0.0', '0']) {
      expect(at(version).args[0]).toContain('TokenValue');
      expect(at(version).env['AWS_SSM_START_SESSION_RESPONSE']).toBeUndefined();
    }
    expect(at('1.2.498').args[0]).toBe('AWS_SSM_START_SESSION_RESPONSE');
  });

  test('a forward is ready when the plugin prints that it waits, and is ended with SIGINT', async () => {
    const env = await install(
      '1.2.707.0',
      `trap 'echo interrupted >"$FOLDER/end"; exit 0' INT
echo; echo "Starting session with SessionId: x"; echo "Port 5432 opened for sessionId x."; echo "Waiting for connections..."
while :; do sleep 0.05; done`,
    );
    const plugin = await findPlugin(env);
    expect(plugin.version).toBe('1.2.707.0');
    const forward = await startPluginForward(plugin, call(env), systemClock);
    await forward.stop();
    expect(await readFile(join(folder, 'end'), 'utf8')).toBe('interrupted\n');
    expect(await readFile(join(folder, 'args'), 'utf8')).toContain('StartSession');
    expect(await readFile(join(folder, 'response'), 'utf8')).toContain(SESSION.tokenValue);
  });

  test('a plugin that exits at once is reported with its last line', async () => {
    const env = await install('1.2.707.0', 'echo "Cannot perform start session: EOF"');
    await expect(startPluginForward(await findPlugin(env), call(env), systemClock)).rejects.toMatchObject({
      code: 'plugin-failed',
      message: expect.stringContaining('Cannot perform start session: EOF') as string,
    });
  });

  test('the output and status of a command are extracted from the banner and the markers', async () => {
    const env = await install(
      '1.2.707.0',
      `echo; echo "Starting session with SessionId: x"; printf '\\036${NONCE}:begin/raw/text/base64/pipes\\036'
while IFS= read -r l; do case $l in .*) break;; esac; l=\${l#*:*:*:}; printf %b "\${l%,*}"; done; printf '\\036${NONCE}:exit/9\\036\\036${NONCE}:end\\036'; exec sleep 30`,
    );
    const terminal = fakeTerminal();
    const done = runPluginCommand({
      plugin: await findPlugin(env),
      call: call(env),
      nonce: NONCE,
      readStdin: true,
      terminal,
      signal: new AbortController().signal,
      clock: systemClock,
    });
    terminal.stdin.end('bytes in');
    expect(await done).toBe(9);
    expect(terminal.stdout.text).toBe('bytes in');
  });

  test('a plugin that exits first is a transport error', async () => {
    const env = await install('1.2.707.0', 'echo "Session: x timed out."');
    const run = runPluginCommand({
      plugin: await findPlugin(env),
      call: call(env),
      nonce: NONCE,
      readStdin: false,
      terminal: fakeTerminal(),
      signal: new AbortController().signal,
      clock: systemClock,
    });
    await expect(run).rejects.toMatchObject({
      code: 'exec-not-started',
      role: 'transport',
      message: expect.stringContaining('timed out') as string,
    });
  });

  test('a crash of a shell is an error, and its normal end is not', async () => {
    const good = await install('1.2.707.0', 'exit 0');
    await runPluginShell(await findPlugin(good), call(good), new AbortController().signal);
    const bad = await install('1.2.707.0', 'exit 2');
    await expect(
      runPluginShell(await findPlugin(bad), call(bad), new AbortController().signal),
    ).rejects.toMatchObject({ code: 'plugin-failed' });
  });
});
