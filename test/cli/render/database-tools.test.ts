import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import type { OpenDatabase } from '../../../src/app/database/open-database.ts';
import type { PrintFormat } from '../../../src/app/database/database-request.ts';
import { databaseOutput } from '../../../src/cli/render/database-connection.ts';
import { type ClientConnection, clientSetup } from '../../../src/connect/database/client-setup.ts';
import { FAMILIES, type Family } from '../../../src/connect/database/engines.ts';
import { fakeTerminal } from '../../support/fake-terminal.ts';

/** `--print`: each format is read by a parser of that format. */

const FAMILY_NAMES = Object.keys(FAMILIES) as readonly Family[];

const connection = (over: Partial<ClientConnection> = {}): ClientConnection => ({
  family: 'postgres',
  remote: { host: 'orders-db.abc.eu-west-1.rds.amazonaws.com', port: 5432 },
  local: { host: '127.0.0.1', port: 23_400 },
  user: "o'r d&<",
  database: 'or ders&"',
  tls: 'verify',
  caFile: '/c a&.pem',
  loginFile: '/private/login',
  readOnly: false,
  ...over,
});

async function printed(format: PrintFormat, over: Partial<ClientConnection> = {}): Promise<string> {
  const terminal = fakeTerminal();
  const opened = connection(over);
  const database = {
    name: 'orders & "db"',
    engine: opened.family,
    connection: opened,
    setup: clientSetup(opened),
    nodes: [],
    login: {
      password: () => Promise.resolve('canary-password'),
      user: 'x',
      databaseName: 'y',
      expires: false,
    },
  } as unknown as OpenDatabase;
  await databaseOutput(format, {
    report: () => undefined,
    terminal,
    settings: { output: 'text' } as unknown as Parameters<typeof databaseOutput>[1]['settings'],
  }).ready(database);
  expect(terminal.stdout.text).not.toContain('canary-password');
  return terminal.stdout.text;
}

describe.each(FAMILY_NAMES)('%s', (family) => {
  it('uri', async () => {
    const url = new URL((await printed('uri', { family })).trim());
    expect([url.host, decodeURIComponent(url.username), decodeURIComponent(url.pathname)]).toEqual([
      '127.0.0.1:23400',
      "o'r d&<",
      '/or ders&"',
    ]);
    expect(url.password).toBe('');
    const file = { postgres: 'sslrootcert', mysql: 'ssl-ca', mongodb: 'tlsCAFile' }[family as 'postgres'];
    if (file !== undefined) expect(url.searchParams.get(file)).toBe('/c a&.pem');
  });

  it('env: a shell sets the variables of the client', async () => {
    const script = `${await printed('env', { family })}\nnode -e 'console.log(JSON.stringify(process.env))'`;
    const out = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
    const set = Object.entries(clientSetup(connection({ family })).env).filter(
      ([, value]) => value !== undefined,
    );
    expect(JSON.parse(out)).toMatchObject(Object.fromEntries(set));
  });

  it('json', async () => {
    expect(JSON.parse(await printed('json', { family }))).toMatchObject({
      type: 'database-ready',
      family,
      local: { host: '127.0.0.1', port: 23_400 },
      remote: { host: 'orders-db.abc.eu-west-1.rds.amazonaws.com', port: 5432 },
      user: "o'r d&<",
      database: 'or ders&"',
      caFile: '/c a&.pem',
    });
  });

  it('dbeaver', async () => {
    const text = (await printed('dbeaver', { family })).trim();
    const fields = new Map(
      text
        .split('|')
        .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
    );
    expect(Object.fromEntries(fields)).toMatchObject({
      host: '127.0.0.1',
      port: '23400',
      database: 'or ders&"',
      user: "o'r d&<",
      savePassword: 'false',
    });
  });

  it('jetbrains', async () => {
    const text = await printed('jetbrains', { family });
    const [, element = ''] =
      /^#DataSourceSettings#\n#LocalDataSource: .*\n#BEGIN#\n([\s\S]*)\n#END#\n$/.exec(text) ?? [];
    const [root, ...children] = elementsOf(element);
    expect(root).toMatchObject({
      name: 'data-source',
      attributes: { source: 'LOCAL', name: 'orders & "db"' },
    });
    const textOf = Object.fromEntries(children.map(({ name, text: inner }) => [name, inner]));
    expect(textOf['jdbc-url']).toMatch(/^jdbc:\w+:\/\/127\.0\.0\.1:23400\/or ders&"$/);
    expect(textOf).toMatchObject({ 'user-name': "o'r d&<", 'ca-cert': '/c a&.pem', mode: 'VERIFY_CA' });
  });

  it('vscode', async () => {
    const settings = JSON.parse(await printed('vscode', { family })) as Record<string, unknown>;
    expect(settings['sqltools.connections']).toMatchObject([
      { server: '127.0.0.1', port: 23_400, database: 'or ders&"', username: "o'r d&<", askForPassword: true },
    ]);
  });
});

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

const plain = (text: string): string =>
  text.replaceAll(
    /&(lt|gt|amp|quot);/g,
    (_, name: string) => ({ lt: '<', gt: '>', amp: '&', quot: '"' })[name] ?? '',
  );

/** The elements of the text, outer ones first. Throws if they are not closed in order, or hold an unescaped `<` or `&`. */
function elementsOf(text: string): readonly Element[] {
  const found: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: (typeof found)[number][] = [];
  let rest = text;
  for (
    let match;
    (match = /^<(\/?)([\w-]+)((?: [\w-]+="[^"<]*")*)>|^[^<]+/.exec(rest)) !== null;
    rest = rest.slice(match[0].length)
  ) {
    const [whole, slash, name, attributes = ''] = match;
    if (/&(?!(lt|gt|amp|quot);)/.test(whole)) throw new Error(`unescaped & in ${whole}`);
    if (name === undefined) {
      const inner = open.at(-1);
      if (inner !== undefined && whole.trim() !== '') inner.text += plain(whole);
    } else if (slash === '/') {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element`);
    } else {
      const element = {
        name,
        attributes: Object.fromEntries(
          [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
            key,
            plain(value),
          ]),
        ),
        text: '',
      };
      found.push(element);
      open.push(element);
    }
  }
  if (rest !== '' || open.length > 0) throw new Error(`not well-formed at ${rest.slice(0, 40)}`);
  return found;
}
