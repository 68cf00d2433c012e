import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeQuickly } from '../../src/cli/quick-completion.ts';
import { REQUEST } from '../../src/cli/completion-request.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { cacheFolder } from '../../src/config/cache-folder.ts';
import { completionCache } from '../../src/config/completion-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fakeDeps } from '../support/fake-deps.ts';

let home: string;
let env: Readonly<Record<string, string>>;
const clock = new FakeClock();

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'fargate-connect-quick-completion-'));
  env = { HOME: home, AWS_REGION: 'eu-west-1', AWS_CONFIG_FILE: join(home, 'aws') };
  mkdirSync(join(home, '.config', 'fargate-connect'), { recursive: true });
  writeFileSync(
    join(home, '.config', 'fargate-connect', 'config.yaml'),
    'cluster: prod\nconnections:\n  orders-web:\n    forward: 8080:web:80\n    service: orders-api\n',
  );
  writeFileSync(join(home, 'aws'), '[profile dev]\nregion = eu-west-1\n[profile production]\nregion = x\n');
  const cache = completionCache(cacheFolder(env, process.platform), env, () => clock.now());
  const list = { profile: undefined, region: 'eu-west-1', cluster: undefined, service: undefined };
  const at = clock.now();
  cache.write({ ...list, kind: 'clusters' }, { at, items: [{ name: 'prod' }, { name: 'test' }] });
  cache.write({ ...list, kind: 'services', cluster: 'prod' }, { at: at - 600_000, items: [{ name: 'web' }] });
});
afterEach(() => rmSync(home, { recursive: true }));

/** What the quick answer prints and starts. */
async function quick(argv: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const started: (readonly string[])[] = [];
  let text = '';
  const isAnswered = await completeQuickly(argv, {
    env: { ...env, ...variables },
    platform: process.platform,
    cwd: home,
    clock,
    write: (part) => (text += part),
    startDetached: (words) => void started.push(words),
  });
  return { isAnswered, text, started };
}

/** The same of the whole program. */
async function whole(argv: readonly string[]) {
  const started: (readonly string[])[] = [];
  const deps = fakeDeps({ env, cwd: home, startDetached: (words) => void started.push(words) });
  expect(await runCli(argv, deps)).toBe(0);
  return { isAnswered: true, text: deps.terminal.stdout.text, started };
}

describe('the quick answer', () => {
  it.each([
    [['exec', '--cluster', ''], 'prod\ntest\n'],
    [['exec', '--cluster=t'], '--cluster=test\n'],
    [['exec', ''], 'web\n'],
    [['cp', 'w'], 'web:\n'],
    [['logs', '--profile', ''], 'dev\nproduction\n'],
    [['logs', '--region', 'eu-west-'], 'eu-west-1\neu-west-2\neu-west-3\n'],
    [['ord'], 'orders-web\n'],
    [['config', 'remove', ''], 'orders-web\n'],
    [['forward', ''], 'orders-web\nweb\n'],
    [['exec', '--task', ''], ''],
    [['db', ''], ''],
    [['up', '--name', ''], ''],
    [['exec', '--', ''], ''],
  ])('to %j is that of the whole program', async (words, text) => {
    const argv = [...REQUEST, ...words];
    const answer = await quick(argv);
    expect(answer).toEqual(await whole(argv));
    expect(answer).toMatchObject({ isAnswered: true, text });
  });

  it('starts a process that reads an old list', async () => {
    expect(await quick([...REQUEST, 'exec', 'w'])).toEqual({
      isAnswered: true,
      text: 'web\n',
      started: [
        [
          '__complete',
          '--renew',
          'services',
          '--region=eu-west-1',
          '--cluster=prod',
          '--no-input',
          '--quiet',
        ],
      ],
    });
  });
});

describe('the whole program is needed', () => {
  const nothing = { isAnswered: false, text: '', started: [] };

  it.each([
    [['__complete', '--renew', 'clusters']],
    [['__complete', '--', 'exec', '']],
    [['ls', 'clusters']],
  ])('for %j', async (argv) => expect(await quick(argv)).toEqual(nothing));

  it.each([
    ['FARGATE_CONNECT_PROFILE', 'dev,production'],
    ['FARGATE_CONNECT_OUTPUT', 'xml'],
    ['FARGATE_CONNECT_DEBUG', '1'],
  ])('where %s is %s, about which it has something to say', async (name, value) =>
    expect(await quick([...REQUEST, 'exec', '--cluster', ''], { [name]: value })).toEqual(nothing),
  );
});
