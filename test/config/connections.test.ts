import {
  readFileSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
  existsSync,
  readdirSync,
  symlinkSync,
  lstatSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { CONNECTION_FIELDS, CONNECTION_KINDS } from '../../src/config/config-fields.ts';
import { PROJECT_FILE } from '../../src/config/config-file.ts';
import { configSchema } from '../../src/config/config-schema.ts';
import { addConnection, removeConnection } from '../../src/config/edit-connections.ts';
import { resolveSettings } from '../../src/config/resolve.ts';
import type { Flags } from '../../src/config/settings.ts';
import { parseConfig } from '../../src/config/yaml-config.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fargate-connect-connections-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const parse = (text: string) => parseConfig('/repo/.fargate-connect.yaml', text).connections;

describe('connections of a config file', () => {
  it('have the kind of what they open', () => {
    const text = `connections:
  orders: { db: orders-db, iam: true, user: app, port: 15432, ca: certs/ca.pem }
  search: { host: "search.internal:9200", engine: other }
  web: { forward: [8080:80, 0:db.internal:5432], proxy: 1080, service: orders-api }
  app: { kind: exec, service: orders-api, container: app }
  jump: { kind: shell, bastion: b1 }
`;
    expect(parse(text)).toMatchObject([
      { name: 'orders', kind: 'db', id: 'orders-db', port: 15_432, ca: '/repo/certs/ca.pem' },
      { name: 'search', kind: 'db', host: 'search.internal:9200', engine: 'other' },
      { name: 'web', kind: 'forward', forwards: ['8080:80', '0:db.internal:5432'], proxies: ['1080'] },
      { name: 'app', kind: 'exec', container: 'app', from: '/repo/.fargate-connect.yaml:5' },
      { name: 'jump', kind: 'shell', bastion: 'b1' },
    ]);
  });

  it.each([
    ['connections: orders', 1, 1, 'connections must be a map of names to settings'],
    [
      'connections:\n  "a b": { db: x }',
      2,
      3,
      "'a b' is no name: letters, digits, '.', '_' and '-', at most 64 of them",
    ],
    ['connections:\n  a: x', 2, 3, 'the connection a must be a map of settings, e.g. db: orders-db'],
    [
      'connections:\n  a: { service: x }',
      2,
      3,
      'the connection a opens nothing: it needs db, host, forward, proxy or kind',
    ],
    ['connections:\n  a: { db: x, forward: 1:2 }', 2, 3, 'the connection a opens two things: forward and db'],
    ['connections:\n  a: { kind: db }', 2, 8, 'the connection a of the kind db needs db or host'],
    [
      'connections:\n  a: { kind: exec, forward: 1:2 }',
      2,
      20,
      'forward is no setting of a, which is of the kind exec',
    ],
    ['connections:\n  a: { db: x, host: y:1 }', 2, 15, 'db and host of the connection a are two databases'],
    [
      'connections:\n  a:\n    db: x\n    secret: true\n    iam: true',
      5,
      5,
      'iam and secret of the connection a are two logins',
    ],
    [
      'connections:\n  a: { db: x, via: task, bastion: b }',
      2,
      26,
      'via: task of the connection a uses no bastion, and bastion names one',
    ],
    [
      "connections:\n  a: { forward: 1:2, allow: '*.internal' }",
      2,
      22,
      'allow of the connection a is for a proxy, and it has none',
    ],
    [
      'connections:\n  a: { db: x, via: plane }',
      2,
      15,
      'via of the connection a must be auto, task or bastion',
    ],
    [
      'connections:\n  a: { db: x, port: 70000 }',
      2,
      15,
      'port of the connection a must be a whole number from 0 to 65535',
    ],
    [
      'connections:\n  a: { forward: [] }',
      2,
      8,
      'forward of the connection a must be a forward as after -L, or a list of them',
    ],
    [
      'connections:\n  a: { forward: [[1]] }',
      2,
      8,
      'forward of the connection a must be a forward as after -L, or a list of them',
    ],
  ])('%j is refused with line and column', (text, line, column, message) => {
    expect(() => parse(text)).toThrow(`/repo/.fargate-connect.yaml:${line}:${column}: ${message}`);
  });

  it('name the nearest key for one that does not exist', () => {
    expect(() => parse('connections:\n  a: { db: x, usr: y }')).toThrow(
      expect.objectContaining({
        code: 'config-unknown-key',
        details: expect.objectContaining({ nearest: 'user' }) as unknown,
      }),
    );
  });
});

const settingsOf = async (
  text: string,
  over: { flags?: Flags; names?: string[]; env?: Record<string, string> } = {},
) => {
  writeFileSync(join(folder, PROJECT_FILE), text);
  const streams = { stdinIsTty: true, stdoutIsTty: true, stderrIsTty: true };
  return (await resolveSettings({ flags: {}, env: {}, cwd: folder, ...streams, ...over })).settings;
};

describe('the settings of a run with connections', () => {
  const TWO = `profile: team
cluster: all
connections:
  a: { db: x, profile: p, region: r, cluster: c }
  b: { db: y, profile: q }
`;

  it('are flag, connection, environment, file', async () => {
    const env = { AWS_PROFILE: 'of-env', AWS_REGION: 'of-env' };
    expect(await settingsOf(TWO, { env })).toMatchObject({ profile: 'of-env', region: 'of-env' });
    expect(await settingsOf(TWO, { env, names: ['a'] })).toMatchObject({ profile: 'p', region: 'r' });
    expect(await settingsOf(TWO, { env, names: ['b'] })).toMatchObject({ profile: 'q', region: 'of-env' });
    expect(await settingsOf(TWO, { names: ['a'], flags: { profile: 'f' } })).toMatchObject({ profile: 'f' });
    const { connections } = await settingsOf(TWO);
    expect(connections).toMatchObject([{ cluster: 'c' }, { cluster: 'all' }]);
    expect((await settingsOf(TWO, { flags: { cluster: 'f' } })).connections).toMatchObject([
      { cluster: 'f' },
      { cluster: 'f' },
    ]);
  });

  it('are refused if two connections of one command have different profiles', async () => {
    await expect(settingsOf(TWO, { names: ['a', 'b'] })).rejects.toMatchObject({
      code: 'connections-differ',
      message: 'the connections have different profiles (a: p, b: q)',
      details: { names: ['a', 'b'], key: 'profile' },
    });
    await expect(settingsOf(TWO, { names: ['a', 'b'], flags: { profile: 'f' } })).rejects.toMatchObject({
      message: 'the connections have different regions (a: r, b: not set)',
    });
  });

  it('come from the project, if both files have the name', async () => {
    const own = join(folder, 'xdg', 'fargate-connect');
    addConnection(join(own, 'config.yaml'), 'a', { db: 'mine', user: 'me' }, { overwrite: false });
    addConnection(join(own, 'config.yaml'), 'c', { db: 'mine' }, { overwrite: false });
    const { connections } = await settingsOf(TWO, { env: { XDG_CONFIG_HOME: join(folder, 'xdg') } });
    expect(connections.map(({ name, id, user }) => [name, id, user])).toEqual([
      ['a', 'x', undefined],
      ['c', 'mine', undefined],
      ['b', 'y', undefined],
    ]);
  });
});

describe('the JSON schema for editors', () => {
  const validate = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false }).compile(
    configSchema(),
  );
  const isParsed = (value: unknown): boolean => {
    try {
      parseConfig('/x', stringify(value));
      return true;
    } catch {
      return false;
    }
  };

  it('is the file in the package', () => {
    const file = resolve(import.meta.dirname, '../../docs/config.schema.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(configSchema());
  });

  it('accepts exactly what the parser accepts', () => {
    const values = fc.constantFrom<unknown>(
      'x',
      '',
      'db',
      'exec',
      'forward',
      'shell',
      'task',
      'bastion',
      'auto',
      'redis',
      true,
      false,
      0,
      15_432,
      70_000,
      1.5,
      null,
      [],
      ['1:2', 3],
      [['x']],
      { a: 1 },
    );
    const field = fc.constantFrom(...Object.keys(CONNECTION_FIELDS), 'unknown');
    const isValid = { connections: 0, others: 0 };
    const connection = fc.oneof(
      { weight: 3, arbitrary: fc.dictionary(field, values, { maxKeys: 5 }) },
      // Mostly valid: one thing to open, and settings of the right kinds.
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            fc.constantFrom(
              { db: 'x' },
              { host: 'h:1' },
              { forward: '1:2' },
              { proxy: 1 },
              ...CONNECTION_KINDS.map((kind) => ({ kind })),
            ),
            fc.dictionary(
              fc.constantFrom('service', 'cluster', 'via', 'bastion', 'iam', 'secret', 'port', 'user'),
              fc.constantFrom<unknown>('task', true, 5, 'x'),
              { maxKeys: 3 },
            ),
          )
          .map(([what, more]) => ({ ...what, ...more })),
      },
      { weight: 1, arbitrary: values },
    );
    const name = fc.constantFrom(...Array<string>(20).fill('orders'), 'a b', '-x', 'a'.repeat(65));
    fc.assert(
      fc.property(
        fc.constantFrom('connections', 'connections', 'databases', 'cluster', 'nonsense'),
        name,
        connection,
        values,
        (key, id, map, scalar) => {
          const file =
            key === 'connections' || key === 'databases' ? { [key]: { [id]: map } } : { [key]: scalar };
          const parsed = isParsed(file);
          if (parsed) isValid[key === 'connections' ? 'connections' : 'others']++;
          if (validate(file) !== parsed) expect([validate(file), file]).toEqual([parsed, file]);
        },
      ),
      { seed: 13, numRuns: 1000 },
    );
    expect(isValid.connections).toBeGreaterThan(25);
    expect(isValid.others).toBeGreaterThan(50);
  });
});

