import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { remoteSource } from '../../../src/connect/copy/download.ts';
import { downloadTree } from '../../../src/connect/copy/download-tree.ts';
import { localSource } from '../../../src/connect/copy/local-files.ts';
import { LocalTree } from '../../../src/connect/copy/local-tree.ts';
import { uploadTree } from '../../../src/connect/copy/upload-tree.ts';
import { programPath, SHELLS } from '../../support/remote-exec.ts';
import {
  type CopyContainer,
  copyContainer,
  type CopyImage,
  type CopyProgram,
  makeCopyImage,
} from '../../support/remote-copy.ts';

/** Folders with `cp`, on real ptys, without AWS. */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

let image: CopyImage;
let container: CopyContainer;
let here: string;
const start = (shell: (typeof SHELLS)[number], missing: readonly CopyProgram[] = []): void => {
  image = makeCopyImage(shell, missing);
  container = copyContainer(image);
  here = join(image.files, '..', 'here');
  mkdirSync(here);
};
afterEach(async () => {
  await container.sessions.close();
  image.remove();
});

/** A folder with what folders have. */
function makeTree(root: string): void {
  mkdirSync(join(root, 'a folder', 'deep'), { recursive: true });
  mkdirSync(join(root, 'empty'));
  writeFileSync(join(root, 'a folder', 'deep', 'large'), randomBytes(5_000_000));
  writeFileSync(join(root, 'line\nfeed'), 'x');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x20])]), 'no UTF-8');
  writeFileSync(join(root, '.hidden'), '');
  for (let at = 0; at < 40; at++)
    writeFileSync(join(root, 'empty', '..', 'a folder', `file ${at}`), `content ${at}`);
  symlinkSync('a folder/deep', join(root, 'link'));
  chmodSync(join(root, '.hidden'), 0o640);
  utimesSync(join(root, '.hidden'), 1_500_000_000, 1_500_000_000);
  chmodSync(join(root, 'a folder', 'deep'), 0o750);
  utimesSync(join(root, 'a folder', 'deep'), 1_500_000_000, 1_500_000_000);
}

/** Path, kind, mode, time and content of everything below a folder. */
function contentOf(root: string, hasTimes = true, at: Buffer = Buffer.from(root)): readonly unknown[] {
  return readdirSync(at, { encoding: 'buffer' })
    .sort((a, b) => Buffer.compare(a, b))
    .flatMap((name) => {
      const path = Buffer.concat([at, Buffer.from('/'), name]);
      const stat = lstatSync(path);
      const inner = path.subarray(root.length).toString('latin1');
      if (stat.isSymbolicLink()) return [[inner, readlinkSync(path)]];
      const attributes = hasTimes ? [stat.mode & 0o7777, Math.floor(stat.mtimeMs / 1000)] : [];
      return stat.isDirectory()
        ? [[inner, ...attributes], ...contentOf(root, hasTimes, path)]
        : [[inner, ...attributes, readFileSync(path).toString('hex').slice(0, 20_000)]];
    });
}

const down = async (name: string, to: string, keepLinks = false, most = 2) =>
  downloadTree(
    await remoteSource(Buffer.from(name), container.sessions),
    Buffer.from(to),
    { most, keepLinks },
    container.sessions,
  );
const up = async (from: string, to: string) =>
  uploadTree(await localSource(Buffer.from(from)), Buffer.from(to), container.sessions);

describe.each(SHELLS.filter((shell) => programPath(shell) !== undefined))(
  'a folder with %s as the shell',
  (shell) => {
    test.each<{ missing: readonly CopyProgram[]; hasTimes: boolean }>([
      { missing: [], hasTimes: true },
      { missing: ['tar', 'find', 'base64', 'od', 'sha256sum'], hasTimes: true },
      { missing: ['stat', 'find'], hasTimes: false },
    ])('arrives in both directions, without $missing', async ({ missing, hasTimes }) => {
      start(shell, missing);
      makeTree(join(here, 'tree'));
      const sent = await up(join(here, 'tree'), 'sent');
      expect(sent).toMatchObject({ files: 44, verified: 'sha256', notKept: [] });
      expect(contentOf(join(image.files, 'sent'))).toEqual(contentOf(join(here, 'tree')));
      const got = await down('sent', join(here, 'back'));
      expect(got).toMatchObject({ files: 44, verified: 'sha256' });
      expect(contentOf(join(here, 'back'), hasTimes)).toEqual(contentOf(join(here, 'tree'), hasTimes));
      // Without the sizes, files are read one after the other.
      expect(container.started > 1).toBe(hasTimes);
    });
  },
);

