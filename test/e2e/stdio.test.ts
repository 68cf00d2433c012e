import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SEED_DATABASES } from '../../src/sandbox/world/seed-databases.ts';
import { ENTRY } from '../support/cli-process.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** One connection over stdin and stdout, as `ssh -o ProxyCommand` uses it. */

const sandbox = testSandbox();
const place = SEED_DATABASES[0];
if (place === undefined) throw new Error('the seed has no database');
const STDIO = ['forward', 'orders-api', '--stdio', `${place.host}:${place.port}`, '--cluster', 'demo'];

let onConnection: (socket: Socket) => void = () => undefined;
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined);
  onConnection(socket);
});
let home: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'fc-stdio-'));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // The server listens on the port of a database, which the security group of the tasks may reach.
  sandbox().listen(place.privateIp, place.port, (server.address() as AddressInfo).port);
});
afterAll(() => {
  server.close();
  rmSync(home, { recursive: true });
});

const started: ReturnType<typeof start>[] = [];
afterEach(() => {
  for (const { child } of started.splice(0)) child.kill('SIGKILL');
});

function start(program = process.execPath, args = [ENTRY, ...STDIO]) {
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], HOME: home, ...sandbox().env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([status]: unknown[]) => ({
    status,
    stdout: Buffer.concat(parts),
    stderr,
  }));
  return { child, ended };
}

