import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { candidates, type CompletionQuery } from '../../../src/app/completion/candidates.ts';
import { renewList } from '../../../src/app/completion/renew-list.ts';
import { completionCache, type CompletionList } from '../../../src/config/completion-cache.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const SECRET = 'wJalrXUtnFEMI';
const env = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: SECRET };
const settings = {};

let folder: string;
let clock: FakeClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fargate-connect-completion-'));
  clock = new FakeClock();
});
afterEach(() => rmSync(folder, { recursive: true }));

const cacheOf = (variables: Readonly<Record<string, string>> = env) =>
  completionCache(folder, variables, () => clock.now());

const query = (over: Partial<CompletionQuery>): CompletionQuery => ({
  kind: 'services',
  prefix: '',
  profile: undefined,
  region: undefined,
  cluster: undefined,
  service: undefined,
  task: undefined,
  ...over,
});

const services: CompletionList = {
  kind: 'services',
  profile: undefined,
  region: undefined,
  cluster: undefined,
  service: undefined,
};

/** The candidates, and the lists whose renewal was asked for. */
async function ask(over: Partial<CompletionQuery>, variables: Readonly<Record<string, string>> = env) {
  const renewed: CompletionList[] = [];
  const cache = cacheOf(variables);
  const names = await candidates(query(over), cache, { clock, env: variables }, (list) => renewed.push(list));
  return { names, renewed };
}

const store = (list: CompletionList, ...names: readonly string[]): void =>
  cacheOf().write(list, { at: clock.now(), items: names.map((name) => ({ name })) });

describe('a list', () => {
  it('that was never read gives nothing and is renewed', async () => {
    expect(await ask({})).toEqual({ names: [], renewed: [services] });
  });

  it('that is fresh is not renewed; one of five minutes is shown and renewed; one of a day is forgotten', async () => {
    store(services, 'web', 'orders-api', 'orders-worker');
    expect(await ask({ prefix: 'orders' })).toEqual({ names: ['orders-api', 'orders-worker'], renewed: [] });
    await clock.advance(5 * 60_000);
    expect(await ask({ prefix: 'w' })).toEqual({ names: ['web'], renewed: [services] });
    await clock.advance(24 * 60 * 60_000);
    expect(await ask({})).toEqual({ names: [], renewed: [services] });
  });

  it('belongs to one profile, region, cluster, access key and endpoint', async () => {
    store(services, 'web');
    const others: readonly Partial<CompletionQuery>[] = [
      { profile: 'p' },
      { region: 'eu-west-1' },
      { cluster: 'prod' },
    ];
    for (const other of others) expect((await ask(other)).names).toEqual([]);
    expect((await ask({}, { ...env, AWS_ACCESS_KEY_ID: 'AKIAOTHER' })).names).toEqual([]);
    expect((await ask({}, { ...env, AWS_ENDPOINT_URL_ECS: 'http://127.0.0.1:1' })).names).toEqual([]);
    expect((await ask({})).names).toEqual(['web']);
  });

  it('is a file that only its owner can read, without a secret', () => {
    store(services, 'web');
    const [file = ''] = readdirSync(join(folder, 'completion'));
    expect(statSync(join(folder, 'completion', file)).mode & 0o777).toBe(0o600);
    expect(`${file}${readFileSync(join(folder, 'completion', file), 'utf8')}`).not.toMatch(/AKIA|wJalr/);
  });

  it.each(['', 'null', '{"at":1}', '{"at":1e15,"items":[{"name":3},{"name":"x","containers":7}]}'])(
    'whose file has the content %j counts as empty',
    async (text) => {
      store(services, 'web');
      const [file = ''] = readdirSync(join(folder, 'completion'));
      writeFileSync(join(folder, 'completion', file), text);
      expect((await ask({})).names).toEqual([]);
    },
  );
});

describe('containers', () => {
  it('are those of the tasks whose id starts as typed', async () => {
    cacheOf().write(
      { ...services, kind: 'tasks', service: 's' },
      {
        at: clock.now(),
        items: [
          { name: '1f0e', containers: ['app', 'envoy'] },
          { name: '2a3b', containers: ['app', 'cron'] },
        ],
      },
    );
    const asked = { kind: 'containers', service: 's' } as const;
    expect((await ask(asked)).names).toEqual(['app', 'cron', 'envoy']);
    expect((await ask({ ...asked, task: '1f' })).names).toEqual(['app', 'envoy']);
  });
});

describe('names from files and of regions', () => {
  it('need no list; names that a shell would expand are left out', async () => {
    const config = join(folder, 'config');
    writeFileSync(
      config,
      ['profile prod', 'profile "pr$(reboot)"', 'profile "p d"', 'sso-session prime']
        .map((section) => `[${section}]\nregion = eu-west-1\n`)
        .join(''),
    );
    const variables = { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none') };
    expect(await ask({ kind: 'profiles', prefix: 'p' }, variables)).toEqual({ names: ['prod'], renewed: [] });
    expect((await ask({ kind: 'regions', prefix: 'eu-west-' })).names).toEqual([
      'eu-west-1',
      'eu-west-2',
      'eu-west-3',
    ]);
  });
});

describe('the lock', () => {
  beforeEach(() => {
    // Locks are as old as their files.
    clock = new FakeClock(Date.now());
  });

  it('belongs to one process, and ends after half a minute', async () => {
    expect(cacheOf().lock(services)).toBe(true);
    expect(cacheOf().lock(services)).toBe(false);
    expect((await ask({})).renewed).toEqual([]);
    await clock.advance(31_000);
    expect((await ask({})).renewed).toEqual([services]);
    expect(cacheOf().lock(services)).toBe(true);
  });

  it('stays after a failed renewal, and the old list too', async () => {
    store(services, 'web');
    await clock.advance(6 * 60_000);
    const account = () => Promise.reject(new Error('no credentials'));
    const cache = completionCache(folder, env, () => Date.now());
    await renewList(services, cache, { account, clock, settings, signal: new AbortController().signal });
    expect(cache.isLocked(services)).toBe(true);
    expect((await ask({})).names).toEqual(['web']);
  });

  it('is not given in a folder that cannot be written', () => {
    writeFileSync(join(folder, 'completion'), '');
    expect(cacheOf().lock(services)).toBe(false);
    store(services, 'web');
    expect(cacheOf().read(services)).toBeUndefined();
  });
});
