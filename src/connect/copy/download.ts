import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { text } from '../../core/bytes.ts';
import { failed, type ToolError } from '../../core/errors.ts';
import type { CopiedFile } from './copied-file.ts';
import { remoteFault } from './copy-faults.ts';
import { shownPath } from './copy-paths.ts';
import { CopyProgress } from './copy-progress.ts';
import { BLOCK, hasSum } from './copy-script.ts';
import { type CopySessions, isLoss, type PreparedShell } from './copy-sessions.ts';
import { LocalPart, type LocalTarget, localTarget, nameFor, partName } from './local-files.ts';
import { callOn, notAFile, remoteStat, type RemoteStat, sourceMissing } from './remote-files.ts';
import { describeCopy } from './upload.ts';
import { PartWriter } from './part-writer.ts';
import { RangeQueue, type Range } from './range-queue.ts';

/** A range that one session reads at a time; several wait in each session, so that it is never idle. */
const SMALLEST_RANGE = 16 * BLOCK;
const LARGEST_RANGE = 256 * BLOCK;
const RANGES_UNDER_WAY = 2;
/** A shorter file is not worth a second session, which takes a second to open and memory of the task. */
const WORTH_ANOTHER = 4 * 1024 * 1024;

/** What is to be read. */
export interface RemoteSource {
  readonly path: Uint8Array;
  readonly stat: RemoteStat;
}

/** Throws `copy-not-found`, `copy-not-a-file`. */
export async function remoteSource(path: Uint8Array, sessions: CopySessions): Promise<RemoteSource> {
  const stat = await sessions.repeatAfterLoss(({ shell }) => remoteStat(shell, path));
  if (stat === undefined) throw sourceMissing(shownPath(path), 'container');
  if (stat.kind === 'other') throw notAFile(shownPath(path), 'container');
  return { path, stat };
}

/**
 * Copies one file out of the container, over up to `most` sessions at once. Throws the errors of copy-faults.ts,
 * `copy-damaged`, `copy-changed`, and what ended the session.
 */
export async function downloadFile(
  source: RemoteSource,
  local: Buffer,
  most: number,
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock } = sessions.deps;
  const startedAt = clock.now();
  const shown = shownPath(source.path);
  const target = await localTarget(local, nameFor(source.path));
  const progress = new CopyProgress(sessions.deps, `copy ${shown}`, shown, source.stat.size);
  const received = await downloadTo(source, target, most, progress, sessions);
  const result: CopiedFile = { source: shown, ...received, ms: clock.now() - startedAt };
  progress.done(describeCopy(result));
  return result;
}

