import { dirname } from 'node:path';

import { FAMILIES, type Family } from './engines.ts';

/** How the usual client of an engine is started at the local end of a forward. Pure: it names files and writes none. */

export interface ClientConnection {
  readonly family: Family;
  /** The name and port that the certificate and an IAM token are made for. */
  readonly remote: { readonly host: string; readonly port: number };
  readonly local: { readonly host: string; readonly port: number };
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** `client` = whatever the client does by itself. */
  readonly tls: 'verify' | 'off' | 'client';
  /** PEM file of the authorities that may sign the database's certificate; only with `verify`. */
  readonly caFile: string | undefined;
  /** The file of mode 0600 from which the client reads its login: pgpass, options of MySQL, `.curlrc`, a script of mongosh. */
  readonly loginFile: string | undefined;
  readonly readOnly: boolean;
  /** Only for the family of MySQL: whether the client is MariaDB's, which has other options for TLS. */
  readonly isMariaDb?: boolean;
  /** Only for the family of PostgreSQL: Redshift refuses parameters that it does not know, and has no read-only sessions. */
  readonly isRedshift?: boolean;
}

export interface ClientSetup {
  /** Variables to set; undefined = a variable of the person's own that would take precedence is removed. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Programs of which the first one on PATH is started when no command is given. */
  readonly programs: readonly string[];
  /** Arguments that this program needs right after its name, in front of those that the person has given. */
  argumentsOf(program: string, given?: readonly string[]): readonly string[];
  /** The URI of drivers, without a password, where it is more than scheme, local address and TLS. */
  readonly uri?: string;
  /** What the client cannot check or promise, one sentence each. */
  readonly limits: readonly string[];
  /** Those of `limits` that are so without `--read-only` too. */
  readonly limitsBesidesReadOnly: readonly string[];
}

/**
 * Arguments, variables and files with which the usual clients of the family connect, and what they cannot verify.
 * Pure.
 */
export function clientSetup(connection: ClientConnection): ClientSetup {
  return {
    programs: FAMILIES[connection.family].clients,
    ...setupOf(connection),
    limitsBesidesReadOnly: setupOf({ ...connection, readOnly: false }).limits,
  };
}

function setupOf(connection: ClientConnection): Setup {
  switch (connection.family) {
    case 'postgres':
      return postgres(connection);
    case 'mysql':
      return mysql(connection);
    case 'redis':
      return redis(connection);
    case 'mongodb':
      return mongodb(connection);
    case 'sqlserver':
      return sqlserver(connection);
    case 'opensearch':
      return opensearch(connection);
    case 'memcached':
    case 'other':
      return {
        env: {},
        argumentsOf: () => [],
        limits: connection.readOnly ? ['nothing makes this connection read-only'] : [],
      };
  }
}

type Setup = Omit<ClientSetup, 'programs' | 'limitsBesidesReadOnly'>;

/**
 * libpq connects to PGHOSTADDR and verifies the certificate against PGHOST, which it also looks up in the password
 * file.
 */
function postgres({
  remote,
  local,
  user,
  database,
  tls,
  caFile,
  loginFile,
  readOnly,
  isRedshift = false,
}: ClientConnection): Setup {
  return {
    env: {
      PGHOST: remote.host,
      PGHOSTADDR: local.host,
      PGPORT: String(local.port),
      ...(user === undefined ? {} : { PGUSER: user }),
      ...(database === undefined ? {} : { PGDATABASE: database }),
      ...(tls === 'verify' ? { PGSSLMODE: 'verify-full', PGSSLROOTCERT: caFile } : {}),
      ...(tls === 'off' ? { PGSSLMODE: 'disable' } : {}),
      ...(loginFile === undefined ? {} : { PGPASSFILE: loginFile, PGPASSWORD: undefined }),
      ...(readOnly && !isRedshift ? { PGOPTIONS: '-c default_transaction_read_only=on' } : {}),
      // A service file would replace all of these.
      PGSERVICE: undefined,
      PGREQUIREPEER: undefined,
    },
    argumentsOf: () => [],
    limits: !readOnly
      ? []
      : isRedshift
        ? ['nothing makes this connection read-only: Redshift has no read-only sessions']
        : ['the session can switch read-only off again (SET default_transaction_read_only)'],
  };
}

/** The official programs, which read an options file if it is named by their first argument. */
const MYSQL_PROGRAMS: ReadonlySet<string> = new Set(
  ['mysql', 'mysqldump', 'mysqladmin', 'mysqlimport', 'mysqlcheck', 'mysqlshow', 'mysqlslap'].flatMap(
    (name) => [name, name === 'mysql' ? 'mariadb' : name.replace('mysql', 'mariadb-')],
  ),
);

