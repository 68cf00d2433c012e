import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, type ConnectionOptions, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';

import type { OpenDatabase } from '../../../src/app/database/open-database.ts';
import type { PrintFormat } from '../../../src/app/database/database-request.ts';
import { databaseOutput } from '../../../src/cli/render/database-connection.ts';
import { type ClientConnection, clientSetup } from '../../../src/connect/database/client-setup.ts';
import { FAMILIES, type Family } from '../../../src/connect/database/engines.ts';
import { createCertificateAuthority } from '../../../src/sandbox/world/certificates.ts';
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
  return (await printedAndSaid(format, over)).text;
}

/** What is printed on stdout, and the messages of the events beside it. */
async function printedAndSaid(
  format: PrintFormat,
  over: Partial<ClientConnection>,
): Promise<{ readonly text: string; readonly said: readonly string[] }> {
  const said: string[] = [];
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
    report: (event) => {
      if (event.type === 'note') said.push(event.message);
    },
    terminal,
    settings: { output: 'text' } as unknown as Parameters<typeof databaseOutput>[1]['settings'],
  }).ready(database);
  expect(terminal.stdout.text).not.toContain('canary-password');
  return { text: terminal.stdout.text, said };
}

/** `driver-ref` and URL for each family; undefined = no driver is known. */
const JETBRAINS: Readonly<Record<Family, readonly [string | undefined, string | undefined]>> = {
  postgres: ['postgresql', 'jdbc:postgresql://127.0.0.1:23400/or ders&"'],
  mysql: ['mysql.8', 'jdbc:mysql://127.0.0.1:23400/or ders&"'],
  redis: ['redis', 'jdbc:redis://127.0.0.1:23400/or ders&"'],
  memcached: [undefined, undefined],
  mongodb: [
    'mongo',
    'mongodb://127.0.0.1:23400/or%20ders%26%22?directConnection=true&retryWrites=false&authSource=admin',
  ],
  sqlserver: ['sqlserver.ms', 'jdbc:sqlserver://127.0.0.1:23400;databaseName=or ders&"'],
  opensearch: [undefined, undefined],
  other: [undefined, undefined],
};

/** Ids of the drivers of DBeaver. */
const DBEAVER: Readonly<Record<Family, string>> = {
  postgres: 'postgresql',
  mysql: 'mysql8',
  redis: 'redis',
  memcached: 'memcached',
  mongodb: 'mongodb',
  sqlserver: 'mssql_jdbc_ms_new',
  opensearch: 'generic',
  other: 'generic',
};

/** `driver` of SQLTools; undefined = none is known. */
const SQLTOOLS: Readonly<Record<Family, string | undefined>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
  redis: undefined,
  memcached: undefined,
  mongodb: undefined,
  sqlserver: 'MSSQL',
  opensearch: undefined,
  other: undefined,
};

describe.each(FAMILY_NAMES)('%s', (family) => {
  it('uri', async () => {
    const url = new URL((await printed('uri', { family })).trim());
    expect([url.host, decodeURIComponent(url.username)]).toEqual(['127.0.0.1:23400', "o'r d&<"]);
    if (family === 'sqlserver')
      expect([url.pathname, url.searchParams.get('database')]).toEqual(['', 'or ders&"']);
    else expect(decodeURIComponent(url.pathname)).toBe('/or ders&"');
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
      driver: DBEAVER[family],
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
    expect([textOf['driver-ref'], textOf['jdbc-url']]).toEqual(JETBRAINS[family]);
    expect(textOf['user-name']).toBe("o'r d&<");
    if (['postgres', 'mysql', 'mongodb', 'redis'].includes(family))
      expect(textOf).toMatchObject({ 'ca-cert': '/c a&.pem', mode: 'VERIFY_CA' });
    else expect(textOf).not.toHaveProperty('ca-cert');
  });

  it('vscode', async () => {
    const settings = JSON.parse(await printed('vscode', { family })) as Record<string, unknown>;
    expect(settings['sqltools.connections']).toMatchObject([
      { server: '127.0.0.1', port: 23_400, database: 'or ders&"', username: "o'r d&<", askForPassword: true },
    ]);
  });
});

describe('drivers', () => {
  it.each(FAMILY_NAMES)(
    '%s: SQLTools gets the name of its driver, or it is said that none is known',
    async (family) => {
      const { text, said } = await printedAndSaid('vscode', { family });
      const settings = JSON.parse(text) as { 'sqltools.connections': [{ driver?: string }] };
      expect(settings['sqltools.connections'][0].driver).toBe(SQLTOOLS[family]);
      expect(said.includes('no driver of SQLTools is known for this engine: the settings name none')).toBe(
        SQLTOOLS[family] === undefined,
      );
    },
  );

  it.each(FAMILY_NAMES)('%s: it is said if no driver of JetBrains is known', async (family) => {
    const { said } = await printedAndSaid('jetbrains', { family });
    expect(said.includes('no driver of JetBrains is known for this engine: the data source names none')).toBe(
      JETBRAINS[family][0] === undefined,
    );
  });

  it.each([
    [
      'shop',
      'jdbc:sqlserver://127.0.0.1:23400;databaseName=shop<',
      'sqlserver://127.0.0.1:23400?database=shop\n',
    ],
    [
      'a;b}',
      'jdbc:sqlserver://127.0.0.1:23400;databaseName={a;b}}}<',
      'sqlserver://127.0.0.1:23400?database=a%3Bb%7D\n',
    ],
    [undefined, 'jdbc:sqlserver://127.0.0.1:23400<', 'sqlserver://127.0.0.1:23400\n'],
  ])('SQL Server, database %s', async (database, jdbc, uri) => {
    const over = { family: 'sqlserver', user: undefined, database } as const;
    expect(await printed('jetbrains', over)).toContain(`<jdbc-url>${jdbc}/jdbc-url>`);
    expect(await printed('uri', over)).toBe(uri);
  });
});

