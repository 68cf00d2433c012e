import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ENTRY } from '../support/cli-process.ts';
import { eventually, until } from '../support/eventually.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const run = promisify(execFile);
const sandbox = testSandbox();
let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'fargate-connect-completion-'));
  mkdirSync(join(home, 'bin'));
  const program = `#!/bin/sh\nexec '${process.execPath}' '${ENTRY}' "$@"\n`;
  writeFileSync(join(home, 'bin', 'fargate-connect'), program, { mode: 0o755 });
});

afterAll(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));

/** What bash offers after these words, the last of which is the one under the cursor; `stderr` is what the person sees. */
async function offered(
  words: readonly string[],
  env: Readonly<Record<string, string>> = sandbox().env,
): Promise<readonly string[]> {
  const script = `
    source <(fargate-connect completion bash)
    COMP_WORDS=(fargate-connect "$@"); COMP_CWORD=$#
    _fargate_connect
    (( \${#COMPREPLY[@]} == 0 )) || printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run('bash', ['-c', script, 'bash', ...words], {
    env: { ...env, HOME: home, PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}` },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

const locks = (): readonly string[] =>
  readdirSync(join(home, '.cache', 'fargate-connect', 'completion')).filter((file) => file.endsWith('.lock'));

it('offers the names of AWS once a process in the background has read them', async () => {
  expect(await offered(['exec', '--cluster', 'demo', 'ord'])).toEqual([]);
  const names = await eventually(async () => {
    const found = await offered(['exec', '--cluster', 'demo', 'ord']);
    return found.length > 0 ? found : undefined;
  });
  expect(names).toEqual(['orders-api']);
  await until(() => locks().length === 0);
});

it('offers services with a colon for cp, and files where no service begins like this', async () => {
  const words = ['cp', '--cluster', 'demo', 'ord'];
  expect(
    await eventually(async () => {
      const found = await offered(words);
      return found.length > 0 ? found : undefined;
    }),
  ).toEqual(['orders-api:']);
  expect(await offered(['cp', '--cluster', 'demo', '/etc/host'])).toContain('/etc/hosts');
  expect(await offered(['cp', '--cluster', 'demo', 'orders-api', ':', '/etc/host'])).toEqual([]);
});

it('offers containers of the service on the command line', async () => {
  const words = ['exec', '--cluster', 'demo', 'orders-api', '--container', ''];
  const names = await eventually(async () => {
    const found = await offered(words);
    return found.length > 0 ? found : undefined;
  });
  expect(names).toEqual(['app', 'envoy', 'otel']);
});

it('says nothing where AWS cannot be reached, and asks once only', async () => {
  const env = { ...sandbox().env, AWS_ACCESS_KEY_ID: 'AKIANOBODY', AWS_SECRET_ACCESS_KEY: 'wrong' };
  expect(await offered(['db', ''], env)).toEqual([]);
  await until(() => locks().length === 1);
  const [lock] = locks();
  expect(await offered(['db', ''], env)).toEqual([]);
  expect(locks()).toEqual([lock]);
});
