import { failed } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import type { CopiedFile } from './copied-file.ts';
import { shownPath } from './copy-paths.ts';
import { type CopyProgress, describeBytes } from './copy-progress.ts';
import { hasSum } from './copy-script.ts';
import type { CopySessions } from './copy-sessions.ts';

/** The end of a copy of a folder, in either direction. */

/** Of the entries that were left out, so many are named. */
const MOST_NAMED = 20;

/** What was copied: `files` and `bytes` count regular files, `leftOut` has a sentence for each entry that was not. */
export interface TreeCopy {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly files: number;
  readonly bytes: number;
  readonly leftOut: readonly string[];
  readonly notKept: readonly string[];
  /** In ms since the epoch. */
  readonly startedAt: number;
}

/** Ends the progress of the copy. Throws `copy-incomplete` if entries were left out; the rest was copied. */
export async function copiedTree(
  { source, target, files, bytes, leftOut, notKept, startedAt }: TreeCopy,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock, report } = sessions.deps;
  const { tools } = await sessions.main();
  progress.done(`${files} files, ${describeBytes(bytes)} to ${shownPath(target)}`);
  if (leftOut.length > 0) throw incomplete(shownPath(source), leftOut, report);
  return {
    source: shownPath(source),
    target: shownPath(target),
    bytes,
    files,
    sha256: '',
    verified: hasSum(tools) ? 'sha256' : 'length',
    resumedAt: 0,
    notKept,
    ms: clock.now() - startedAt,
  };
}

/** The sentence for an entry that no copy can carry: a device, a socket, a named pipe. */
export const notCopied = (path: Uint8Array): string => `${shownPath(path)} is neither file, folder nor link`;

function incomplete(path: string, leftOut: readonly string[], report: Report): Error {
  for (const message of leftOut.slice(0, MOST_NAMED))
    report({ type: 'note', level: 'warning', code: 'copy-left-out', message: `not copied: ${message}` });
  return failed(
    'copy-incomplete',
    `${leftOut.length} of the entries of ${path} ${leftOut.length === 1 ? 'was' : 'were'} left out`,
    { details: { path, leftOut: leftOut.slice(0, MOST_NAMED), count: leftOut.length } },
  );
}
