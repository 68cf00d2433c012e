import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_CONFIG_BYTES, PROJECT_FILE } from '../../src/config/config-file.ts';
import { type ResolveOptions, resolveSettings } from '../../src/config/resolve.ts';

let root: string;
let cwd: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fargate-connect-config-'));
  cwd = join(root, 'team', 'repo', 'deep');
  mkdirSync(cwd, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const resolve = (over: Partial<ResolveOptions> = {}) =>
  resolveSettings({
    flags: {},
    env: {},
    cwd,
    stdinIsTty: true,
    stdoutIsTty: true,
    stderrIsTty: true,
    ...over,
  });

const project = (text: string, folder = join(root, 'team')): string => {
  writeFileSync(join(folder, PROJECT_FILE), text);
  return join(folder, PROJECT_FILE);
};
const user = (text: string): { readonly env: Record<string, string>; readonly path: string } => {
  const folder = join(root, 'xdg', 'fargate-connect');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.yaml'), text);
  return { env: { XDG_CONFIG_HOME: join(root, 'xdg') }, path: join(folder, 'config.yaml') };
};

describe('the order of precedence', () => {
  it('is flag, own variable, common variable, project file, user file; each value has its origin', async () => {
    const projectPath = project('# team\ncluster: from-project\nservice: from-project\n');
    const { env, path } = user('cluster: from-user\nservice: from-user\ncontainer: from-user\n');
    const all = { ...env, ECS_CLUSTER: 'from-ecs', FARGATE_CONNECT_CLUSTER: 'from-own' };
    const seen = async (over: Partial<ResolveOptions>, key: 'cluster' | 'service' | 'container') => {
      const { settings, provenance } = await resolve(over);
      return [settings[key], provenance[key]];
    };
    expect(await seen({ env: all, flags: { cluster: 'from-flag' } }, 'cluster')).toEqual([
      'from-flag',
      '--cluster',
    ]);
    expect(await seen({ env: all }, 'cluster')).toEqual(['from-own', 'FARGATE_CONNECT_CLUSTER']);
    expect(await seen({ env: { ...all, FARGATE_CONNECT_CLUSTER: '' } }, 'cluster')).toEqual([
      'from-ecs',
      'ECS_CLUSTER',
    ]);
    expect(await seen({ env }, 'cluster')).toEqual(['from-project', `${projectPath}:2`]);
    expect(await seen({ env }, 'service')).toEqual(['from-project', `${projectPath}:3`]);
    expect(await seen({ env }, 'container')).toEqual(['from-user', `${path}:3`]);
    expect(await seen({ env, cwd: root }, 'cluster')).toEqual(['from-user', `${path}:1`]);
    expect(await seen({}, 'container')).toEqual([undefined, 'default']);
  });

  it('reads the nearest project file only', async () => {
    project('region: eu-west-1\ncluster: outer\n');
    project('cluster: inner\n', join(root, 'team', 'repo'));
    expect((await resolve()).settings).toMatchObject({ cluster: 'inner', region: undefined });
  });

  it.each([
    [{ AWS_REGION: 'a', AWS_DEFAULT_REGION: 'b' }, 'region', 'a'],
    [{ AWS_DEFAULT_REGION: 'b' }, 'region', 'b'],
    [{ AWS_PROFILE: 'p' }, 'profile', 'p'],
    // As in the AWS CLI (botocore, `profile` of BOTOCORE_DEFAUT_SESSION_VARIABLES).
    [{ AWS_DEFAULT_PROFILE: 'd', AWS_PROFILE: 'p' }, 'profile', 'd'],
    [{ FARGATE_CONNECT_TASK: 't' }, 'task', 't'],
    [{ FARGATE_CONNECT_OUTPUT: 'json' }, 'output', 'json'],
    [{ FARGATE_CONNECT_TRANSPORT: 'plugin' }, 'transport', 'plugin'],
    [{ FARGATE_CONNECT_IAM_PATH: '/team/' }, 'iamPath', '/team/'],
    [{ FARGATE_CONNECT_IAM_PREFIX: 'team-' }, 'iamPrefix', 'team-'],
    [{ FARGATE_CONNECT_YES: '1' }, 'yes', true],
    [{ FARGATE_CONNECT_QUIET: 'true' }, 'quiet', true],
    [{ FARGATE_CONNECT_DEBUG: '0' }, 'debug', false],
    [{ AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, 'endpointUrl', 'http://127.0.0.1:1'],
    [{ FARGATE_CONNECT_PAYLOAD_SIZE: '16384' }, 'payloadSize', 16_384],
    [{}, 'payloadSize', undefined],
    [
      { FARGATE_CONNECT_SSMMESSAGES: 'vpce-1.ssmmessages.eu-west-1.vpce.amazonaws.com' },
      'ssmmessages',
      'wss://vpce-1.ssmmessages.eu-west-1.vpce.amazonaws.com',
    ],
    [{ FARGATE_CONNECT_SSMMESSAGES: 'https://10.0.0.7:8443/' }, 'ssmmessages', 'wss://10.0.0.7:8443'],
  ] as const)('%j sets %s', async (env, key, value) => {
    expect((await resolve({ env })).settings[key]).toBe(value);
  });

  it('has keys in the environment before AWS_PROFILE and a profile from a file, but after --profile', async () => {
    project('profile: prod\nregion: eu-west-1\n');
    expect((await resolve()).settings.profile).toBe('prod');
    const env = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'x' };
    expect((await resolve({ env })).settings).toMatchObject({ profile: undefined, region: 'eu-west-1' });
    expect((await resolve({ env: { ...env, AWS_PROFILE: 'p' } })).settings.profile).toBeUndefined();
    expect(
      (await resolve({ env: { ...env, AWS_PROFILE: 'p' }, flags: { profile: 'f' } })).settings.profile,
    ).toBe('f');
  });

  it.each(['ftp://host', 'https://host/path', 'https://user@host', 'host?x', 'a b'])(
    'rejects %s as the endpoint of the message gateway',
    async (value) => {
      await expect(resolve({ flags: { ssmmessages: value } })).rejects.toMatchObject({
        code: 'environment-value',
        details: { variable: '--ssmmessages' },
      });
    },
  );

  it.each(['127', '32769', '1k', '-5', '1e4'])('rejects a payload size of %s', async (value) => {
    await expect(resolve({ env: { FARGATE_CONNECT_PAYLOAD_SIZE: value } })).rejects.toMatchObject({
      code: 'environment-value',
      details: { takes: expect.stringContaining('from 128 to 32768') as string },
    });
  });

  it('rejects a variable with an unknown value', async () => {
    await expect(resolve({ env: { FARGATE_CONNECT_YES: 'maybe' } })).rejects.toMatchObject({
      code: 'environment-value',
      role: 'usage',
      message: "FARGATE_CONNECT_YES is 'maybe'",
    });
    await expect(resolve({ env: { FARGATE_CONNECT_TRANSPORT: 'ssh' } })).rejects.toMatchObject({
      code: 'environment-value',
      details: { variable: 'FARGATE_CONNECT_TRANSPORT', takes: 'native or plugin' },
    });
    await expect(resolve({ env: { FARGATE_CONNECT_NO_COMPILE_CACHE: 'maybe' } })).rejects.toMatchObject({
      code: 'environment-value',
    });
  });
});

describe('prompts', () => {
  it.each([
    [{}, true],
    [{ flags: { input: false } }, false],
    [{ env: { FARGATE_CONNECT_NO_INPUT: '1' } }, false],
    [{ env: { CI: 'true' } }, false],
    [{ env: { CI: 'false' } }, true],
    [{ stdinIsTty: false }, false],
    [{ stderrIsTty: false }, false],
    [{ stdoutIsTty: false }, true],
  ] as const)('with %j are allowed: %s', async (over, input) => {
    expect((await resolve(over)).settings.input).toBe(input);
  });
});

describe('colours', () => {
  it.each([
    [{}, true, true],
    [{ stdoutIsTty: false }, false, true],
    [{ stderrIsTty: false }, true, false],
    [{ flags: { color: false } }, false, false],
    [{ env: { NO_COLOR: '0' } }, false, false],
    [{ env: { NO_COLOR: '' } }, true, true],
    [{ env: { TERM: 'dumb' } }, false, false],
    [{ env: { FARGATE_CONNECT_NO_COLOR: '1' } }, false, false],
  ] as const)('%j → stdout %s, stderr %s', async (over, out, err) => {
    const resolved = await resolve(over);
    expect([resolved.settings.color, resolved.stderrColor]).toEqual([out, err]);
  });
});

describe('databases', () => {
  it('of both files are merged by id; the project file comes first, and a login is one setting', async () => {
    const path = project('databases:\n  Orders-DB:\n    port: 15432\n    iam: true\n    ca: ca.pem\n');
    const { env, path: own } = user(
      'databases:\n  orders-db: { user: app, secret: true, port: 1 }\n  billing-db: { read-only: true }\n',
    );
    const { settings, provenance } = await resolve({ env });
    expect(settings.databases).toEqual([
      {
        id: 'orders-db',
        port: 15_432,
        user: 'app',
        iam: true,
        secret: undefined,
        readOnly: undefined,
        ca: join(root, 'team', 'ca.pem'),
        from: `${path}:2, ${own}:2`,
      },
      expect.objectContaining({ id: 'billing-db', readOnly: true, from: `${own}:3` }),
    ]);
    expect(provenance.databases).toBe(`${path}:2, ${own}:2, ${own}:3`);
  });
});

describe('an invalid config file', () => {
  it.each([
    ['cluster: a\nclutser: b\n', 'config-unknown-key', `:2:1: unknown key 'clutser'`, { nearest: 'cluster' }],
    [
      'password: x\n',
      'config-unknown-key',
      `:1:1: unknown key 'password'`,
      { nearest: undefined, known: expect.arrayContaining(['profile', 'cluster', 'iam-prefix']) as unknown },
    ],
    ['cluster: [a, b]\n', 'config-value', ':1:1: cluster must be a string', {}],
    ['region: 42\n', 'config-value', ':1:1: region must be a string', {}],
    ['transport: ssh\n', 'config-value', `:1:1: transport 'ssh' is neither native nor plugin`, {}],
    ['databases: orders\n', 'config-value', ':1:1: databases must be a map of database ids to settings', {}],
    [
      'databases:\n  orders-db: app\n',
      'config-value',
      ':2:3: orders-db must be an id with a map of settings, e.g. user: app',
      {},
    ],
    [
      'databases:\n  orders-db:\n    usr: app\n',
      'config-unknown-key',
      `:3:5: unknown key 'usr' of the database orders-db`,
      { nearest: 'user' },
    ],
    [
      'databases:\n  orders-db:\n    secret: true\n    iam: true\n',
      'config-value',
      ':4:5: iam and secret of the database orders-db are two logins',
      {},
    ],
    ['- cluster\n', 'config-value', ':1:1: expected a map of settings, e.g. cluster: my-cluster', {}],
    ['cluster: "open\n', 'config-syntax', ':2:1: missing closing "quote', {}],
    ['cluster: a\ncluster: b\n', 'config-syntax', ':2:1: map keys must be unique', {}],
  ])('%j is reported with file, line and column', async (text, code, message, details) => {
    const path = project(text);
    await expect(resolve()).rejects.toMatchObject({
      role: 'usage',
      code,
      message: `${path}${message}`,
      details,
    });
  });

  it.each([
    ['port: 65536', 'port', 'a whole number from 0 to 65535'],
    ['port: "1"', 'port', 'a whole number from 0 to 65535'],
    ['user: 1', 'user', 'a string'],
    ['iam: "yes"', 'iam', 'true or false'],
    ['secret: false', 'secret', 'true, or the name or ARN of a secret'],
    ['read-only: 1', 'read-only', 'true or false'],
    ['ca:', 'ca', 'the path of a file'],
  ])('%s of a database is of the wrong kind', async (line, key, what) => {
    const path = project(`databases:\n  orders-db:\n    ${line}\n`);
    await expect(resolve()).rejects.toMatchObject({
      code: 'config-value',
      message: `${path}:3:5: ${key} of the database orders-db must be ${what}`,
    });
  });

  it('that is too large is rejected before it is parsed', async () => {
    project('#'.repeat(MAX_CONFIG_BYTES + 1));
    await expect(resolve()).rejects.toMatchObject({ code: 'config-too-large' });
    project('#'.repeat(MAX_CONFIG_BYTES));
    await expect(resolve()).resolves.toBeDefined();
  });

  it('that cannot be read is an error', async () => {
    mkdirSync(join(root, 'team', PROJECT_FILE));
    await expect(resolve()).rejects.toMatchObject({ code: 'config-unreadable' });
  });

  it('that is empty is treated as absent', async () => {
    project('# nothing yet\n');
    expect((await resolve()).settings.cluster).toBeUndefined();
  });
});
