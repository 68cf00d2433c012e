import { createHash } from 'node:crypto';
import type { ClientConnection } from '../../connect/database/client-setup.ts';

/**
 * A connection in the formats of other programs. These connect to the local port, so that most of them can verify who
 * signed the certificate and cannot verify its host name. None of the formats holds a password.
 */

type Family = ClientConnection['family'];

/** The formats that are made here. */
export type ToolFormat = 'uri' | 'dbeaver' | 'jetbrains' | 'vscode';

/** Parameter `options` of a connection to PostgreSQL: libpq, pgjdbc and node-postgres send it to the server. */
const READ_ONLY_OPTIONS = '-c default_transaction_read_only=on';

/**
 * Whether sessions of a program that reads one of the formats, or the variables of the environment, begin read-only.
 * Only PostgreSQL takes this from connection parameters; Redshift does not.
 */
export const beginsReadOnly = ({
  family,
  readOnly,
  isRedshift = false,
}: Pick<ClientConnection, 'family' | 'readOnly' | 'isRedshift'>): boolean =>
  readOnly && family === 'postgres' && !isRedshift;

/** Said with every format that cannot carry `--read-only`. */
export const NOT_READ_ONLY = 'this format does not make the connection read-only';

/** What a program that reads this format does not verify or promise, one sentence each. */
export function toolLimits(format: ToolFormat, connection: ClientConnection): readonly string[] {
  return [
    ...driverLimits(format, NAMES[connection.family]),
    ...(connection.tls === 'verify' ? tlsLimits(format, connection.family) : []),
    ...(!connection.readOnly
      ? []
      : beginsReadOnly(connection)
        ? ['the session can switch read-only off again (SET default_transaction_read_only)']
        : [NOT_READ_ONLY]),
  ];
}

function driverLimits(format: ToolFormat, { jetbrains, vscode }: Names): readonly string[] {
  if (format === 'vscode' && vscode === undefined)
    return ['no driver of SQLTools is known for this engine: the settings name none'];
  if (format === 'jetbrains' && jetbrains === undefined)
    return ['no driver of JetBrains is known for this engine: the data source names none'];
  return [];
}

function tlsLimits(format: ToolFormat, family: Family): readonly string[] {
  if (format === 'vscode' && family === 'postgres') return [];
  if (AUTHORITY_FAMILIES[format].has(family))
    return [
      'a program that reads this verifies who signed the certificate, and not the host name: this tool has checked it once, when the forward was opened',
    ];
  // The handshake of SQL Server is wrapped in its own packets, which this tool does not speak.
  const checked =
    family === 'sqlserver'
      ? 'nothing has checked the certificate'
      : 'this tool has checked the certificate once, when the forward was opened';
  return [`this format does not say which authorities may sign the certificate: ${checked}`];
}

/** Families for which the format names the file of authorities. */
const AUTHORITY_FAMILIES: Readonly<Record<ToolFormat, ReadonlySet<Family>>> = {
  uri: new Set(['postgres', 'mysql', 'mongodb']),
  dbeaver: new Set(['postgres']),
  jetbrains: new Set(['postgres', 'mysql', 'mongodb', 'redis']),
  vscode: new Set(['postgres', 'mysql']),
};

interface Names {
  readonly scheme: string;
  readonly dbeaver: string;
  /** `driver-ref` of a data source of JetBrains; absent = none is known. */
  readonly jetbrains?: string;
  /** `driver` of SQLTools; absent = none is known. */
  readonly vscode?: string;
}

/** Scheme of the URI, names of the drivers. */
const NAMES: Readonly<Record<Family, Names>> = {
  postgres: { scheme: 'postgresql', dbeaver: 'postgresql', jetbrains: 'postgresql', vscode: 'PostgreSQL' },
  mysql: { scheme: 'mysql', dbeaver: 'mysql8', jetbrains: 'mysql.8', vscode: 'MySQL' },
  redis: { scheme: 'redis', dbeaver: 'redis', jetbrains: 'redis' },
  memcached: { scheme: 'memcached', dbeaver: 'memcached' },
  mongodb: { scheme: 'mongodb', dbeaver: 'mongodb', jetbrains: 'mongo' },
  sqlserver: {
    scheme: 'sqlserver',
    dbeaver: 'mssql_jdbc_ms_new',
    jetbrains: 'sqlserver.ms',
    vscode: 'MSSQL',
  },
  opensearch: { scheme: 'http', dbeaver: 'generic' },
  other: { scheme: 'tcp', dbeaver: 'generic' },
};

const SECURE_SCHEMES: Readonly<Partial<Record<Family, string>>> = { redis: 'rediss', opensearch: 'https' };

/** `postgresql://orders@127.0.0.1:23456/orders?sslmode=verify-ca&sslrootcert=…` */
export function uriOf(connection: ClientConnection): string {
  const { family, local, user, database, tls } = connection;
  const scheme = tls === 'verify' ? (SECURE_SCHEMES[family] ?? NAMES[family].scheme) : NAMES[family].scheme;
  const login = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  // Drivers of SQL Server take a path for the name of an instance.
  const path = database === undefined || family === 'sqlserver' ? '' : `/${encodeURIComponent(database)}`;
  return `${scheme}://${login}${local.host}:${local.port}${path}${query(connection)}`;
}

