import { chmodSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { ControlConnection } from '../../app/supervisor/supervisor.ts';
import { failed } from '../../core/errors.ts';

/** The control socket: only its owner can open it, and one of another person is not used. */

/** Linux has room for 107 characters and a NUL, macOS for 103. */
const MAX_PATH = 103;

/** Creates the folder with mode 0700. Throws `runtime-folder` if it is not a folder of this person, or a link. */
export function ownFolder(folder: string, uid: number): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(folder, reasonOf(error), error);
  }
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) throw unusable(folder, 'it is no folder');
  refuseOthers(folder, stats, uid);
  if ((stats.mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

/**
 * Undefined if nothing listens. Throws `runtime-folder` if the socket, or its folder, belongs to somebody else, or is none.
 */
export async function connectControl(path: string, uid: number): Promise<ControlConnection | undefined> {
  const folder = statOf(dirname(path));
  if (folder === undefined) return undefined;
  refuseOthers(dirname(path), folder, uid);
  const stats = statOf(path);
  if (stats === undefined) return undefined;
  refuseOthers(path, stats, uid);
  if (!stats.isSocket()) throw unusable(path, 'it is no socket');
  const socket = connectTo(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined;
    throw unusable(path, reasonOf(error), error);
  }
  return connectionOf(socket);
}

export interface ControlServer {
  close(): Promise<void>;
}

/** Throws `runtime-folder`, also if another supervisor listens. */
export async function listenControl(
  path: string,
  uid: number,
  accept: (connection: ControlConnection) => void,
): Promise<ControlServer> {
  if (Buffer.byteLength(path) > MAX_PATH)
    throw unusable(path, `a socket's path has at most ${MAX_PATH} bytes`);
  ownFolder(dirname(path), uid);
  const server = createServer((socket) => accept(connectionOf(socket)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(unusable(path, reasonOf(error), error)));
    server.listen(path, resolve);
  });
  // Nobody else can enter the folder before this.
  chmodSync(path, 0o600);
  server.on('error', () => undefined);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

function connectionOf(socket: Socket): ControlConnection {
  // What the other side does not read any more is lost; its end is reported by `close`.
  socket.on('error', () => undefined);
  return {
    write: (line) => void socket.write(line),
    end: () => void socket.end(),
    onBytes: (listener) => void socket.on('data', listener),
    onClose: (listener) => void socket.once('close', listener),
  };
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function refuseOthers(path: string, stats: Stats, uid: number): void {
  if (stats.uid !== uid) throw unusable(path, `it belongs to the user ${stats.uid}, and you are ${uid}`);
}

const unusable = (path: string, reason: string, cause?: unknown): Error =>
  failed('runtime-folder', `${path} cannot be used: ${reason}`, { details: { path }, cause });

const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
