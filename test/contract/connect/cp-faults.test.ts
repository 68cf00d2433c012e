import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { downloadFile, remoteSource } from '../../../src/connect/copy/download.ts';
import { localSource } from '../../../src/connect/copy/local-files.ts';
import { uploadFile } from '../../../src/connect/copy/upload.ts';
import { until } from '../../support/eventually.ts';
import {
  canMount,
  type CopyContainer,
  copyContainer,
  type CopyImage,
  makeCopyImage,
} from '../../support/remote-copy.ts';
import { reportSkip } from '../../support/on-path.ts';

/** What `cp` does when a session is lost, a disk is full or the person presses Ctrl-C; on real ptys, without AWS. */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

let image: CopyImage;
let here: string;
let containers: CopyContainer[];
beforeEach(() => {
  image = makeCopyImage('dash', []);
  here = join(image.files, '..', 'here');
  mkdirSync(here);
  containers = [];
});
afterEach(async () => {
  await Promise.all(containers.map(({ sessions }) => sessions.close()));
  image.remove();
});

const container = (options: Parameters<typeof copyContainer>[1] = {}): CopyContainer => {
  const made = copyContainer(image, options);
  containers.push(made);
  return made;
};
const partsIn = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.endsWith('.part'));
const LARGE = 6_000_000;

async function upload(to: CopyContainer, target = 'large') {
  return uploadFile(await localSource(Buffer.from(join(here, 'large'))), Buffer.from(target), to.sessions);
}

describe('a copy whose session is lost', () => {
  test('into the container continues with a new session from where it was', async () => {
    const content = randomBytes(LARGE);
    writeFileSync(join(here, 'large'), content);
    const remote = container();
    const copying = upload(remote);
    await until(() => sizeOf(image.files) > 1_000_000);
    remote.cut();
    expect(await copying).toMatchObject({ verified: 'sha256', bytes: LARGE });
    expect((await copying).resumedAt).toBeGreaterThan(0);
    expect(remote.started).toBe(2);
    expect(readFileSync(join(image.files, 'large')).equals(content)).toBe(true);
    expect(partsIn(image.files)).toEqual([]);
  });

  test('into the container is continued by the next run of the same command', async () => {
    const content = randomBytes(LARGE);
    writeFileSync(join(here, 'large'), content);
    const first = container({ refuseAfter: 1 });
    const copying = upload(first);
    copying.catch(() => undefined);
    await until(() => sizeOf(image.files) > 1_000_000);
    first.cut();
    await expect(copying).rejects.toMatchObject({ role: 'transport' });
    expect(readdirSync(image.files)).toEqual(partsIn(image.files));
    const again = await upload(container());
    expect(again.resumedAt).toBeGreaterThan(0);
    expect(readFileSync(join(image.files, 'large')).equals(content)).toBe(true);
    expect(partsIn(image.files)).toEqual([]);
  });

  test.each([1, 3])('out of the container over %i sessions continues with new ones', async (sessions) => {
    const content = randomBytes(3 * LARGE);
    writeFileSync(join(image.files, 'large'), content);
    const remote = container();
    const source = await remoteSource(Buffer.from('large'), remote.sessions);
    const copying = downloadFile(source, Buffer.from(join(here, 'back')), sessions, remote.sessions);
    await until(() => sizeOf(here) > 1_000_000);
    remote.cut();
    expect(await copying).toMatchObject({ verified: 'sha256', bytes: 3 * LARGE });
    expect(readFileSync(join(here, 'back')).equals(content)).toBe(true);
    expect(readdirSync(here)).toEqual(['back']);
  });

  test('out of the container is continued by the next run of the same command', async () => {
    const content = randomBytes(3 * LARGE);
    writeFileSync(join(image.files, 'large'), content);
    const first = container({ refuseAfter: 1 });
    const source = await remoteSource(Buffer.from('large'), first.sessions);
    const copying = downloadFile(source, Buffer.from(join(here, 'back')), 1, first.sessions);
    copying.catch(() => undefined);
    await until(() => sizeOf(here) > 2_000_000);
    first.cut();
    await expect(copying).rejects.toMatchObject({ role: 'transport' });
    expect(readdirSync(here)).toEqual(partsIn(here));
    const second = container();
    const again = await downloadFile(
      await remoteSource(Buffer.from('large'), second.sessions),
      Buffer.from(join(here, 'back')),
      1,
      second.sessions,
    );
    expect(again.resumedAt).toBeGreaterThan(0);
    expect(readFileSync(join(here, 'back')).equals(content)).toBe(true);
    expect(readdirSync(here)).toEqual(['back']);
  });

  test('does not use what is left of another file', async () => {
    const content = randomBytes(LARGE);
    writeFileSync(join(here, 'large'), content);
    const first = container({ refuseAfter: 1 });
    const copying = upload(first);
    copying.catch(() => undefined);
    await until(() => sizeOf(image.files) > 1_000_000);
    first.cut();
    await copying.catch(() => undefined);
    const [part = ''] = partsIn(image.files);
    writeFileSync(join(image.files, part), randomBytes(2_000_000));
    expect(await upload(container())).toMatchObject({ verified: 'sha256' });
    expect(readFileSync(join(image.files, 'large')).equals(content)).toBe(true);
  });
});