function query(connection: ClientConnection): string {
  const { family, database, tls, caFile = '' } = connection;
  const file = encodeURIComponent(caFile);
  const parameters = [
    ...(tls === 'verify' && family === 'postgres' ? ['sslmode=verify-ca', `sslrootcert=${file}`] : []),
    ...(tls === 'verify' && family === 'mysql' ? ['ssl-mode=VERIFY_CA', `ssl-ca=${file}`] : []),
    ...(family === 'sqlserver' && database !== undefined ? [`database=${encodeURIComponent(database)}`] : []),
    ...readOnlyParameter(connection),
  ];
  return parameters.length === 0 ? '' : `?${parameters.join('&')}`;
}

const readOnlyParameter = (connection: ClientConnection): readonly string[] =>
  beginsReadOnly(connection) ? [`options=${encodeURIComponent(READ_ONLY_OPTIONS)}`] : [];

/** The value of DBeaver's command line option `-con` (DBeaver wiki, "Command Line"). */
export function dbeaverConnection(name: string, connection: ClientConnection): string {
  const { family, local, user, database, tls, caFile } = connection;
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
    ...(beginsReadOnly(connection) ? [`prop.options=${READ_ONLY_OPTIONS}`] : []),
  ].join('|');
}

/** What "Import from clipboard" of the database tool window reads. The uuid is always the same for the same port. */
export function jetbrainsDataSource(name: string, connection: ClientConnection): string {
  const { family, local, user, tls, caFile } = connection;
  const driver = NAMES[family].jetbrains;
  const hex = createHash('sha256').update(`${name}:${local.port}`).digest('hex');
  const uuid = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
  const secure =
    tls === 'verify' && caFile !== undefined && AUTHORITY_FAMILIES.jetbrains.has(family)
      ? [
          `  <ssl-config><ca-cert>${xml(caFile)}</ca-cert><enabled>true</enabled><mode>VERIFY_CA</mode></ssl-config>`,
        ]
      : [];
  return [
    '#DataSourceSettings#',
    `#LocalDataSource: ${name}`,
    '#BEGIN#',
    `<data-source source="LOCAL" name="${xml(name)}" uuid="${uuid}">`,
    ...(driver === undefined ? [] : [`  <driver-ref>${driver}</driver-ref>`]),
    '  <synchronize>true</synchronize>',
    ...(driver === undefined ? [] : [`  <jdbc-url>${xml(jdbcUrl(connection))}</jdbc-url>`]),
    ...(user === undefined ? [] : [`  <user-name>${xml(user)}</user-name>`]),
    ...secure,
    '</data-source>',
    '#END#',
  ].join('\n');
}

/** The URL that the driver of JetBrains for this family takes; that of MongoDB takes the URI of other drivers. */
function jdbcUrl(connection: ClientConnection): string {
  const { family, local, user, database } = connection;
  const address = `${NAMES[family].scheme}://${local.host}:${local.port}`;
  if (family === 'sqlserver')
    return `jdbc:${address}${database === undefined ? '' : `;databaseName=${sqlServerValue(database)}`}`;
  if (family === 'mongodb') {
    // The other members of the replica set have addresses that cannot be reached from here.
    const login = user === undefined ? '' : '&authSource=admin';
    return `${address}/${encodeURIComponent(database ?? '')}?directConnection=true&retryWrites=false${login}`;
  }
  const parameters = readOnlyParameter(connection).map((parameter) => `?${parameter}`);
  // Parameters follow a slash, also without a database.
  const slash = database === undefined && parameters.length === 0 ? '' : '/';
  return `jdbc:${address}${slash}${database ?? ''}${parameters.join('')}`;
}

/** Braces protect a semicolon; a closing brace between them is doubled. */
const sqlServerValue = (value: string): string =>
  /[;{}]/.test(value) ? `{${value.replaceAll('}', '}}')}}` : value;

const ENTITIES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
const xml = (text: string): string => text.replaceAll(/[<>&"]/g, (character) => ENTITIES[character] ?? '');

/** A setting of the extension SQLTools. */
export function vscodeSettings(name: string, connection: ClientConnection): string {
  const { family, remote, local, user, database, tls, caFile } = connection;
  const verified = { ca: caFile, rejectUnauthorized: true };
  // node-postgres compares the certificate with `servername`; without it, with the address that it connects to.
  const pgOptions = {
    ...(tls === 'verify' ? { ssl: { ...verified, servername: remote.host } } : {}),
    ...(beginsReadOnly(connection) ? { options: READ_ONLY_OPTIONS } : {}),
  };
  const settings = {
    name,
    driver: NAMES[family].vscode,
    server: local.host,
    port: local.port,
    database,
    username: user,
    askForPassword: true,
    ...(family === 'postgres' && Object.keys(pgOptions).length > 0 ? { pgOptions } : {}),
    ...(family === 'mysql' && tls === 'verify' ? { mysqlOptions: { ssl: verified } } : {}),
  };
  return JSON.stringify({ 'sqltools.connections': [settings] }, null, 2);
}