function mysql({ local, user, database, tls, loginFile, readOnly }: ClientConnection): Setup {
  return {
    env: {
      MYSQL_HOST: local.host,
      MYSQL_TCP_PORT: String(local.port),
      ...(user === undefined ? {} : { MYSQL_USER: user }),
      ...(database === undefined ? {} : { MYSQL_DATABASE: database }),
      MYSQL_UNIX_PORT: undefined,
      ...(loginFile === undefined ? {} : { MYSQL_PWD: undefined }),
    },
    argumentsOf: (program) =>
      loginFile !== undefined && MYSQL_PROGRAMS.has(program) ? [`--defaults-extra-file=${loginFile}`] : [],
    limits: [
      ...(tls === 'verify'
        ? [
            'the client checks who signed the certificate, and cannot check the host name over a forward: this tool has checked it once, when the forward was opened',
          ]
        : []),
      ...(readOnly
        ? ['the session can switch read-only off again; only the program mysql or mariadb sets it']
        : []),
    ],
  };
}

/**
 * An options file for the MySQL and MariaDB clients. Given a file of authorities, MariaDB's client verifies who signed
 * the certificate; it must not compare the host name, which is that of the local port.
 */
export function mysqlOptions(
  { local, user, database, tls, caFile, readOnly, isMariaDb = false }: ClientConnection,
  password: string | undefined,
): string {
  const client = [
    `host=${local.host}`,
    `port=${local.port}`,
    'protocol=tcp',
    ...(user === undefined ? [] : [`user=${quoted(user)}`]),
    ...(password === undefined ? [] : [`password=${quoted(password)}`]),
    ...(tls === 'verify'
      ? [
          `ssl-ca=${quoted(caFile ?? '')}`,
          ...(isMariaDb
            ? ['ssl-verify-server-cert=0']
            : ['ssl-mode=VERIFY_CA', 'loose-enable-cleartext-plugin=1']),
        ]
      : []),
    ...(tls === 'off' ? [isMariaDb ? 'skip-ssl' : 'ssl-mode=DISABLED'] : []),
  ];
  const program = [
    ...(database === undefined ? [] : [`database=${quoted(database)}`]),
    ...(readOnly ? ['init-command="SET SESSION TRANSACTION READ ONLY"'] : []),
  ];
  return [`[client]`, ...client, ...(program.length === 0 ? [] : ['[mysql]', ...program]), ''].join('\n');
}

/** In option files a backslash starts an escape, and `#` begins a comment outside quotes. */
const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Fields are separated by colons; a backslash escapes colons and backslashes. */
export const pgpassLine = (
  { remote, local, user }: Pick<ClientConnection, 'remote' | 'local' | 'user'>,
  password: string,
): string => {
  const field = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll(':', '\\:');
  return `${[field(remote.host), String(local.port), '*', user === undefined ? '*' : field(user), field(password)].join(':')}\n`;
};

const REDIS_PROGRAMS: ReadonlySet<string> = new Set([
  'redis-cli',
  'valkey-cli',
  'redis-benchmark',
  'valkey-benchmark',
]);

function redis({ remote, local, user, tls, caFile, readOnly }: ClientConnection): Setup {
  return {
    env: { REDIS_HOST: local.host, REDIS_PORT: String(local.port) },
    argumentsOf: (program) =>
      REDIS_PROGRAMS.has(program)
        ? [
            '-h',
            local.host,
            '-p',
            String(local.port),
            ...(user === undefined ? [] : ['--user', user]),
            ...(tls === 'verify' ? ['--tls', '--sni', remote.host, '--cacert', caFile ?? ''] : []),
          ]
        : [],
    limits: [
      ...(tls === 'verify'
        ? [
            'the client checks who signed the certificate, and never the host name: this tool has checked it once, when the forward was opened',
          ]
        : []),
      ...(readOnly
        ? ['a reader endpoint refuses writes, and nothing else does: the engine has no read-only session']
        : []),
    ],
  };
}

