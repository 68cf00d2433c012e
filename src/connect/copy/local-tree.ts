import { chmod, lstat, mkdir, readdir, readlink, rename, rm, symlink, utimes } from 'node:fs/promises';
import { failed } from '../../core/errors.ts';
import { localFault } from './copy-faults.ts';
import { joinPath, shownPath } from './copy-paths.ts';
import { folderInTheWay, type LocalTarget, partName } from './local-files.ts';
import type { TreeEntry } from './tree-paths.ts';

/** An entry of a folder of this machine. */
export interface LocalEntry extends TreeEntry {
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
  /** Where it is on this machine. */
  readonly local: Buffer;
}

/** Every entry below a folder, parents first, the folder itself included. Links are not followed. */
export async function* walkLocal(folder: Buffer, path: Buffer = Buffer.alloc(0)): AsyncGenerator<LocalEntry> {
  const local = path.byteLength === 0 ? folder : joinPath(folder, path);
  let names: Buffer[];
  try {
    yield await entryAt(local, path, path.byteLength === 0);
    names = await readdir(local, { encoding: 'buffer' });
  } catch (error) {
    throw localFault('read', shownPath(local), error);
  }
  for (const name of names.sort((a, b) => Buffer.compare(a, b))) {
    const inner = path.byteLength === 0 ? name : joinPath(path, name);
    const entry = await entryAt(joinPath(folder, inner), inner, false);
    if (entry.kind === 'directory') yield* walkLocal(folder, inner);
    else yield entry;
  }
}

async function entryAt(local: Buffer, path: Buffer, isRoot: boolean): Promise<LocalEntry> {
  const found = await lstat(isRoot ? joinPath(local, Buffer.from('.')) : local);
  return {
    path,
    local,
    kind: found.isFile()
      ? 'file'
      : found.isDirectory()
        ? 'directory'
        : found.isSymbolicLink()
          ? 'link'
          : 'other',
    size: found.size,
    mode: found.mode & 0o7777,
    mtime: Math.floor(found.mtimeMs / 1000),
  };
}

export const localLink = (path: Buffer): Promise<Buffer> => readlink(path, { encoding: 'buffer' });

/**
 * Writes below one folder of this machine, and never through a link: an existing link at the place of a folder is
 * refused, at the place of a file it is replaced.
 */
export class LocalTree {
  readonly #root: Buffer;

  constructor(root: Buffer) {
    this.#root = root;
  }

  at(path: Uint8Array): Buffer {
    return path.byteLength === 0 ? this.#root : joinPath(this.#root, path);
  }

  /** Throws `copy-path-refused` for a link, `copy-not-a-file` for something else that is no folder. */
  async folder(path: Uint8Array): Promise<void> {
    const place = this.at(path);
    const existing = await lstat(place).catch(() => undefined);
    if (existing?.isDirectory() === true) return;
    if (existing?.isSymbolicLink() === true && path.byteLength > 0)
      throw failed(
        'copy-path-refused',
        `${shownPath(place)} is a link, and files would be written through it`,
        {
          details: { path: shownPath(place) },
        },
      );
    if (existing !== undefined && path.byteLength > 0)
      throw failed('copy-not-a-file', `${shownPath(place)} exists and is not a folder`, {
        details: { path: shownPath(place), side: 'local' },
      });
    await mkdir(place, { mode: 0o700, recursive: path.byteLength === 0 }).catch((error: unknown) => {
      throw localFault('write', shownPath(place), error);
    });
  }

  /** Throws `copy-folder-in-the-way`. The parent exists, because it was made by `folder`. */
  async file(path: Uint8Array): Promise<LocalTarget> {
    const place = this.at(path);
    const existing = await lstat(place).catch(() => undefined);
    if (existing?.isDirectory() === true) throw folderInTheWay(shownPath(place));
    return { path: place, folder: place.subarray(0, place.lastIndexOf('/') + 1) };
  }

  async link(path: Uint8Array, target: Buffer): Promise<void> {
    const { path: place, folder } = await this.file(path);
    const part = joinPath(folder, Buffer.from(partName(`link ${place.toString('hex')}`)));
    try {
      await rm(part, { force: true });
      await symlink(target, part);
      await rename(part, place);
    } catch (error) {
      throw localFault('write', shownPath(place), error);
    }
  }

  async attributes({ path, mode, mtime }: TreeEntry): Promise<void> {
    const place = this.at(path);
    if (mode !== undefined) await chmod(place, mode & ~0o6000);
    if (mtime !== undefined) await utimes(place, mtime, mtime);
  }
}
