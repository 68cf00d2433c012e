import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { failed, noMatch } from '../../core/errors.ts';
import { localFault, type Side } from './copy-faults.ts';
import { baseName, endsWithSlash, joinPath, shownPath } from './copy-paths.ts';

/** A file or folder of this machine that is to be copied; links are followed. */
export interface LocalSource {
  readonly path: Buffer;
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
  readonly mode: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Changes when the file is replaced or written. */
  readonly identity: string;
}

const PERMISSIONS = 0o7777;

/** Throws `copy-not-found`, `copy-denied`. */
export async function localSource(path: Buffer): Promise<LocalSource> {
  const found = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw localFault('read', shownPath(path), error);
  });
  return {
    path,
    kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other',
    size: Number(found.size),
    mode: Number(found.mode) & PERMISSIONS,
    mtime: Number(found.mtimeMs / 1000n),
    identity: [found.dev, found.ino, found.size, found.mtimeNs].join('-'),
  };
}

export interface LocalTarget {
  /** Links are resolved: the file that a link leads to is replaced, and not the link. */
  readonly path: Buffer;
  readonly folder: Buffer;
}

/**
 * Where a file with this name goes: into `path` if that is a folder, else to `path` itself. Throws `copy-not-found` for
 * a folder that does not exist, `copy-folder-in-the-way`, `copy-not-a-file`.
 */
export async function localTarget(path: Buffer, name: Uint8Array): Promise<LocalTarget> {
  let target = path;
  if (await isFolder(path)) target = joinPath(path, name);
  else if (endsWithSlash(path)) throw folderMissing(shownPath(path), 'local');
  const existing = await stat(target).catch(() => undefined);
  if (existing?.isDirectory() === true) throw folderInTheWay(shownPath(target));
  if (existing !== undefined && !existing.isFile())
    throw failed('copy-not-a-file', `${shownPath(target)} exists and is not a file`, {
      details: { path: shownPath(target), side: 'local' },
    });
  if (existing !== undefined) target = await realpath(target, { encoding: 'buffer' });
  const slash = target.lastIndexOf('/');
  const folder = slash === -1 ? Buffer.from('.') : target.subarray(0, slash + 1);
  if (!(await isFolder(folder))) throw folderMissing(shownPath(folder), 'local');
  return { path: target, folder };
}

/** False also for a path that does not exist or may not be read. */
export const isFolder = async (path: Buffer): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

export const folderMissing = (path: string, side: Side): Error =>
  noMatch(
    'copy-not-found',
    `the folder ${path} does not exist ${side === 'container' ? 'in the container' : 'on this machine'}`,
    {
      details: { path, side },
    },
  );

export const folderInTheWay = (path: string): Error =>
  failed('copy-folder-in-the-way', `${path} is a folder, and a file cannot take its name`, {
    details: { path },
  });

/** Name of the temporary file for a copy with this identity. */
export const partName = (identity: string): string =>
  `.fargate-connect-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}.part`;

/** A file under a temporary name in the folder of the target; `place` gives it its final name. */
export class LocalPart {
  readonly target: LocalTarget;
  readonly #path: Buffer;
  readonly #file: FileHandle;

  private constructor(target: LocalTarget, path: Buffer, file: FileHandle) {
    this.target = target;
    this.#path = path;
    this.#file = file;
  }

  /** Throws `copy-read-only`, `copy-disk-full`, `copy-denied`. */
  static async open(target: LocalTarget, name: string): Promise<LocalPart> {
    const path = joinPath(target.folder, Buffer.from(name));
    try {
      const flags = (await stat(path).catch(() => undefined)) === undefined ? 'wx+' : 'r+';
      return new LocalPart(target, path, await open(path, flags, 0o600));
    } catch (error) {
      throw localFault('write', shownPath(target.path), error);
    }
  }

  get name(): string {
    return shownPath(this.#path);
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await this.#file.write(bytes, 0, bytes.byteLength, position);
    } catch (error) {
      throw localFault('write', shownPath(this.target.path), error);
    }
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  digest(): Promise<string> {
    return digestOf(this.#path);
  }

  /** Throws what `open` throws. */
  async place(mode: number | undefined, mtime: number | undefined): Promise<void> {
    try {
      if (mode !== undefined) await this.#file.chmod(mode & ~0o6000);
      if (mtime !== undefined) await this.#file.utimes(mtime, mtime);
      await this.#file.sync();
      await this.#file.close();
      await rename(this.#path, this.target.path);
    } catch (error) {
      throw localFault('write', shownPath(this.target.path), error);
    }
  }

  /** Keeps the bytes for a later run that goes on with them. */
  async keep(size: number): Promise<void> {
    await this.#file.truncate(size).catch(() => undefined);
    await this.#file.close().catch(() => undefined);
  }

  async remove(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

/** SHA-256 of the first `length` bytes of a file, as hexadecimal digits. */
export async function digestOf(path: Buffer, length = Number.POSITIVE_INFINITY): Promise<string> {
  const hash = createHash('sha256');
  if (length > 0)
    for await (const chunk of createReadStream(path, { end: length - 1, highWaterMark: 1024 * 1024 }))
      hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** The name that a copy of this path has in a folder; throws `copy-not-a-file` for a path without one. */
export function nameFor(path: Uint8Array): Uint8Array {
  const name = baseName(path);
  if (name.byteLength > 0) return name;
  throw failed('copy-not-a-file', `${shownPath(path)} has no name that a copy could have`, {
    details: { path: shownPath(path), side: 'local' },
  });
}