/** Copies one file to exactly this name. */
export async function downloadTo(
  { path, stat }: RemoteSource,
  target: LocalTarget,
  most: number,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<Omit<CopiedFile, 'source' | 'ms'>> {
  const { signal } = sessions.deps;
  const shown = shownPath(path);
  const before = progress.bytes;
  const { size } = stat;
  const identity = `${target.path.toString('hex')} ${shown} ${size} ${stat.mtime}`;
  const part = await LocalPart.open(target, partName(identity));
  let complete = 0;
  try {
    const { tools } = await sessions.main();
    // Files of /proc have no length, and the range of a file needs dd.
    const hasRanges = size !== undefined && size > 0 && tools.dd !== 'none';
    let resumedAt = 0;
    let arrived: Arrived;
    for (let isAnew = false; ; isAnew = true) {
      const kept = await part.size();
      resumedAt = isAnew || !hasRanges || kept > size ? 0 : kept - (kept % BLOCK);
      await part.truncate(resumedAt);
      progress.reset(before + resumedAt);
      complete = resumedAt;
      arrived = hasRanges
        ? await readRanges(
            { path, size, from: resumedAt, most },
            part,
            sessions,
            progress,
            (upTo) => (complete = upTo),
          )
        : await readWhole(path, size, part, sessions, progress);
      const verified = await verify(
        { path, bytes: arrived.bytes, size, hasRanges, sha256: await part.digest() },
        sessions,
      );
      arrived = { ...arrived, verified: verified.by };
      if (!verified.isDamaged) {
        arrived = { ...arrived, sha256: verified.sha256 };
        break;
      }
      complete = 0;
      if (resumedAt === 0) throw downloadDamaged(shown);
    }
    await part.place(stat.mode, stat.mtime);
    return {
      target: shownPath(target.path),
      bytes: arrived.bytes,
      sha256: arrived.sha256,
      verified: arrived.verified,
      resumedAt,
      notKept: [...(stat.mode === undefined ? ['mode'] : []), ...(stat.mtime === undefined ? ['time'] : [])],
    };
  } catch (error) {
    if (!isLoss(error) || signal.aborted || complete === 0) {
      await part.remove();
      throw error;
    }
    await part.keep(complete);
    throw withKeptPart(error, part.name, complete);
  }
}

/** Writes one file of the container to a stream, from its beginning to its end; it cannot continue after a cut. */
export async function downloadStream(
  { path, stat }: RemoteSource,
  stream: Writable,
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock, signal } = sessions.deps;
  const startedAt = clock.now();
  const shown = shownPath(path);
  const progress = new CopyProgress(sessions.deps, `copy ${shown}`, shown, stat.size);
  const hash = createHash('sha256');
  let bytes = 0;
  const { shell, tools } = await sessions.main();
  const { size } = stat;
  const hasRanges = size !== undefined && size > 0 && tools.dd !== 'none';
  const sink = (chunk: Uint8Array): Promise<void> | undefined => {
    hash.update(chunk);
    bytes += chunk.byteLength;
    progress.add(chunk.byteLength);
    if (stream.write(chunk)) return undefined;
    return once(stream, 'drain', { signal }).then(() => undefined);
  };
  const request = hasRanges
    ? callOn(path, 'fc_get', 0, Math.floor(size / BLOCK), size % BLOCK)
    : callOn(path, 'fc_cat');
  const { status, error } = await shell.request(request, sink);
  if (status !== 0) throw remoteFault('read', shown, error);
  if (hasRanges && bytes !== size) throw changed(shown);
  const { by, isDamaged, sha256 } = await verify(
    { path, bytes, size, hasRanges, sha256: hash.digest('hex') },
    sessions,
  );
  if (isDamaged) throw downloadDamaged(shown);
  const result: CopiedFile = {
    source: shown,
    target: '-',
    bytes,
    sha256,
    verified: by,
    resumedAt: 0,
    notKept: [],
    ms: clock.now() - startedAt,
  };
  progress.done(describeCopy(result));
  return result;
}

interface Arrived {
  readonly bytes: number;
  readonly sha256: string;
  readonly verified: CopiedFile['verified'];
}

interface Verified {
  readonly by: CopiedFile['verified'];
  readonly isDamaged: boolean;
  readonly sha256: string;
}

async function verify(
  {
    path,
    bytes,
    size,
    hasRanges,
    sha256,
  }: {
    readonly path: Uint8Array;
    readonly bytes: number;
    readonly size: number | undefined;
    readonly hasRanges: boolean;
    readonly sha256: string;
  },
  sessions: CopySessions,
): Promise<Verified> {
  const { tools } = await sessions.main();
  if (!hasSum(tools)) return { by: bytes === size ? 'length' : 'none', isDamaged: false, sha256 };
  const request = hasRanges
    ? callOn(path, 'fc_hash', Math.floor(bytes / BLOCK), bytes % BLOCK)
    : callOn(path, 'fc_hash_all');
  const answer = await sessions.repeatAfterLoss(({ shell }) => shell.request(request));
  const theirs = text(answer.output).trim();
  if (theirs === sha256) return { by: 'sha256', isDamaged: false, sha256 };
  // A file of /proc, or one that is written to, may be another one each time it is read as a whole.
  if (!hasRanges && bytes !== size) return { by: 'none', isDamaged: false, sha256 };
  return { by: 'sha256', isDamaged: true, sha256 };
}

interface Ranges {
  readonly path: Uint8Array;
  readonly size: number;
  /** A multiple of BLOCK. */
  readonly from: number;
  /** Sessions. */
  readonly most: number;
}

/**
 * Reads the file from `from` on. Each session takes the next range when it has room; `completeTo` is told up to where
 * the file has no gap.
 */
