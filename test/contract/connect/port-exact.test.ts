import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { digest, PortLab, readAll } from './port-lab.ts';

/** Bytes arrive unchanged, an end of data is passed on as far as the agent allows, and memory stays bounded. */

let lab: PortLab | undefined;
afterEach(() => lab?.close());

const MIB = 2 ** 20;

async function serving(onConnection: (socket: Socket) => void) {
  lab = await PortLab.start();
  await lab.serve((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  return lab.forward();
}

describe('ends of data', () => {
  test('a program that ends its side first and then reads gets the whole reply (nc -N)', async () => {
    const reply = randomBytes(300_000);
    const forward = await serving((socket) => {
      // The server answers after it has the request, some event loop turns after the end of data of the client.
      socket.once('data', () => setImmediate(() => setImmediate(() => socket.end(reply))));
    });
    const socket = forward.dial();
    socket.end('request');
    expect(digest(await readAll(socket))).toBe(digest(reply));
  });

  test('an HTTP/1.0 reply arrives completely, and its end of data too', async () => {
    const body = 'x'.repeat(70_000);
    const forward = await serving((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.0 200 OK\r\n\r\n${body}`));
    });
    const socket = forward.dial();
    socket.write('GET / HTTP/1.0\r\n\r\n');
    expect((await readAll(socket)).toString()).toBe(`HTTP/1.0 200 OK\r\n\r\n${body}`);
  });

  test('a lone LF arrives as a lone LF in both directions', async () => {
    const seen: string[] = [];
    const forward = await serving((socket) => {
      socket.on('data', (bytes: Buffer) => {
        seen.push(bytes.toString('hex'));
        socket.end('\n');
      });
    });
    const socket = forward.dial();
    socket.write('\n');
    expect((await readAll(socket)).toString('hex')).toBe('0a');
    expect(seen).toEqual(['0a']);
  });
});

describe('short connections in a row', () => {
  test.each([
    ['that read the response', true],
    ['that close without reading the response', false],
  ])('300 %s: none is reset, and the server never has more than a handful open', async (_name, reads) => {
    let open = 0;
    let peak = 0;
    let served = 0;
    const forward = await serving((socket) => {
      peak = Math.max(peak, ++open);
      socket.on('close', () => open--);
      socket.on('end', () => socket.end());
      socket.once('data', () => {
        served++;
        socket.write('answer');
      });
    });
    for (let i = 0; i < 300; i++) {
      const socket = forward.dial();
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject);
        socket.on('close', () => resolve());
        if (reads) socket.on('data', () => socket.destroy());
        socket.write('question', () => {
          if (!reads) socket.destroy();
        });
      });
    }
    await vi.waitFor(() => expect([served, open]).toEqual([300, 0]), 30_000);
    expect(peak).toBeLessThanOrEqual(12);
  });
});

describe('a program that does not read, beside fifty others', () => {
  test('does not delay the others until the memory budget is used, never exceeds the budget, and loses no byte', async () => {
    // Each connection tells the server how many bytes it wants.
    const forward = await serving((socket) => {
      socket.once('data', (wanted: Buffer) => socket.end(Buffer.alloc(Number(wanted.toString()), 7)));
    });
    const stalled = forward.dial();
    stalled.pause();
    stalled.write(String(3 * MIB));
    const others = (): Promise<readonly Buffer[]> =>
      Promise.all(
        Array.from({ length: 50 }, () => {
          const socket = forward.dial();
          socket.write('65536');
          return readAll(socket);
        }),
      );
    expect((await others()).map((bytes) => bytes.byteLength)).toEqual(
      Array.from({ length: 50 }, () => 65_536),
    );

    // Far more than the budget: smux v1 now stops every stream, and no more data accumulates.
    const flooded = forward.dial();
    flooded.pause();
    flooded.write(String(24 * MIB));
    let most = 0;
    let before = -1;
    for (let quiet = 0; most < MIB || quiet < 500;) {
      const now = forward.waitingBytes();
      quiet = now === before ? quiet + 1 : 0;
      before = now;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(most).toBeGreaterThan(MIB);
    expect(most).toBeLessThan(7 * MIB);
    const behind = others();
    const both = Promise.all([readAll(stalled), readAll(flooded)]);
    stalled.resume();
    flooded.resume();
    expect((await both).map((bytes) => bytes.byteLength)).toEqual([3 * MIB, 24 * MIB]);
    expect(await behind).toHaveLength(50);
  });
});
