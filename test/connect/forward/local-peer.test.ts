import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';

import { readKernelTable } from '../../../src/connect/forward/local-peer.ts';
import { reportSkip } from '../../support/on-path.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function pair(host: string): Promise<{ readonly ours: Socket; readonly program: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  closers.push(() => server.close());
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const program = connect({ host, port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const ours = await accepted;
  ours.on('error', () => undefined);
  ours.resume();
  closers.push(
    () => ours.destroy(),
    () => program.destroy(),
  );
  return { ours, program };
}

const ended = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('end', resolve));

const isLinux = process.platform === 'linux';
if (!isLinux) reportSkip('what a local program does with its connection', 'only Linux has /proc/net/tcp');
test.runIf(isLinux)('a program that ended its side is reading; one that closed is not', async () => {
  const look = readKernelTable();
  const half = await pair('127.0.0.1');
  half.program.end('question');
  await ended(half.ours);
  expect(await look(half.ours)).toBe('reading');
  const whole = await pair('127.0.0.1');
  whole.program.write('bye', () => whole.program.destroy());
  await ended(whole.ours);
  expect(await look(whole.ours)).toBe('closed');
});

test.runIf(isLinux)('the same through a socket with both families', async () => {
  const look = readKernelTable();
  const half = await pair('::ffff:127.0.0.1');
  half.program.end('question');
  await ended(half.ours);
  expect(await look(half.ours)).toBe('reading');
});

/** The row of the program's end, as the kernel writes it. */
function rowOf({ ours }: { readonly ours: Socket }, inode: number): string {
  const hex = (port: number | undefined): string => (port ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `   7: 0100007F:${hex(ours.remotePort)} 0100007F:${hex(ours.localPort)} 05 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1\n`;
}

test('questions of one turn share a reading, which ends when the rows are found; later ones have their own', async () => {
  const [first, second, third] = await Promise.all([pair('127.0.0.1'), pair('127.0.0.1'), pair('127.0.0.1')]);
  const table = `  sl  local_address rem_address\n${rowOf(first, 0)}${rowOf(second, 4711)}`;
  let readings = 0;
  let parts = 0;
  const look = readKernelTable(async function* (path) {
    if (path.endsWith('6')) return;
    readings++;
    for (const part of [table.slice(0, 50), table.slice(50), rowOf(third, 0)]) {
      parts++;
      yield part;
    }
  });
  expect(await Promise.all([look(first.ours), look(second.ours), look(first.ours)])).toEqual([
    'closed',
    'reading',
    'closed',
  ]);
  expect({ readings, parts }).toEqual({ readings: 1, parts: 2 });
  const one = look(second.ours);
  await new Promise(setImmediate);
  expect(await Promise.all([one, look(third.ours)])).toEqual(['reading', 'closed']);
  expect(readings).toBe(3);
});

test('the result is unknown if there is no kernel table', async () => {
  const { ours } = await pair('127.0.0.1');
  // eslint-disable-next-line require-yield
  const look = readKernelTable(async function* () {
    throw new Error('ENOENT');
  });
  expect(await look(ours)).toBe('unknown');
});
