import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { downloadFile, downloadStream, remoteSource } from '../../../src/connect/copy/download.ts';
import { localSource } from '../../../src/connect/copy/local-files.ts';
import { uploadFile, uploadStream } from '../../../src/connect/copy/upload.ts';
import { programPath, type Shell, SHELLS } from '../../support/remote-exec.ts';
import {
  type CopyContainer,
  copyContainer,
  type CopyImage,
  type CopyProgram,
  makeCopyImage,
} from '../../support/remote-copy.ts';
import { reportSkip } from '../../support/on-path.ts';

/** Each shell, each missing program and each guarantee of `cp`, on real ptys, without AWS. */

interface Lack {
  readonly missing: readonly CopyProgram[];
  readonly verified: 'sha256' | 'length';
  /** Attributes that a download loses. */
  readonly lost?: readonly string[];
}

const LACKS: readonly Lack[] = [
  { missing: [], verified: 'sha256' },
  { missing: ['base64', 'od', 'tar', 'find'], verified: 'sha256' },
  { missing: ['sha256sum'], verified: 'sha256' },
  { missing: ['sha256sum', 'openssl'], verified: 'length' },
  { missing: ['stat'], verified: 'sha256', lost: ['time'] },
  { missing: ['dd'], verified: 'sha256' },
  {
    missing: ['dd', 'stat', 'sha256sum', 'openssl', 'base64', 'od', 'tar', 'touch'],
    verified: 'length',
    lost: ['time'],
  },
];

const NAMES = [
  'plain',
  'with space',
  'quote\'and"double',
  '-dash',
  'line\nfeed',
  'trailing\n',
  '$(boom)`x`\\',
  'ü',
].map((name) => Buffer.from(name));
const NOT_UTF8 = Buffer.from([0x66, 0xff, 0x80, 0x0a]);

const isInstalled = (shell: Shell): boolean => {
  if (programPath(shell) !== undefined) return true;
  reportSkip(`cp in ${shell}`, 'the shell is not installed');
  return false;
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

class Collector extends Writable {
  readonly parts: Buffer[] = [];
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.parts.push(chunk);
    done();
  }
}

describe.each(SHELLS.filter(isInstalled))('cp with an image whose only shell is %s', (shell) => {
  describe.each(LACKS)('without $missing', ({ missing, verified, lost = [] }) => {
    let image: CopyImage;
    let container: CopyContainer;
    let here: string;
    beforeEach(() => {
      image = makeCopyImage(shell, missing);
      container = copyContainer(image);
      here = join(image.files, '..', 'here');
      mkdirSync(here);
    });
    afterEach(async () => {
      await container.sessions.close();
      image.remove();
    });

    test('a file arrives in both directions with its content, mode and time', async () => {
      const content = randomBytes(missing.includes('dd') ? 20_000 : 700_001);
      const local = join(here, 'local');
      writeFileSync(local, content);
      chmodSync(local, 0o751);
      utimesSync(local, 1_600_000_001, 1_600_000_001);
      const { sessions } = container;
      const source = await localSource(Buffer.from(local));
      const sent = await uploadFile(source, Buffer.from(join(image.files, 'there')), sessions);
      expect(sent).toMatchObject({
        bytes: content.byteLength,
        sha256: sha256(content),
        verified,
        resumedAt: 0,
      });
      const there = statSync(join(image.files, 'there'));
      expect(readFileSync(join(image.files, 'there')).equals(content)).toBe(true);
      expect(there.mode & 0o7777).toBe(0o751);
      if (missing.includes('touch')) expect(sent.notKept).toEqual(['time']);
      else expect(there.mtimeMs).toBe(1_600_000_001_000);

      const remote = await remoteSource(Buffer.from('there'), sessions);
      const got = await downloadFile(remote, Buffer.from(join(here, 'back')), 1, sessions);
      expect(got).toMatchObject({
        bytes: content.byteLength,
        sha256: sha256(content),
        verified,
        notKept: lost,
      });
      expect(readFileSync(join(here, 'back')).equals(content)).toBe(true);
      expect(statSync(join(here, 'back')).mode & 0o7777).toBe(0o751);
      expect(
        readdirSync(image.files)
          .concat(readdirSync(here))
          .filter((name) => name.includes('.part')),
      ).toEqual([]);
    });

    test('names of any bytes, empty files and streams arrive', async () => {
      const { sessions } = container;
      for (const name of [...NAMES, NOT_UTF8]) {
        const local = Buffer.concat([Buffer.from(`${here}/`), name]);
        writeFileSync(local, `content of ${name.toString('hex')}`);
        await uploadFile(await localSource(local), Buffer.from('.'), sessions);
        const there = Buffer.concat([Buffer.from(`${image.files}/`), name]);
        expect(readFileSync(there, 'utf8')).toBe(`content of ${name.toString('hex')}`);
        const back = await downloadFile(
          await remoteSource(name, sessions),
          Buffer.from(`${here}/back`),
          1,
          sessions,
        );
        expect(back.sha256).toBe(sha256(readFileSync(there)));
      }
      writeFileSync(join(here, 'empty'), '');
      await uploadFile(await localSource(Buffer.from(join(here, 'empty'))), Buffer.from('empty'), sessions);
      expect(statSync(join(image.files, 'empty')).size).toBe(0);
      const stdin = new PassThrough();
      const content = randomBytes(missing.includes('dd') ? 5_000 : 1_500_000);
      stdin.end(content);
      await uploadStream(stdin, Buffer.from('streamed'), sessions);
      expect(readFileSync(join(image.files, 'streamed')).equals(content)).toBe(true);
      const stdout = new Collector();
      const out = await downloadStream(
        await remoteSource(Buffer.from('streamed'), sessions),
        stdout,
        sessions,
      );
      expect(out).toMatchObject({ verified, target: '-' });
      expect(Buffer.concat(stdout.parts).equals(content)).toBe(true);
    });

    test('an existing file keeps what is said of it, and links lead to what is replaced', async () => {
      const { sessions } = container;
      writeFileSync(join(image.files, 'real'), 'old');
      symlinkSync('real', join(image.files, 'link'));
      writeFileSync(join(here, 'new'), 'new content');
      const source = await localSource(Buffer.from(join(here, 'new')));
      await uploadFile(source, Buffer.from('link'), sessions);
      expect(readFileSync(join(image.files, 'real'), 'utf8')).toBe('new content');
      expect(readdirSync(image.files).sort()).toEqual(['link', 'real']);
    });
  });
});

test.each(SHELLS.filter(isInstalled))(
  'without stty cp is refused, and nothing is written: %s',
  async (shell) => {
    const image = makeCopyImage(shell, ['stty']);
    const { sessions } = copyContainer(image);
    try {
      await expect(sessions.main()).rejects.toMatchObject({ code: 'copy-tool-missing' });
      expect(readdirSync(image.files)).toEqual([]);
    } finally {
      await sessions.close();
      image.remove();
    }
  },
);
