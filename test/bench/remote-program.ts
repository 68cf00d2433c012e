import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * The program behind a forward, and its client. A connection starts with one letter and a length in KiB of eight
 * digits: `D` the program sends that many bytes, `U` it reads that many and answers with one byte, `H` it reads that
 * many and answers with their SHA-256, `E` it sends back what it receives.
 */
const REQUEST_LENGTH = 9;
/** One request of `roundTrips`. */
export const MESSAGE = Buffer.alloc(64, 'q');
const BLOCK = Buffer.alloc(64 * 1024, 'fargate-connect ');

export const request = (kind: 'D' | 'U' | 'H' | 'E', bytes = 0): string =>
  kind + String(bytes / 1024).padStart(REQUEST_LENGTH - 1, '0');

export interface RemoteProgram {
  readonly port: number;
  /** The highest number of connections open at the same time since the last `restartPeak`. */
  readonly peak: number;
  restartPeak(): void;
  /** Resolves when the next connection is closed. */
  nextClose(): Promise<unknown>;
  close(): void;
}

export async function startRemoteProgram(): Promise<RemoteProgram> {
  const sockets = new Set<Socket>();
  let peak = 0;
  const closed = new EventEmitter();
  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    peak = Math.max(peak, sockets.size);
    // The end of data is what tells a server that its client is gone.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      sockets.delete(socket);
      closed.emit('close');
    });
    socket.on('error', () => undefined);
    let head = Buffer.alloc(0);
    const readHead = (bytes: Buffer): void => {
      head = Buffer.concat([head, bytes]);
      if (head.length < REQUEST_LENGTH) return;
      socket.off('data', readHead);
      serve(socket, head.toString('latin1', 0, 1), Number(head.toString('latin1', 1, REQUEST_LENGTH)) * 1024);
      if (head.length > REQUEST_LENGTH) socket.emit('data', head.subarray(REQUEST_LENGTH));
    };
    socket.on('data', readHead);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get peak() {
      return peak;
    },
    restartPeak() {
      peak = sockets.size;
    },
    nextClose: () => once(closed, 'close'),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function serve(socket: Socket, kind: string, bytes: number): void {
  switch (kind) {
    case 'D':
      void send(socket, bytes).then(() => socket.end());
      return;
    case 'U': {
      let left = bytes;
      socket.on('data', (data: Buffer) => {
        left -= data.length;
        if (left === 0) socket.write('.');
      });
      return;
    }
    case 'H': {
      const hash = createHash('sha256');
      let left = bytes;
      socket.on('data', (data: Buffer) => {
        hash.update(data);
        left -= data.length;
        if (left <= 0) socket.end(hash.digest('hex'));
      });
      return;
    }
    default:
      socket.on('data', (data: Buffer) => socket.write(data));
  }
}

async function send(socket: Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !socket.destroyed; left -= BLOCK.length)
    if (!socket.write(BLOCK.subarray(0, left))) await drained(socket);
}

/** Resolves when the socket accepts more data, or has closed. */
export function drained(socket: Duplex): Promise<void> {
  return new Promise((done) => {
    const settle = (): void => {
      socket.off('drain', settle).off('close', settle);
      done();
    };
    socket.on('drain', settle).on('close', settle);
  });
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  // A caller that waits receives the reset as an error; without one the error is ignored.
  socket.on('error', () => undefined);
  return socket;
}

/** Milliseconds of `count` requests of 64 bytes, one after the other over one connection, which is closed then. */
export async function roundTrips(socket: Socket, count: number): Promise<readonly number[]> {
  socket.write(request('E'));
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    let missing = MESSAGE.length;
    socket.write(MESSAGE);
    while (missing > 0) missing -= ((await once(socket, 'data')) as [Buffer])[0].length;
    times.push(performance.now() - began);
  }
  socket.destroy();
  return times;
}

/** Rejects if the connection ends before everything arrived. */
export async function download(from: number | Socket, bytes: number): Promise<void> {
  const socket = typeof from === 'number' ? await dial(from) : from;
  let received = 0;
  socket.on('data', (data: Buffer) => {
    received += data.length;
    if (received >= bytes) socket.destroy();
  });
  socket.write(request('D', bytes));
  await once(socket, 'close');
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived`);
}

/** The result of a transfer in which every byte is checked. */
export type Checked = 'intact' | 'failed' | 'wrong' | 'ended early';

/**
 * Sends that many bytes and compares them with what the remote program received. `ended early`: an end of data arrived
 * instead of a reset.
 */
export async function checkedUpload(port: number, bytes: number): Promise<Checked> {
  const socket = await dial(port);
  const answer = answerOf(socket);
  socket.write(request('H', bytes));
  void send(socket, bytes);
  const { data, isReset } = await answer;
  if (data.length === 0) return isReset ? 'failed' : 'ended early';
  return data.toString() === digestOf(bytes) ? 'intact' : 'wrong';
}

export async function checkedDownload(port: number, bytes: number): Promise<Checked> {
  const socket = await dial(port);
  const answer = answerOf(socket);
  socket.write(request('D', bytes));
  const { data, isReset } = await answer;
  if (data.length < bytes) return isReset ? 'failed' : 'ended early';
  return createHash('sha256').update(data).digest('hex') === digestOf(bytes) ? 'intact' : 'wrong';
}

async function answerOf(socket: Socket): Promise<{ readonly data: Buffer; readonly isReset: boolean }> {
  const parts: Buffer[] = [];
  let isReset = false;
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.on('error', () => (isReset = true));
  await new Promise((resolve) => socket.once('close', resolve));
  return { data: Buffer.concat(parts), isReset };
}

function digestOf(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= BLOCK.length) hash.update(BLOCK.subarray(0, left));
  return hash.digest('hex');
}

/** Resolves when the remote program has received the last byte. */
export async function upload(port: number, bytes: number): Promise<void> {
  const socket = await dial(port);
  const taken = once(socket, 'data');
  socket.write(request('U', bytes));
  await send(socket, bytes);
  await taken;
  socket.destroy();
}