async function readRanges(
  { path, size, from, most }: Ranges,
  part: LocalPart,
  sessions: CopySessions,
  progress: CopyProgress,
  completeTo: (offset: number) => void,
): Promise<Arrived> {
  const count = size - from < WORTH_ANOTHER ? 1 : most;
  const length = rangeLength(size - from, count);
  const ranges = new RangeQueue(from, size, length, completeTo);
  const worker = async (session: PreparedShell): Promise<void> => {
    const underWay = new Set<Promise<void>>();
    const read = async (range: Range): Promise<void> => {
      const writer = new PartWriter(part, range.from);
      try {
        await readRange(session, path, range, writer, progress, sessions);
        ranges.done(range);
      } catch (error) {
        await writer.flush().catch(() => undefined);
        // What has arrived of the range is used; the next range begins at a whole block.
        const middle = range.from + Math.floor(writer.bytes / BLOCK) * BLOCK;
        if (middle > range.from) ranges.done({ from: range.from, to: middle });
        ranges.putBack({ from: middle, to: range.to });
        throw error;
      }
    };
    for (;;) {
      const range = underWay.size < RANGES_UNDER_WAY ? ranges.next() : undefined;
      if (range === undefined && underWay.size === 0) return;
      if (range !== undefined) {
        const reading = read(range).finally(() => underWay.delete(reading));
        reading.catch(() => undefined);
        underWay.add(reading);
        continue;
      }
      try {
        await Promise.race(underWay);
      } catch (error) {
        // Each range that was under way is put back first.
        await Promise.allSettled(underWay);
        throw error;
      }
    }
  };
  await sessions.share(worker, { most: count, shown: shownPath(path), isDone: () => ranges.isEmpty });
  return { bytes: size, sha256: '', verified: 'none' };
}

const rangeLength = (bytes: number, sessions: number): number => {
  const blocks = Math.ceil(bytes / (sessions * 8 * BLOCK));
  return Math.min(LARGEST_RANGE, Math.max(SMALLEST_RANGE, blocks * BLOCK));
};

/**
 * Reads one range of a file; `from` must be a multiple of BLOCK. Throws `copy-changed` if the file has become
 * shorter.
 */
export async function readRange(
  { shell }: PreparedShell,
  path: Uint8Array,
  { from, to }: Range,
  writer: PartWriter,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<void> {
  const length = to - from;
  const request = callOn(path, 'fc_get', from / BLOCK, Math.floor(length / BLOCK), length % BLOCK);
  const { status, error } = await shell.request(request, (bytes) => {
    progress.add(bytes.byteLength);
    sessions.progressed();
    return writer.push(bytes);
  });
  await writer.flush();
  if (status !== 0) throw remoteFault('read', shownPath(path), error);
  if (writer.bytes !== length) throw changed(shownPath(path));
}

/** Reads a file of unknown length to its end, or as much of it as it was long before. */
async function readWhole(
  path: Uint8Array,
  size: number | undefined,
  part: LocalPart,
  sessions: CopySessions,
  progress: CopyProgress,
): Promise<Arrived> {
  const before = progress.bytes;
  const bytes = await sessions.repeatAfterLoss(async ({ shell }) => {
    const writer = new PartWriter(part, 0);
    await part.truncate(0);
    progress.reset(before);
    const { status, error } = await shell.request(callOn(path, 'fc_cat'), (chunk) => {
      progress.add(chunk.byteLength);
      return writer.push(chunk);
    });
    await writer.flush();
    if (status !== 0) throw remoteFault('read', shownPath(path), error);
    return writer.bytes;
  });
  if (size !== undefined && size > 0 && bytes < size) throw changed(shownPath(path));
  return { bytes, sha256: '', verified: 'none' };
}

const changed = (path: string): Error =>
  failed('copy-changed', `${path} became shorter while it was copied`, { details: { path } });

export const downloadDamaged = (path: string): Error =>
  failed('copy-damaged', `${path} arrived with another SHA-256 than it has in the container`, {
    details: { path },
  });

/** The same command goes on from the bytes that were kept. */
const withKeptPart = (error: ToolError, part: string, bytes: number): ToolError =>
  error.with({ details: { part, bytes } });