function mongodb(connection: ClientConnection): Setup {
  const { local, user, tls, caFile, loginFile, readOnly } = connection;
  return {
    env: {},
    uri: mongodbUri(connection),
    argumentsOf: (program, given = []) =>
      program !== 'mongosh'
        ? []
        : loginFile === undefined
          ? [
              `mongodb://${local.host}:${local.port}/?directConnection=true&retryWrites=false`,
              ...(user === undefined ? [] : ['--username', user]),
              ...(tls === 'verify'
                ? ['--tls', '--tlsCAFile', caFile ?? '', '--tlsAllowInvalidHostnames']
                : []),
            ]
          : [
              '--nodb',
              ...(given.some(isScript) ? [] : ['--shell']),
              '--eval',
              `load(${JSON.stringify(loginFile)})`,
            ],
    limits: [
      ...(loginFile === undefined
        ? ['mongosh asks for the password: it reads that of a secret alone from a file']
        : []),
      ...(tls === 'verify'
        ? [
            'mongosh cannot check the host name over a forward: this tool has checked it once, when the forward was opened',
          ]
        : []),
      ...(readOnly ? ['nothing but the reader endpoint makes this connection read-only'] : []),
    ],
  };
}

/** Arguments of mongosh after which it ends by itself. */
const isScript = (argument: string): boolean => /^(--eval|--file|-f)(=|$)|\.(js|mongodb)$/.test(argument);

/**
 * A script that connects mongosh, which reads a login from no other file. Users of DocumentDB are those of the database
 * `admin`.
 */
export const mongoshScript = (connection: ClientConnection, password: string): string =>
  `db = connect(${JSON.stringify(mongodbUri(connection, password))});\n`;

/** `directConnection`: the other members of a replica set have addresses that cannot be reached from here. */
function mongodbUri(
  { local, user, database, tls, caFile = '' }: ClientConnection,
  password?: string,
): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const login = user === undefined ? '' : `${encodeURIComponent(user)}${secret}@`;
  const options = [
    'directConnection=true',
    'retryWrites=false',
    ...(user === undefined ? [] : ['authSource=admin']),
    ...(tls === 'verify'
      ? ['tls=true', `tlsCAFile=${encodeURIComponent(caFile)}`, 'tlsAllowInvalidHostnames=true']
      : []),
  ];
  return `mongodb://${login}${local.host}:${local.port}/${encodeURIComponent(database ?? '')}?${options.join('&')}`;
}

function sqlserver({ local, user, database, tls, readOnly }: ClientConnection): Setup {
  return {
    env: {
      SQLCMDSERVER: `tcp:${local.host},${local.port}`,
      ...(user === undefined ? {} : { SQLCMDUSER: user }),
      ...(database === undefined ? {} : { SQLCMDDBNAME: database }),
    },
    // The name in the certificate is not that of the local port: without -C sqlcmd would refuse it.
    argumentsOf: (program) => (program === 'sqlcmd' && tls === 'verify' ? ['-N', '-C'] : []),
    limits: [
      ...(tls === 'verify'
        ? ['sqlcmd encrypts, and cannot check the certificate over a forward: nothing has checked it']
        : []),
      ...(readOnly ? ['sqlcmd can ask for a read-only replica with -K ReadOnly, and nothing else'] : []),
    ],
  };
}

/** curl reads `.curlrc` in the folder that CURL_HOME names, also when a script starts it. */
function opensearch({ remote, tls, loginFile, readOnly }: ClientConnection): Setup {
  return {
    env: {
      OPENSEARCH_URL: searchUrl(remote, tls),
      ...(loginFile === undefined ? {} : { CURL_HOME: dirname(loginFile) }),
    },
    argumentsOf: () => [],
    limits: [
      'only curl reaches the host of OPENSEARCH_URL through the forward; it gets the way there, the authorities and the login from a .curlrc',
      ...(readOnly ? ['nothing makes this connection read-only'] : []),
    ],
  };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, http: 80 };

function searchUrl({ host, port }: ClientConnection['remote'], tls: ClientConnection['tls']): string {
  const scheme = tls === 'verify' || (tls === 'client' && port === DEFAULT_PORTS['https']) ? 'https' : 'http';
  return `${scheme}://${host}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}`;
}

/**
 * The `.curlrc`: connections to the real host and port go to the local one, so that curl verifies the real name. A proxy
 * of the environment would be asked for the local port.
 */
export function curlOptions(
  { remote, local, user, tls, caFile }: ClientConnection,
  password: string | undefined,
): string {
  return [
    `connect-to = ${quoted(`${remote.host}:${remote.port}:${local.host}:${local.port}`)}`,
    'noproxy = "*"',
    ...(tls === 'verify' ? [`cacert = ${quoted(caFile ?? '')}`] : []),
    ...(password === undefined ? [] : [`user = ${quoted(`${user ?? ''}:${password}`)}`]),
    '',
  ].join('\n');
}

/** The variable from which the client reads its password, for the clients that read no file. */
export const PASSWORD_VARIABLES: Readonly<Partial<Record<Family, string>>> = {
  redis: 'REDISCLI_AUTH',
  sqlserver: 'SQLCMDPASSWORD',
};