describe('config add and remove', () => {
  const FILE = `# of the team
cluster: prod # not test

connections:
  # the web app
  web:
    service: orders-api # of the shop
    forward: 8080:80
`;
  const path = (): string => join(folder, PROJECT_FILE);
  const text = (): string => readFileSync(path(), 'utf8');

  it('keep comments and everything else', () => {
    writeFileSync(path(), FILE);
    addConnection(path(), 'orders', { db: 'orders-db', iam: true }, { overwrite: false });
    expect(text()).toBe(`${FILE}  orders:\n    db: orders-db\n    iam: true\n`);
    removeConnection(path(), 'orders');
    expect(text()).toBe(FILE);
    expect(readdirSync(folder)).toEqual([PROJECT_FILE]);
  });

  it('replace a connection only when told to', () => {
    writeFileSync(path(), FILE);
    expect(() => addConnection(path(), 'web', { db: 'x' }, { overwrite: false })).toThrow(
      expect.objectContaining({ code: 'connection-exists' }),
    );
    expect(text()).toBe(FILE);
    addConnection(path(), 'web', { db: 'x' }, { overwrite: true });
    expect(parseConfig(path(), text()).connections).toMatchObject([{ name: 'web', kind: 'db', id: 'x' }]);
  });

  it.each([
    ['no file', undefined],
    ['an empty file', ''],
    ['a file with a comment only', '# nothing yet\n'],
    ['an empty map on one line', 'connections: {}\n'],
  ])('begin with %s, and leave a file without connections behind', (_, before) => {
    if (before !== undefined) writeFileSync(path(), before);
    addConnection(path(), 'a', { db: 'x' }, { overwrite: false });
    expect(text()).toContain('connections:\n  a:\n    db: x\n');
    removeConnection(path(), 'a');
    expect(parseConfig(path(), text()).connections).toEqual([]);
    if (before?.startsWith('#') === true) expect(text()).toContain('# nothing yet');
  });

  it('change nothing if the connection, or the file, is wrong', () => {
    writeFileSync(path(), FILE);
    expect(() => addConnection(path(), 'a', { db: 'x', forward: '1:2' }, { overwrite: false })).toThrow(
      expect.objectContaining({ code: 'config-value' }),
    );
    expect(text()).toBe(FILE);
    writeFileSync(path(), 'cluster: "open\n');
    expect(() => addConnection(path(), 'a', { db: 'x' }, { overwrite: false })).toThrow(
      expect.objectContaining({ code: 'config-syntax' }),
    );
    expect(() => removeConnection(join(folder, 'none.yaml'), 'a')).toThrow(
      expect.objectContaining({ code: 'connection-not-found' }),
    );
    expect(existsSync(join(folder, 'none.yaml'))).toBe(false);
  });

  it('write through a link', () => {
    writeFileSync(join(folder, 'real.yaml'), FILE);
    symlinkSync(join(folder, 'real.yaml'), path());
    addConnection(path(), 'a', { db: 'x' }, { overwrite: false });
    expect(lstatSync(path()).isSymbolicLink()).toBe(true);
    expect(text()).toContain('  a:\n    db: x\n');
  });
});