test('fewer sessions read a file where further ones are refused', async () => {
  const content = randomBytes(LARGE);
  writeFileSync(join(image.files, 'large'), content);
  const remote = container({ refuseAfter: 2 });
  const source = await remoteSource(Buffer.from('large'), remote.sessions);
  await downloadFile(source, Buffer.from(join(here, 'back')), 4, remote.sessions);
  expect(readFileSync(join(here, 'back')).equals(content)).toBe(true);
  expect(remote.events).toContainEqual(expect.objectContaining({ code: 'copy-fewer-sessions' }));
});

test.each(['up', 'down'])('after Ctrl-C nothing is left of a copy (%s)', async (direction) => {
  writeFileSync(join(direction === 'up' ? here : image.files, 'large'), randomBytes(5 * LARGE));
  const remote = container();
  const copying =
    direction === 'up'
      ? upload(remote, 'copied')
      : downloadFile(
          await remoteSource(Buffer.from('large'), remote.sessions),
          Buffer.from(join(here, 'copied')),
          2,
          remote.sessions,
        );
  copying.catch(() => undefined);
  await until(() => sizeOf(direction === 'up' ? image.files : here) > 500_000);
  remote.interrupt.abort();
  await expect(copying).rejects.toMatchObject({ code: 'interrupted' });
  await remote.sessions.close();
  const all = [...readdirSync(image.files), ...readdirSync(here)];
  expect(all).toEqual(['large']);
});

const mounts = canMount();
if (!mounts) reportSkip('cp to full and read-only disks', 'unprivileged namespaces do not work here');
test.runIf(mounts).each([
  ['a full disk', 'size=512k', 'copy-disk-full'],
  ['a read-only file system', 'ro', 'copy-read-only'],
])('%s of the container is named', async (_, mount, code) => {
  writeFileSync(join(here, 'large'), randomBytes(LARGE));
  await expect(upload(container({ mount }))).rejects.toMatchObject({ code, details: { side: 'container' } });
});

test('a file that becomes shorter while it is read is an error, and nothing gets the final name', async () => {
  writeFileSync(join(image.files, 'large'), randomBytes(LARGE));
  const remote = container();
  const source = await remoteSource(Buffer.from('large'), remote.sessions);
  writeFileSync(join(image.files, 'large'), 'short');
  await expect(
    downloadFile(source, Buffer.from(join(here, 'back')), 1, remote.sessions),
  ).rejects.toMatchObject({ code: 'copy-changed' });
  expect(readdirSync(here)).toEqual([]);
});

test('a file that grows is copied as long as it was', async () => {
  const content = randomBytes(300_001);
  writeFileSync(join(image.files, 'log'), content);
  const remote = container();
  const source = await remoteSource(Buffer.from('log'), remote.sessions);
  writeFileSync(join(image.files, 'log'), 'more', { flag: 'a' });
  expect(await downloadFile(source, Buffer.from(join(here, 'back')), 1, remote.sessions)).toMatchObject({
    bytes: content.byteLength,
    verified: 'sha256',
  });
  expect(readFileSync(join(here, 'back')).equals(content)).toBe(true);
});

/** Bytes of the temporary file in the folder. */
function sizeOf(folder: string): number {
  const [part] = partsIn(folder);
  return part === undefined ? 0 : readFileSync(join(folder, part)).byteLength;
}
