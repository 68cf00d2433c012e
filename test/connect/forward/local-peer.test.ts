import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';

import { readKernelTable } from '../../../src/connect/forward/local-peer.ts';

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

test.runIf(process.platform === 'linux')(
  'a program that ended its side is reading; one that closed is not',
  async () => {
    const look = readKernelTable();
    const half = await pair('127.0.0.1');
    half.program.end('question');
    await ended(half.ours);
    expect(await look(half.ours)).toBe('reading');
    const whole = await pair('127.0.0.1');
    whole.program.write('bye', () => whole.program.destroy());
    await ended(whole.ours);
    expect(await look(whole.ours)).toBe('closed');
  },
);

test('concurrent lookups share one read of the kernel table', async () => {
  const { ours } = await pair('127.0.0.1');
  let readings = 0;
  const look = readKernelTable((path) => {
    if (path.endsWith('tcp')) readings++;
    return Promise.resolve('');
  });
  const first = look(ours);
  await Promise.all([first, look(ours), look(ours)]);
  expect(readings).toBe(1);
});

test('the result is unknown if there is no kernel table', async () => {
  const { ours } = await pair('127.0.0.1');
  expect(await readKernelTable(() => Promise.reject(new Error('ENOENT')))(ours)).toBe('unknown');
});
