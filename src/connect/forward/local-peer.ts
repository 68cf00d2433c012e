import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * What a local program does with the other direction after it sent its end of data: it has closed the connection, or it
 * still reads (`shutdown`, `nc -N`). TCP shows the same FIN for both; `unknown` when the operating system cannot tell.
 */
export type LocalPeer = 'closed' | 'reading' | 'unknown';

export type ReadPeer = (connection: Duplex) => Promise<LocalPeer>;

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
/** Field numbers in a row: own address, peer address, state …, inode. */
const LOCAL = 1;
const REMOTE = 2;
const INODE = 9;
const NO_INODE = '0';

/**
 * Reads the kernel's table of connections: the program's end of a loopback connection has an inode there as long as a
 * process has it open. Requests that are made at the same time share one reading of the table.
 */
export function readKernelTable(read: (path: string) => Promise<string> = readText): ReadPeer {
  let reading: Promise<ReadonlyMap<string, string> | undefined> | undefined;
  const table = (): Promise<ReadonlyMap<string, string> | undefined> => {
    reading ??= readTable(read).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  return async (connection) => {
    if (!(connection instanceof Socket) || !isLoopback(connection.remoteAddress)) return 'unknown';
    const { localPort, remotePort } = connection;
    if (localPort === undefined || remotePort === undefined) return 'closed';
    // A reading that began before the end of data shows an older state.
    await reading;
    const inodes = await table();
    if (inodes === undefined) return 'unknown';
    return (inodes.get(`${remotePort}>${localPort}`) ?? NO_INODE) === NO_INODE ? 'closed' : 'reading';
  };
}

const readText = (path: string): Promise<string> => readFile(path, 'latin1');

/** Inodes by `port>port`; undefined on systems without such a table. */
async function readTable(
  read: (path: string) => Promise<string>,
): Promise<ReadonlyMap<string, string> | undefined> {
  const texts = await Promise.all(TABLES.map((path) => read(path).catch(() => undefined)));
  if (texts[0] === undefined) return undefined;
  const inodes = new Map<string, string>();
  for (const text of texts)
    for (const row of (text ?? '').split('\n').slice(1)) {
      const fields = row.trim().split(/\s+/);
      const [from, to, inode] = [portOf(fields[LOCAL]), portOf(fields[REMOTE]), fields[INODE]];
      if (from === undefined || to === undefined || inode === undefined) continue;
      const key = `${from}>${to}`;
      // If the same two ports appear at other addresses too, one open end is enough.
      if ((inodes.get(key) ?? NO_INODE) === NO_INODE) inodes.set(key, inode);
    }
  return inodes;
}

function portOf(address: string | undefined): number | undefined {
  const port = Number.parseInt(address?.split(':')[1] ?? '', 16);
  return Number.isNaN(port) ? undefined : port;
}

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address);