function run(...command: Parameters<typeof start>) {
  const process = start(...command);
  started.push(process);
  return process;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('forward --stdio', () => {
  it('carries ten megabytes in each direction at the same time, byte for byte, and ends when the remote side ends', async () => {
    const [up, down] = [randomBytes(10_000_000), randomBytes(10_000_000)];
    const received = new Promise<Buffer>((resolve) => {
      onConnection = (socket) => {
        const parts: Buffer[] = [];
        let length = 0;
        socket.write(down);
        socket.on('data', (part: Buffer) => {
          parts.push(part);
          length += part.byteLength;
          if (length !== up.byteLength) return;
          resolve(Buffer.concat(parts));
          socket.end();
        });
      };
    });
    const { child, ended } = run();
    child.stdin.write(up);
    expect(digest(await received)).toBe(digest(up));
    const { status, stdout } = await ended;
    expect(status).toBe(0);
    expect(digest(stdout)).toBe(digest(down));
  });

  it('keeps reading after the end of stdin: the whole reply arrives', async () => {
    const reply = randomBytes(500_000);
    onConnection = (socket) => socket.once('data', () => setImmediate(() => socket.end(reply)));
    const { child, ended } = run();
    child.stdin.end('\n');
    const { status, stdout } = await ended;
    expect(status).toBe(0);
    expect(digest(stdout)).toBe(digest(reply));
  });

  it('ends when the remote side ends although stdin stays open, and does not change a lone LF', async () => {
    onConnection = (socket) => socket.once('data', (bytes: Buffer) => socket.end(bytes.toString('hex')));
    const { child, ended } = run();
    child.stdin.write('\n');
    expect(await ended).toMatchObject({ status: 0, stdout: Buffer.from('0a') });
  });

  const ssh = onPath('ssh');
  if (ssh === undefined) reportSkip('ssh -o ProxyCommand', 'ssh is not on PATH');
  it.runIf(ssh !== undefined)('is a ProxyCommand for the real ssh, up to the key exchange', async () => {
    const heard = new Promise<string>((resolve) => {
      onConnection = (socket) => {
        let text = '';
        socket.write('SSH-2.0-OpenSSH_9.9\r\n');
        socket.on('data', (bytes: Buffer) => {
          text += bytes.toString('latin1');
          // A client sends its list of algorithms after its banner, and only after it has read the banner of the
          // server.
          if (!text.includes('curve25519')) return;
          resolve(text);
          socket.end();
        });
      };
    });
    const proxyCommand = `"${process.execPath}" "${ENTRY}" ${STDIO.join(' ')}`;
    const child = spawn(
      ssh ?? '',
      [
        '-F',
        '/dev/null',
        '-o',
        'BatchMode=yes',
        '-o',
        'UserKnownHostsFile=/dev/null',
        '-o',
        `ProxyCommand=${proxyCommand}`,
        'nobody@host.internal',
      ],
      { env: { PATH: process.env['PATH'], HOME: home, ...sandbox().env }, stdio: 'ignore' },
    );
    const ended = once(child, 'exit');
    expect(await heard).toMatch(/^SSH-2\.0-OpenSSH/);
    await ended;
  });

  // sshd is often in a folder that is not in the PATH of a user.
  const sshd = onPath('sshd', ['/usr/sbin', '/usr/local/sbin']);
  const keygen = onPath('ssh-keygen');
  const missing = Object.entries({ ssh, sshd, 'ssh-keygen': keygen }).flatMap(([name, path]) =>
    path === undefined ? [name] : [],
  );
  if (missing.length > 0)
    reportSkip('a whole ssh session through --stdio', `not on PATH: ${missing.join(', ')}`);
  describe.runIf(missing.length === 0)('as the ProxyCommand for a real sshd', () => {
    /** Debian's sshd refuses to start as root without this folder, which normally its service creates. */
    const PRIVILEGE_SEPARATION = '/run/sshd';
    const isRoot = process.getuid?.() === 0;
    const madeDirectory = isRoot && !existsSync(PRIVILEGE_SEPARATION);
    beforeAll(() => {
      if (madeDirectory) mkdirSync(PRIVILEGE_SEPARATION, { mode: 0o755 });
      for (const key of ['host', 'person'])
        execFileSync(keygen ?? '', ['-q', '-t', 'ed25519', '-N', '', '-C', key, '-f', join(home, key)]);
      const hostKey = readFileSync(join(home, 'host.pub'), 'utf8');
      writeFileSync(join(home, 'known_hosts'), `host.internal ${hostKey}`);
      const config = [
        `HostKey ${join(home, 'host')}`,
        `AuthorizedKeysFile ${join(home, 'person.pub')}`,
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'PermitRootLogin prohibit-password',
        // sshd would refuse the keys because everyone may write to /tmp, which contains them.
        'StrictModes no',
        'PidFile none',
      ];
      writeFileSync(join(home, 'sshd_config'), `${config.join('\n')}\n`);
    });
    afterAll(() => {
      if (madeDirectory) rmdirSync(PRIVILEGE_SEPARATION);
    });

    /** Starts one sshd for each connection, as inetd does. */
    const serveSsh = (socket: Socket): void => {
      const daemon = spawn(sshd ?? '', ['-i', '-e', '-f', join(home, 'sshd_config')], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      daemon.stdin.on('error', () => undefined);
      socket.pipe(daemon.stdin);
      daemon.stdout.pipe(socket);
      socket.on('close', () => daemon.kill());
    };

    function overSsh(command: string, input: string | Buffer = '') {
      onConnection = serveSsh;
      const options = [
        'BatchMode=yes',
        `IdentityFile=${join(home, 'person')}`,
        'IdentitiesOnly=yes',
        `UserKnownHostsFile=${join(home, 'known_hosts')}`,
        'StrictHostKeyChecking=yes',
        `ProxyCommand="${process.execPath}" "${ENTRY}" ${STDIO.join(' ')}`,
      ];
      const flags = options.flatMap((option) => ['-o', option]);
      const person = `${userInfo().username}@host.internal`;
      const { child, ended } = run(ssh, ['-F', '/dev/null', ...flags, person, command]);
      child.stdin.end(input);
      return ended;
    }

    it('runs a command and returns its stdout, stderr and exit status', async () => {
      const result = await overSsh('echo out; echo err >&2; exit 7');
      expect(result).toMatchObject({ status: 7, stdout: Buffer.from('out\n') });
      expect(result.stderr).toContain('err\n');
    });

    it('carries a megabyte in each direction', async () => {
      const bytes = randomBytes(1_000_000);
      const { status, stdout } = await overSsh('cat', bytes);
      expect(status).toBe(0);
      expect(digest(stdout)).toBe(digest(bytes));
    });
  });
});
