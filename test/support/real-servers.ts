import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ServerCertificate } from '../../src/sandbox/world/certificates.ts';
import { onPath } from './on-path.ts';
import { until } from './eventually.ts';

/** Servers from Debian on a free port of 127.0.0.1, with TLS; each of them has a user `orders` with the password. */

export interface RealServer {
  readonly port: number;
  /** Starts it again with this certificate, on the same port and with the same data. */
  present(certificate: ServerCertificate): Promise<void>;
  stop(): Promise<void>;
}

export interface RealServerOptions {
  readonly certificate: ServerCertificate;
  /** PEM of the authority. */
  readonly ca: string;
  readonly password: string;
}

type Start = (options: RealServerOptions) => Promise<RealServer>;

/** What the server is started with; undefined = the program is not installed. */
export const REAL_SERVERS: Readonly<Record<'postgres' | 'mariadb' | 'redis', Start | undefined>> = {
  postgres: postgresBin() === undefined ? undefined : startPostgres,
  mariadb:
    onPath('mariadbd', ['/usr/sbin']) === undefined || onPath('mariadb-install-db') === undefined
      ? undefined
      : startMariaDb,
  redis: onPath('redis-server') === undefined ? undefined : startRedis,
};

function postgresBin(): string | undefined {
  const root = '/usr/lib/postgresql';
  const [version] = existsSync(root) ? readdirSync(root).sort().toReversed() : [];
  return version === undefined ? undefined : join(root, version, 'bin');
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const listens = (port: number) => (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

function files({ certificate, ca }: RealServerOptions): string {
  const folder = mkdtempSync(join(tmpdir(), 'real-server-'));
  writeFileSync(join(folder, 'ca.pem'), ca);
  writeCertificate(folder, certificate);
  return folder;
}

/** Keeps owner and mode of files that exist. */
function writeCertificate(folder: string, certificate: ServerCertificate): void {
  writeFileSync(join(folder, 'cert.pem'), certificate.certificate);
  writeFileSync(join(folder, 'key.pem'), certificate.key, { mode: 0o600 });
}

/** `stopSignal` ends the server without waiting for its clients. */
async function running(
  start: () => ChildProcess,
  { port, folder, stopSignal }: { port: number; folder: string; stopSignal: 'SIGTERM' | 'SIGINT' },
): Promise<RealServer> {
  let child = start();
  await until(listens(port));
  const ended = async (): Promise<void> => {
    const exit = once(child, 'exit');
    if (child.exitCode !== null) return;
    child.kill(stopSignal);
    await exit;
  };
  return {
    port,
    async present(certificate) {
      await ended();
      writeCertificate(folder, certificate);
      child = start();
      await until(listens(port));
    },
    async stop() {
      await ended();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root. */
const asPostgres = (program: string, args: readonly string[]): readonly [string, readonly string[]] =>
  process.getuid?.() === 0
    ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]]
    : [program, args];

async function startPostgres(options: RealServerOptions): Promise<RealServer> {
  const folder = files(options);
  const bin = postgresBin() ?? '';
  writeFileSync(join(folder, 'password'), `${options.password}\n`);
  chmodSync(folder, 0o755);
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', 'postgres', folder]);
  const data = join(folder, 'data');
  const run = (program: string, args: readonly string[]): void => {
    execFileSync(...asPostgres(join(bin, program), args), { stdio: 'ignore' });
  };
  const auth = ['--auth=scram-sha-256', '--username=orders', `--pwfile=${join(folder, 'password')}`];
  run('initdb', ['-D', data, '--no-sync', ...auth]);
  const port = await freePort();
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    ssl: 'on',
    ssl_cert_file: join(folder, 'cert.pem'),
    ssl_key_file: join(folder, 'key.pem'),
    fsync: 'off',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const start = (): ChildProcess =>
    spawn(...asPostgres(join(bin, 'postgres'), ['-D', data, ...flags]), { stdio: 'ignore' });
  return running(start, { port, folder, stopSignal: 'SIGINT' });
}

async function startMariaDb(options: RealServerOptions): Promise<RealServer> {
  const folder = files(options);
  const data = join(folder, 'data');
  const sql = join(folder, 'init.sql');
  // The server runs one statement for each line.
  const statements = [
    "DROP USER IF EXISTS ''@'localhost'",
    'CREATE DATABASE IF NOT EXISTS orders',
    'CREATE TABLE IF NOT EXISTS orders.t (n int)',
    `CREATE USER IF NOT EXISTS 'orders'@'%' IDENTIFIED BY '${options.password}'`,
    "GRANT ALL ON orders.* TO 'orders'@'%'",
    'FLUSH PRIVILEGES',
  ];
  writeFileSync(sql, statements.map((statement) => `${statement};\n`).join(''));
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  execFileSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...user,
    ],
    { stdio: 'ignore' },
  );
  const port = await freePort();
  const start = (): ChildProcess =>
    spawn(
      onPath('mariadbd', ['/usr/sbin']) ?? '',
      [
        '--no-defaults',
        `--datadir=${data}`,
        `--socket=${join(folder, 's')}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--ssl-ca=${join(folder, 'ca.pem')}`,
        `--ssl-cert=${join(folder, 'cert.pem')}`,
        `--ssl-key=${join(folder, 'key.pem')}`,
        `--init-file=${sql}`,
        ...user,
      ],
      { stdio: 'ignore' },
    );
  return running(start, { port, folder, stopSignal: 'SIGTERM' });
}

async function startRedis(options: RealServerOptions): Promise<RealServer> {
  const folder = files(options);
  const port = await freePort();
  // In a file, because the arguments of a process are no place for a password.
  const settings = [
    'port 0',
    `tls-port ${port}`,
    'bind 127.0.0.1',
    `tls-cert-file ${join(folder, 'cert.pem')}`,
    `tls-key-file ${join(folder, 'key.pem')}`,
    `tls-ca-cert-file ${join(folder, 'ca.pem')}`,
    'tls-auth-clients no',
    'save ""',
    `dir ${folder}`,
    `user orders on >${options.password} ~* +@all`,
  ];
  writeFileSync(join(folder, 'redis.conf'), `${settings.join('\n')}\n`);
  const start = (): ChildProcess => spawn('redis-server', [join(folder, 'redis.conf')], { stdio: 'ignore' });
  return running(start, { port, folder, stopSignal: 'SIGTERM' });
}
