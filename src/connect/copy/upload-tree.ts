import { readFile } from 'node:fs/promises';
import type { CopiedFile } from './copied-file.ts';
import { copiedTree, notCopied } from './copied-tree.ts';
import { localFault, remoteFault } from './copy-faults.ts';
import { asArgument, assignBytes, joinPath, shownPath } from './copy-paths.ts';
import { CopyProgress } from './copy-progress.ts';
import { COPY_STATUS } from './copy-script.ts';
import { type CopySessions, isLoss, type PreparedShell } from './copy-sessions.ts';
import { folderInTheWay, localSource, type LocalSource } from './local-files.ts';
import { type LocalEntry, localLink, walkLocal } from './local-tree.ts';
import { callOn, touchTime } from './remote-files.ts';
import { sendSmallFile, sendTo } from './upload.ts';

/** Longer files are sent one after the other, and continue after a lost session. */
const LARGE = 256 * 1024;
const FILES_UNDER_WAY = 16;

/**
 * Copies a folder into the container, as `root` there: folders, files, links, then modes and times of folders. Throws
 * what `uploadFile` throws, and at the end `copy-incomplete` for what was left out.
 */
export async function uploadTree(
  source: LocalSource,
  root: Uint8Array,
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock } = sessions.deps;
  const startedAt = clock.now();
  const shown = shownPath(source.path);
  const entries: LocalEntry[] = [];
  for await (const entry of walkLocal(source.path)) entries.push(entry);
  const of = (kind: LocalEntry['kind']): readonly LocalEntry[] =>
    entries.filter((entry) => entry.kind === kind);
  const files = of('file');
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const progress = new CopyProgress(sessions.deps, `copy ${shown}`, `${shown}, ${files.length} files`, bytes);
  const at = (entry: LocalEntry): Uint8Array =>
    entry.path.byteLength === 0 ? root : joinPath(root, entry.path);
  await inOrder(of('directory'), sessions, async ({ shell }, entry) => {
    const { status, error } = await shell.request(callOn(at(entry), 'fc_folder'));
    if (status !== 0) throw remoteFault('write', shownPath(at(entry)), error);
  });
  const notKept = new Set<string>();
  await inOrder(
    files.filter(({ size }) => size <= LARGE),
    sessions,
    async (session, entry) => {
      const content = await readFile(entry.local).catch((error: unknown) => {
        throw localFault('read', shownPath(entry.local), error);
      });
      for (const lost of await sendSmallFile(session, content, at(entry), entry)) notKept.add(lost);
      progress.add(content.byteLength);
      sessions.progressed();
    },
  );
  for (const entry of files.filter(({ size }) => size > LARGE)) {
    const sent = await sendTo(
      await localSource(entry.local),
      at(entry),
      new Uint8Array(0),
      progress,
      sessions,
    );
    for (const lost of sent.notKept) notKept.add(lost);
  }
  await inOrder(of('link'), sessions, async ({ shell }, entry) => {
    const target = assignBytes('fc_b', await localLink(entry.local));
    const place = assignBytes('fc_a', asArgument(at(entry)));
    const { status, error } = await shell.request(`${target}; ${place}; fc_symlink "$fc_a" "$fc_b"`);
    if (status === COPY_STATUS.folderInTheWay) throw folderInTheWay(shownPath(at(entry)));
    if (status !== 0) throw remoteFault('write', shownPath(at(entry)), error);
  });
  await inOrder([...of('directory')].reverse(), sessions, async ({ shell }, entry) => {
    const request = callOn(at(entry), 'fc_attributes', entry.mode.toString(8), touchTime(entry.mtime));
    const { output } = await shell.request(request);
    for (const lost of Buffer.from(output).toString().split('\n').filter(Boolean)) notKept.add(lost);
  });
  const leftOut = of('other').map(({ path }) => notCopied(path));
  return copiedTree(
    {
      source: source.path,
      target: root,
      files: files.length,
      bytes,
      leftOut,
      notKept: [...notKept],
      startedAt,
    },
    progress,
    sessions,
  );
}

/** Works on the entries in their order, several at a time; those that a lost session has left undone again. */
async function inOrder(
  entries: readonly LocalEntry[],
  sessions: CopySessions,
  work: (session: PreparedShell, entry: LocalEntry) => Promise<void>,
): Promise<void> {
  let done = 0;
  await sessions.repeatAfterLoss(async (session) => {
    while (done < entries.length) {
      const some = entries.slice(done, done + FILES_UNDER_WAY);
      const results = await Promise.allSettled(some.map((entry) => work(session, entry)));
      const failures = results.flatMap((result) =>
        result.status === 'rejected' ? [result.reason as unknown] : [],
      );
      // The failure of one entry ends the session, and with it the entries behind it.
      if (failures.length > 0) throw failures.find((failure) => !isLoss(failure)) ?? failures[0];
      done += some.length;
    }
  });
}
