import { randomBytes } from 'node:crypto';
import { concat, text } from '../../core/bytes.ts';
import type { CopiedFile } from './copied-file.ts';
import { copiedTree, notCopied } from './copied-tree.ts';
import { remoteFault } from './copy-faults.ts';
import { joinPath, shownPath } from './copy-paths.ts';
import { CopyProgress } from './copy-progress.ts';
import { BLOCK, hasSum } from './copy-script.ts';
import { type CopySessions, isLoss, type PreparedShell } from './copy-sessions.ts';
import { downloadDamaged, downloadTo, readRange, type RemoteSource } from './download.ts';
import { PartWriter } from './part-writer.ts';
import { LocalPart, partName } from './local-files.ts';
import { LocalTree } from './local-tree.ts';
import { callOn } from './remote-files.ts';
import { LONGEST_LIST, leadsOutside, parseTree, tooMany, type TreeEntry } from './tree-paths.ts';

/** Longer files are copied one after the other, in ranges over all sessions. */
const LARGE = 4 * 1024 * 1024;
/** Small files that are asked for before the first of them has arrived, in each session. */
const FILES_UNDER_WAY = 16;
/** Fewer files are not worth a second session. */
const WORTH_ANOTHER = 64;

/**
 * Copies a folder out of the container, to `root`: files over up to `most` sessions, then links, then modes and times of
 * folders. Throws what `downloadFile` throws, `copy-path-refused`, `copy-too-many`, and at the end `copy-incomplete` for
 * what was left out.
 */
export async function downloadTree(
  { path }: RemoteSource,
  root: Buffer,
  { most, keepLinks }: { readonly most: number; readonly keepLinks: boolean },
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock } = sessions.deps;
  const startedAt = clock.now();
  const shown = shownPath(path);
  const entries = await list(path, sessions);
  const of = (kind: TreeEntry['kind']): readonly TreeEntry[] =>
    entries.filter((entry) => entry.kind === kind);
  const files = of('file');
  const bytes = files.reduce((sum, { size = 0 }) => sum + size, 0);
  const progress = new CopyProgress(sessions.deps, `copy ${shown}`, `${shown}, ${files.length} files`, bytes);
  const tree = new LocalTree(root);
  for (const { path: folder } of of('directory')) await tree.folder(folder);
  const isSmall = ({ size }: TreeEntry): boolean => size !== undefined && size > 0 && size < LARGE;
  const { tools } = await sessions.main();
  const canRange = tools.dd !== 'none';
  await readSmall(path, canRange ? files.filter(isSmall) : [], tree, most, progress, sessions);
  for (const entry of canRange ? files.filter((file) => !isSmall(file)) : files)
    await downloadTo(sourceOf(path, entry), await tree.file(entry.path), most, progress, sessions);
  const leftOut = of('other').map((entry) => notCopied(entry.path));
  for (const { path: link } of of('link')) {
    const target = await linkTarget(joinPath(path, link), sessions);
    if (leadsOutside(link, target) && !keepLinks)
      leftOut.push(`${shownPath(link)} is a link to ${shownPath(target)}, outside of the folder`);
    else await tree.link(link, target);
  }
  for (const folder of [...of('directory')].reverse()) await tree.attributes(folder);
  const notKept = entries.some(({ mtime }) => mtime === undefined) ? ['mode', 'time'] : [];
  return copiedTree(
    { source: path, target: root, files: files.length, bytes, leftOut, notKept, startedAt },
    progress,
    sessions,
  );
}

const sourceOf = (folder: Uint8Array, { path, size, mode, mtime }: TreeEntry): RemoteSource => ({
  path: joinPath(folder, path),
  stat: { kind: 'file', size, mode, mtime },
});

async function list(path: Uint8Array, sessions: CopySessions): Promise<readonly TreeEntry[]> {
  const separator = randomBytes(12).toString('hex');
  return sessions.repeatAfterLoss(async ({ shell }) => {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const { status, error } = await shell.request(callOn(path, 'fc_tree', separator), (chunk) => {
      bytes += chunk.byteLength;
      if (bytes > LONGEST_LIST) throw tooMany('more names than cp takes');
      parts.push(chunk);
      return undefined;
    });
    if (status !== 0) throw remoteFault('read', shownPath(path), error);
    return parseTree(concat(parts), separator);
  });
}

async function linkTarget(path: Uint8Array, sessions: CopySessions): Promise<Buffer> {
  const { status, output, error } = await sessions.repeatAfterLoss(({ shell }) =>
    shell.request(callOn(path, 'fc_link')),
  );
  if (status !== 0) throw remoteFault('read', shownPath(path), error);
  // Behind the target are a line feed and an underscore.
  return Buffer.from(output.subarray(0, output.byteLength - 2));
}

/** Reads small files side by side; each session takes the next one when it has room. */
async function readSmall(
  folder: Uint8Array,
  files: readonly TreeEntry[],
  tree: LocalTree,
  most: number,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<void> {
  const waiting = [...files];
  const worker = async (session: PreparedShell): Promise<void> => {
    const runs = Array.from({ length: FILES_UNDER_WAY }, async () => {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        try {
          await readOne(session, sourceOf(folder, entry), entry, tree, progress, sessions);
        } catch (error) {
          if (isLoss(error)) waiting.push(entry);
          throw error;
        }
      }
    });
    const failures = (await Promise.allSettled(runs)).filter((run) => run.status === 'rejected');
    const [first] = failures;
    if (first !== undefined) throw first.reason;
  };
  await sessions.share(worker, {
    most: files.length < WORTH_ANOTHER ? 1 : most,
    shown: shownPath(folder),
    isDone: () => waiting.length === 0,
  });
}

async function readOne(
  session: PreparedShell,
  { path, stat }: RemoteSource,
  entry: TreeEntry,
  tree: LocalTree,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<void> {
  const size = entry.size ?? 0;
  const target = await tree.file(entry.path);
  const part = await LocalPart.open(target, partName(`tree ${target.path.toString('hex')}`));
  try {
    await part.truncate(0);
    const writer = new PartWriter(part, 0);
    const reading = readRange(session, path, { from: 0, to: size }, writer, progress, sessions);
    const summed = hasSum(session.tools)
      ? session.shell.request(callOn(path, 'fc_hash', Math.floor(size / BLOCK), size % BLOCK))
      : undefined;
    summed?.catch(() => undefined);
    await reading;
    const answer = await summed;
    if (answer !== undefined && text(answer.output).trim() !== (await part.digest()))
      throw downloadDamaged(shownPath(path));
    await part.place(stat.mode, stat.mtime);
  } catch (error) {
    await part.remove();
    throw error;
  }
}
