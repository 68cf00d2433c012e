import { createHash } from 'node:crypto';
import type { ClientConnection } from '../../connect/database/client-setup.ts';

/**
 * A connection in the formats of programs with windows. They connect to the local port, so they verify who signed the
 * certificate and cannot verify its host name. None of the formats holds a password.
 */

type Family = ClientConnection['family'];

/** Scheme of the URI, names of the drivers. */
const NAMES: Readonly<
  Record<
    Family,
    { readonly scheme: string; readonly dbeaver: string; readonly jdbc: string; readonly vscode: string }
  >
> = {
  postgres: { scheme: 'postgresql', dbeaver: 'postgresql', jdbc: 'postgresql', vscode: 'PostgreSQL' },
  mysql: { scheme: 'mysql', dbeaver: 'mysql8', jdbc: 'mysql', vscode: 'MySQL' },
  redis: { scheme: 'redis', dbeaver: 'redis', jdbc: 'redis', vscode: 'Redis' },
  memcached: { scheme: 'memcached', dbeaver: 'memcached', jdbc: 'memcached', vscode: 'Memcached' },
  mongodb: { scheme: 'mongodb', dbeaver: 'mongodb', jdbc: 'mongodb', vscode: 'MongoDB' },
  sqlserver: { scheme: 'sqlserver', dbeaver: 'sqlserver', jdbc: 'sqlserver', vscode: 'MSSQL' },
  opensearch: { scheme: 'http', dbeaver: 'generic', jdbc: 'generic', vscode: 'Generic' },
  other: { scheme: 'tcp', dbeaver: 'generic', jdbc: 'generic', vscode: 'Generic' },
};

const SECURE_SCHEMES: Readonly<Partial<Record<Family, string>>> = { redis: 'rediss', opensearch: 'https' };

/** `postgresql://orders@127.0.0.1:23456/orders?sslmode=verify-ca&sslrootcert=…` */
export function uriOf({ family, local, user, database, tls, caFile = '' }: ClientConnection): string {
  const scheme = tls === 'verify' ? (SECURE_SCHEMES[family] ?? NAMES[family].scheme) : NAMES[family].scheme;
  const login = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  const path = database === undefined ? '' : `/${encodeURIComponent(database)}`;
  return `${scheme}://${login}${local.host}:${local.port}${path}${query(family, tls, caFile)}`;
}

function query(family: Family, tls: ClientConnection['tls'], caFile: string): string {
  if (tls !== 'verify') return '';
  const file = encodeURIComponent(caFile);
  switch (family) {
    case 'postgres':
      return `?sslmode=verify-ca&sslrootcert=${file}`;
    case 'mysql':
      return `?ssl-mode=VERIFY_CA&ssl-ca=${file}`;
    case 'mongodb':
    case 'redis':
    case 'memcached':
    case 'sqlserver':
    case 'opensearch':
    case 'other':
      return '';
  }
}

/** The value of DBeaver's command line option `-con` (DBeaver wiki, "Command Line"). */
export function dbeaverConnection(
  name: string,
  { family, local, user, database, tls, caFile }: ClientConnection,
): string {
  const driver = NAMES[family].dbeaver;
  const secure =
    tls === 'verify'
      ? family === 'postgres'
        ? ['prop.ssl=true', 'prop.sslmode=verify-ca', `prop.sslrootcert=${caFile}`]
        : ['prop.useSSL=true', 'prop.requireSSL=true']
      : [];
  return [
    `driver=${driver}`,
    `name=${name}`,
    'folder=fargate-connect',
    `host=${local.host}`,
    `port=${local.port}`,
    ...(database === undefined ? [] : [`database=${database}`]),
    ...(user === undefined ? [] : [`user=${user}`]),
    'savePassword=false',
    ...secure,
  ].join('|');
}

/** What "Import from clipboard" of the database tool window reads. The uuid is always the same for the same port. */
export function jetbrainsDataSource(
  name: string,
  { family, local, user, database, tls, caFile }: ClientConnection,
): string {
  const { jdbc } = NAMES[family];
  const hex = createHash('sha256').update(`${name}:${local.port}`).digest('hex');
  const uuid = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
  const secure =
    tls === 'verify' && caFile !== undefined
      ? [
          `  <ssl-config><ca-cert>${xml(caFile)}</ca-cert><enabled>true</enabled><mode>VERIFY_CA</mode></ssl-config>`,
        ]
      : [];
  return [
    '#DataSourceSettings#',
    `#LocalDataSource: ${name}`,
    '#BEGIN#',
    `<data-source source="LOCAL" name="${xml(name)}" uuid="${uuid}">`,
    `  <driver-ref>${jdbc}</driver-ref>`,
    '  <synchronize>true</synchronize>',
    `  <jdbc-url>jdbc:${jdbc}://${local.host}:${local.port}${database === undefined ? '' : `/${xml(database)}`}</jdbc-url>`,
    ...(user === undefined ? [] : [`  <user-name>${xml(user)}</user-name>`]),
    ...secure,
    '</data-source>',
    '#END#',
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
const xml = (text: string): string => text.replaceAll(/[<>&"]/g, (character) => ENTITIES[character] ?? '');

/** A setting of the extension SQLTools. */
export function vscodeSettings(
  name: string,
  { family, local, user, database, tls, caFile }: ClientConnection,
): string {
  const options = { ssl: { ca: caFile, rejectUnauthorized: true } };
  const connection = {
    name,
    driver: NAMES[family].vscode,
    server: local.host,
    port: local.port,
    database,
    username: user,
    askForPassword: true,
    ...(tls === 'verify' && family === 'postgres' ? { pgOptions: options } : {}),
    ...(tls === 'verify' && family === 'mysql' ? { mysqlOptions: options } : {}),
  };
  return JSON.stringify({ 'sqltools.connections': [connection] }, null, 2);
}