const TOOL_FORMATS = ['uri', 'dbeaver', 'jetbrains', 'vscode'] as const;
const NOT_READ_ONLY = 'this format does not make the connection read-only';

describe('--read-only', () => {
  const OPTIONS = '-c default_transaction_read_only=on';
  const readOnly = { readOnly: true, database: 'orders' };

  it('uri of PostgreSQL', async () => {
    const text = await printed('uri', readOnly);
    expect(text).toContain('&options=-c%20default_transaction_read_only%3Don\n');
    const withoutTls = await printed('uri', { ...readOnly, tls: 'off' });
    expect(new URL(withoutTls.trim()).searchParams.get('options')).toBe(OPTIONS);
  });

  it('DBeaver with PostgreSQL', async () => {
    expect((await printed('dbeaver', readOnly)).trim().split('|')).toContain(`prop.options=${OPTIONS}`);
  });

  it.each([
    ['orders', '/orders'],
    [undefined, '/'],
  ])('JetBrains with PostgreSQL, database %s', async (database, path) => {
    expect(await printed('jetbrains', { readOnly: true, database })).toContain(
      `<jdbc-url>jdbc:postgresql://127.0.0.1:23400${path}?options=-c%20default_transaction_read_only%3Don</jdbc-url>`,
    );
  });

  it.each(['verify', 'off'] as const)('SQLTools with PostgreSQL, TLS %s', async (tls) => {
    expect(JSON.parse(await printed('vscode', { ...readOnly, tls }))).toMatchObject({
      'sqltools.connections': [{ pgOptions: { options: OPTIONS } }],
    });
  });

  it.each(TOOL_FORMATS)(
    '%s of PostgreSQL says that the session is read-only until it is changed',
    async (format) => {
      const { said } = await printedAndSaid(format, readOnly);
      expect(said[0]).toContain(', read-only;');
      expect(said).toContain(
        'the session can switch read-only off again (SET default_transaction_read_only)',
      );
      expect(said).not.toContain(NOT_READ_ONLY);
    },
  );

  const others = [
    ...FAMILY_NAMES.filter((family) => family !== 'postgres').map((family) => ({ family })),
    { family: 'postgres' as const, isRedshift: true },
  ];
  it.each(
    others.flatMap((other) => [...TOOL_FORMATS, 'env' as const].map((format) => ({ format, ...other }))),
  )(
    '$format of $family (Redshift: $isRedshift) says that it is not read-only',
    async ({ format, ...other }) => {
      const { text, said } = await printedAndSaid(format, { ...readOnly, ...other });
      expect(said[0]).not.toContain('read-only');
      expect(said.filter((message) => message.includes('read-only'))).toEqual([NOT_READ_ONLY]);
      expect(text).not.toContain('read_only');
    },
  );

  it.each(TOOL_FORMATS)('is in no %s without the flag', async (format) => {
    const { text, said } = await printedAndSaid(format, {});
    expect(text).not.toContain('read_only');
    expect(said.join()).not.toContain('read-only');
  });
});

describe('TLS of PostgreSQL', () => {
  const AUTHORITY_ALONE =
    'a program that reads this verifies who signed the certificate, and not the host name: this tool has checked it once, when the forward was opened';

  it.each(['uri', 'dbeaver', 'jetbrains'] as const)(
    '%s says that the host name is not verified',
    async (format) => {
      expect((await printedAndSaid(format, {})).said.slice(1)).toEqual([AUTHORITY_ALONE]);
      expect((await printedAndSaid(format, { tls: 'off' })).said.slice(1)).toEqual([]);
    },
  );

  it('SQL Server: says that nothing has checked the certificate', async () => {
    expect((await printedAndSaid('uri', { family: 'sqlserver' })).said.slice(1)).toEqual([
      'this format does not say which authorities may sign the certificate: nothing has checked the certificate',
    ]);
  });

  it('SQLTools: the printed settings verify the real host name at the local port', async () => {
    const { text, said } = await printedAndSaid('vscode', {});
    expect(said.slice(1)).toEqual([]);
    const { ssl } = (
      JSON.parse(text) as { 'sqltools.connections': [{ pgOptions: { ssl: ConnectionOptions } }] }
    )['sqltools.connections'][0].pgOptions;
    const authority = createCertificateAuthority('Amazon RDS eu-west-1 Root CA', Date.now());
    expect(ssl.ca).toBe('/c a&.pem');
    const answer = async (name: string): Promise<string> => {
      const { certificate, key } = authority.issue({ names: [name], now: Date.now() });
      const server = createServer({ cert: certificate, key });
      server.on('tlsClientError', () => undefined);
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      // SQLTools replaces the path of the file by what it holds.
      const socket = connect({ host: '127.0.0.1', port, ...ssl, ca: authority.certificate });
      try {
        await once(socket, 'secureConnect');
        return 'connected';
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      } finally {
        socket.destroy();
        server.close();
      }
    };
    expect(await answer('orders-db.abc.eu-west-1.rds.amazonaws.com')).toBe('connected');
    expect(await answer('other-db.abc.eu-west-1.rds.amazonaws.com')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
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
