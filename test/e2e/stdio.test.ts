import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SEED_DATABASES } from '../../src/sandbox/world/seed-databases.ts';
import { ENTRY } from '../support/cli-process.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** One connection on stdin and stdout, as `ssh -o ProxyCommand` uses it. */

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
  // The server takes the place of a database, which the tasks' security group reaches.
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

function start() {
  const child = spawn(process.execPath, [ENTRY, ...STDIO], {
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

function run() {
  const process = start();
  started.push(process);
  return process;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('forward --stdio', () => {
  it('carries ten megabytes each way at the same time, byte for byte, and ends when the remote side ends', async () => {
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

  it('ends when the remote side ends although stdin stays open; a lone LF is a LF', async () => {
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
          // The algorithms that a client offers come after its banner, and only when it has read ours.
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

  const sshd = onPath('sshd');
  if (sshd === undefined)
    reportSkip(
      'a whole ssh session through --stdio',
      'sshd is not on PATH; the key exchange is tested with ssh alone',
    );
});
