import { type FileHandle, open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { endianness } from 'node:os';
import type { Duplex } from 'node:stream';

/**
 * What a local program does with the other direction after it sent its end of data: it has closed the connection, or it
 * still reads (`shutdown`, `nc -N`). TCP shows the same FIN for both; `unknown` when the operating system cannot tell.
 */
export type LocalPeer = 'closed' | 'reading' | 'unknown';

export type ReadPeer = (connection: Duplex) => Promise<LocalPeer>;

/** Yields the parts of a file, which may end in the middle of a line. Throws if there is no such file. */
export type ReadParts = (path: string) => AsyncIterable<string>;

const TABLES = { ipv4: '/proc/net/tcp', ipv6: '/proc/net/tcp6' } as const;
/** Field numbers in a row: own address, peer address, state …, inode. */
const LOCAL = 1;
const REMOTE = 2;
const INODE = 9;
const NO_INODE = '0';

interface Question {
  /** The two addresses of the program's end as the tables write them: `own peer`. */
  readonly rows: ReadonlySet<string>;
  readonly answer: (peer: LocalPeer) => void;
}

/**
 * Reads the kernel's table of connections: the program's end of a loopback connection has an inode there as long as a
 * process has it open. To write the table, the kernel walks through all of its hash, which takes some 20 ms of CPU
 * time on a machine with much memory; so questions that are asked at the same time share one reading, and a reading
 * ends when it has found all that it was started for.
 */
export function readKernelTable(read: ReadParts = partsOf): ReadPeer {
  let isReading = false;
  let waiting: Question[] = [];

  const readAll = async (): Promise<void> => {
    isReading = true;
    while (waiting.length > 0) {
      // A reading that began before the end of data shows an older state, so later questions wait for the next one.
      const asked = waiting;
      waiting = [];
      await answerAll(asked, read);
    }
    isReading = false;
  };
  return (connection) => {
    if (!(connection instanceof Socket) || !isLoopback(connection.remoteAddress))
      return Promise.resolve('unknown');
    const rows = rowsOf(connection);
    if (rows === undefined) return Promise.resolve('closed');
    return new Promise((answer) => {
      waiting.push({ rows, answer });
      // The connections that end in the same turn are asked about together.
      if (!isReading) {
        isReading = true;
        setImmediate(() => void readAll());
      }
    });
  };
}

async function answerAll(asked: readonly Question[], read: ReadParts): Promise<void> {
  const open = new Set(asked);
  const search = async (path: string): Promise<void> => {
    let rest = '';
    for await (const part of read(path)) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const fields = line.trim().split(/\s+/);
        const row = `${fields[LOCAL]} ${fields[REMOTE]}`;
        for (const question of open) {
          if (!question.rows.has(row)) continue;
          open.delete(question);
          question.answer((fields[INODE] ?? NO_INODE) === NO_INODE ? 'closed' : 'reading');
        }
      }
      if (open.size === 0) return;
    }
  };
  const [ipv4] = await Promise.allSettled([search(TABLES.ipv4), search(TABLES.ipv6)]);
  // Without IPv6 there is no second table; without the first one the system has none.
  for (const { answer } of open) answer(ipv4.status === 'fulfilled' ? 'closed' : 'unknown');
}

/** A part is as long as the kernel makes it, one page. */
async function* partsOf(path: string): AsyncIterable<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const buffer = Buffer.allocUnsafe(64 * 1024);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.toString('latin1', 0, bytesRead);
    }
  } finally {
    // Nobody waits for this.
    file?.close().catch(() => undefined);
  }
}

/** The row of the program's end, in either table; undefined if the connection has no addresses any more. */
function rowsOf(connection: Socket): ReadonlySet<string> | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = connection;
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const own = written(remoteAddress, remotePort);
  const peer = written(localAddress, localPort);
  return new Set(own.map((address, table) => `${address} ${peer[table]}`));
}

const MAPPED_PREFIX = '0000000000000000FFFF0000';
/** `::1` as four words of 32 bits in the byte order of the machine. */
const IPV6_LOOPBACK = `${'0'.repeat(24)}${word([0, 0, 0, 1])}`;

/** A loopback address as /proc/net/tcp and /proc/net/tcp6 write it. */
function written(address: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (ipv4 === undefined) return [`${IPV6_LOOPBACK}${suffix}`];
  const hex = word(ipv4.split('.').map(Number));
  const prefix = endianness() === 'LE' ? MAPPED_PREFIX : '00000000000000000000FFFF';
  return [`${hex}${suffix}`, `${prefix}${hex}${suffix}`];
}

function word(bytes: readonly number[]): string {
  const ordered = endianness() === 'LE' ? bytes.toReversed() : bytes;
  return Buffer.from(ordered).toString('hex').toUpperCase();
}

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address);