describe('a folder', () => {
  beforeEach(() => start('dash'));

  test('is merged into one that exists, and files are replaced', async () => {
    makeTree(join(image.files, 'tree'));
    mkdirSync(join(here, 'back'));
    writeFileSync(join(here, 'back', 'other'), 'stays');
    writeFileSync(join(here, 'back', '.hidden'), 'is replaced');
    await down('tree', join(here, 'back'));
    expect(readFileSync(join(here, 'back', 'other'), 'utf8')).toBe('stays');
    expect(statSync(join(here, 'back', '.hidden')).size).toBe(0);
  });

  test.each([
    ['/etc/passwd', 'absolute'],
    ['../outside', 'relative'],
    ['sub/../../outside', 'hidden'],
  ])('with a link to %s is copied without that link, unless it is wanted', async (target, name) => {
    mkdirSync(join(image.files, 'tree', 'sub'), { recursive: true });
    writeFileSync(join(image.files, 'tree', 'file'), 'x');
    symlinkSync(target, join(image.files, 'tree', name));
    await expect(down('tree', join(here, 'back'))).rejects.toMatchObject({
      code: 'copy-incomplete',
      details: { count: 1 },
    });
    expect(readdirSync(join(here, 'back')).sort()).toEqual(['file', 'sub']);
    await down('tree', join(here, 'kept'), true);
    expect(readlinkSync(join(here, 'kept', name))).toBe(target);
  });

  test('is never written through a link of this machine', async () => {
    mkdirSync(join(image.files, 'tree', 'sub'), { recursive: true });
    writeFileSync(join(image.files, 'tree', 'sub', 'file'), 'x');
    mkdirSync(join(here, 'outside'));
    mkdirSync(join(here, 'back'));
    symlinkSync('../outside', join(here, 'back', 'sub'));
    await expect(down('tree', join(here, 'back'))).rejects.toMatchObject({ code: 'copy-path-refused' });
    expect(readdirSync(join(here, 'outside'))).toEqual([]);
    const tree = new LocalTree(Buffer.from(join(here, 'back')));
    symlinkSync('../outside/file', join(here, 'back', 'link'));
    expect(String((await tree.file(Buffer.from('link'))).path)).toBe(join(here, 'back', 'link'));
  });

  test('whose session is lost continues', async () => {
    makeTree(join(here, 'tree'));
    const sending = up(join(here, 'tree'), 'sent');
    await vi.waitFor(() => expect(existsSync(join(image.files, 'sent', 'a folder'))).toBe(true), 30_000);
    container.cut();
    await sending;
    expect(contentOf(join(image.files, 'sent'))).toEqual(contentOf(join(here, 'tree')));
    const receiving = down('sent', join(here, 'back'));
    await vi.waitFor(() => expect(existsSync(join(here, 'back', 'a folder'))).toBe(true), 30_000);
    container.cut();
    await receiving;
    expect(contentOf(join(here, 'back'))).toEqual(contentOf(join(here, 'tree')));
  });

  test('with pipes in it is copied without them, and the result says so', async () => {
    mkdirSync(join(image.files, 'tree'));
    writeFileSync(join(image.files, 'tree', 'file'), 'x');
    const { spawnSync } = await import('node:child_process');
    spawnSync('mkfifo', [join(image.files, 'tree', 'fifo')]);
    await expect(down('tree', join(here, 'back'))).rejects.toMatchObject({ code: 'copy-incomplete' });
    expect(readdirSync(join(here, 'back'))).toEqual(['file']);
  });
});
