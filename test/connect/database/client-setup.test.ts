import { describe, expect, it } from 'vitest';

import {
  type ClientConnection,
  clientSetup,
  curlOptions,
  mysqlOptions,
  pgpassLine,
} from '../../../src/connect/database/client-setup.ts';
import { familyAt, familyOf } from '../../../src/connect/database/engines.ts';

const connection = (over: Partial<ClientConnection> = {}): ClientConnection => ({
  family: 'postgres',
  remote: { host: 'orders-db.abc.eu-west-1.rds.amazonaws.com', port: 5432 },
  local: { host: '127.0.0.1', port: 23_400 },
  user: 'orders',
  database: 'orders',
  tls: 'verify',
  caFile: '/ca.pem',
  loginFile: '/private/login',
  readOnly: false,
  ...over,
});

describe('the client of', () => {
  it('PostgreSQL verifies the real name through the local port', () => {
    expect(clientSetup(connection()).env).toEqual({
      PGHOST: 'orders-db.abc.eu-west-1.rds.amazonaws.com',
      PGHOSTADDR: '127.0.0.1',
      PGPORT: '23400',
      PGUSER: 'orders',
      PGDATABASE: 'orders',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: '/ca.pem',
      PGPASSFILE: '/private/login',
      PGPASSWORD: undefined,
      PGSERVICE: undefined,
      PGREQUIREPEER: undefined,
    });
  });

  it('PostgreSQL keeps a password of the person where there is no login file', () => {
    expect(clientSetup(connection({ loginFile: undefined })).env).not.toHaveProperty('PGPASSWORD');
  });

  it('PostgreSQL begins read-only transactions', () => {
    const { env, limits } = clientSetup(connection({ readOnly: true }));
    expect(env['PGOPTIONS']).toBe('-c default_transaction_read_only=on');
    expect(limits).toHaveLength(1);
  });

  it('MySQL reads host and password from a file that its first argument names', () => {
    const setup = clientSetup(connection({ family: 'mysql' }));
    for (const program of ['mysql', 'mariadb', 'mysqldump', 'mariadb-dump'])
      expect(setup.argumentsOf(program)).toEqual(['--defaults-extra-file=/private/login']);
    expect(setup.argumentsOf('php')).toEqual([]);
    expect(setup.env).toMatchObject({ MYSQL_HOST: '127.0.0.1', MYSQL_TCP_PORT: '23400' });
  });

  it('Redis sends the real name in the handshake', () => {
    const setup = clientSetup(connection({ family: 'redis', user: undefined, loginFile: undefined }));
    expect(setup.argumentsOf('redis-cli').join(' ')).toBe(
      '-h 127.0.0.1 -p 23400 --tls --sni orders-db.abc.eu-west-1.rds.amazonaws.com --cacert /ca.pem',
    );
    const plain = clientSetup(connection({ family: 'redis', user: undefined, tls: 'off' }));
    expect(plain.argumentsOf('valkey-cli').join(' ')).toBe('-h 127.0.0.1 -p 23400');
  });

  it.each(['redis', 'memcached', 'mongodb', 'sqlserver', 'other'] as const)(
    '%s does not promise a read-only session silently',
    (family) => {
      expect(clientSetup(connection({ family, readOnly: true })).limits.length).toBeGreaterThan(0);
    },
  );
});

describe('a login file', () => {
  it('of PostgreSQL escapes colons and backslashes', () => {
    expect(pgpassLine(connection({ user: 'a:b' }), 'p\\a:ss')).toBe(
      'orders-db.abc.eu-west-1.rds.amazonaws.com:23400:*:a\\:b:p\\\\a\\:ss\n',
    );
  });

  it('of MySQL quotes what would end a value or begin a comment', () => {
    const text = mysqlOptions(connection({ family: 'mysql' }), 'a"b\\c#d');
    expect(text).toContain('password="a\\"b\\\\c#d"\n');
    expect(text).toContain('ssl-mode=VERIFY_CA\n');
    const forMariaDb = mysqlOptions(connection({ family: 'mysql', isMariaDb: true }), 'x');
    expect(forMariaDb).toContain('ssl-ca="/ca.pem"\nssl-verify-server-cert=0\n');
    expect(forMariaDb).not.toContain('ssl-mode');
    expect(text).not.toContain('init-command');
    expect(mysqlOptions(connection({ family: 'mysql', readOnly: true }), undefined)).toContain(
      'init-command="SET SESSION TRANSACTION READ ONLY"',
    );
  });
});

describe('curl', () => {
  const opensearch = connection({
    family: 'opensearch',
    remote: { host: 'vpc-logs.eu-west-1.es.amazonaws.com', port: 443 },
    loginFile: '/private/.curlrc',
    user: 'search',
  });

  it('finds the way, the authorities and the login in a file, under the real name', () => {
    expect(clientSetup(opensearch).env).toEqual({
      OPENSEARCH_URL: 'https://vpc-logs.eu-west-1.es.amazonaws.com',
      CURL_HOME: '/private',
    });
    expect(curlOptions(opensearch, 'a"b\\c')).toBe(
      [
        'connect-to = "vpc-logs.eu-west-1.es.amazonaws.com:443:127.0.0.1:23400"',
        'noproxy = "*"',
        'cacert = "/ca.pem"',
        'user = "search:a\\"b\\\\c"',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['off', 443, 'http://search.internal:443'],
    ['off', 80, 'http://search.internal'],
    ['client', 443, 'https://search.internal'],
    ['client', 9200, 'http://search.internal:9200'],
    ['verify', 9200, 'https://search.internal:9200'],
  ] as const)('with TLS %s on port %i calls %s', (tls, port, url) => {
    const remote = { host: 'search.internal', port };
    expect(clientSetup({ ...opensearch, remote, tls }).env['OPENSEARCH_URL']).toBe(url);
  });
});

describe('the protocol', () => {
  it.each([
    ['postgres', 'postgres'],
    ['aurora-postgresql', 'postgres'],
    ['redshift', 'postgres'],
    ['mysql', 'mysql'],
    ['mariadb', 'mysql'],
    ['aurora-mysql', 'mysql'],
    ['valkey', 'redis'],
    ['memcached', 'memcached'],
    ['docdb', 'mongodb'],
    ['sqlserver-ex', 'sqlserver'],
    ['opensearch', 'opensearch'],
    ['elasticsearch', 'opensearch'],
    ['oracle-ee', 'other'],
  ])('of engine %s is %s', (engine, family) => {
    expect(familyOf(engine)).toBe(family);
  });

  it.each([
    [5432, 'postgres'],
    [5439, 'postgres'],
    [3306, 'mysql'],
    [6380, 'redis'],
    [9200, 'opensearch'],
    [443, 'other'],
  ])('on port %i is %s', (port, family) => {
    expect(familyAt(port)).toBe(family);
  });
});
