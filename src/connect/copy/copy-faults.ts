import { failed, noMatch, type ToolError, usage } from '../../core/errors.ts';

/**
 * Why a file could not be read or written, on either side. The container tells it in the words of its C library (in the
 * locale C, in which glibc and musl agree), this machine as the code of the system call.
 */

export type Side = 'container' | 'local';

type Reason = 'read-only' | 'disk-full' | 'denied' | 'missing' | 'other';

const WORDS: readonly (readonly [RegExp, Reason])[] = [
  [/Read-only file system/i, 'read-only'],
  [/No space left on device|Disk quota exceeded|File too large/i, 'disk-full'],
  [/Permission denied|Operation not permitted/i, 'denied'],
  [/No such file or directory|nonexistent directory|Directory nonexistent/i, 'missing'],
];

const CODES: Readonly<Record<string, Reason>> = {
  EROFS: 'read-only',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EFBIG: 'disk-full',
  EACCES: 'denied',
  EPERM: 'denied',
  ENOENT: 'missing',
  ENOTDIR: 'missing',
};

/** The error for a path of the container, from what a program there wrote to stderr. */
export function remoteFault(action: 'read' | 'write', path: string, systemText: string): ToolError {
  const reason = WORDS.find(([words]) => words.test(systemText))?.[1] ?? 'other';
  const lines = systemText.split('\n').filter((line) => !/^\d+\+\d+ records |bytes .*copied/.test(line));
  return fault(reason, 'container', action, path, lines.join(' ').trim());
}

/** The error for a path of this machine; an error that is not one of the system is returned unchanged. */
export function localFault(action: 'read' | 'write', path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  if (!('syscall' in error)) return error;
  return fault(CODES[error.code] ?? 'other', 'local', action, path, error.message, error);
}

function fault(
  reason: Reason,
  side: Side,
  action: 'read' | 'write',
  path: string,
  systemText: string,
  cause?: unknown,
): ToolError {
  const where = side === 'container' ? 'in the container' : 'on this machine';
  const options = { details: { path, side, systemText }, cause };
  switch (reason) {
    case 'read-only':
      return failed('copy-read-only', `${path} is on a read-only file system ${where}`, options);
    case 'disk-full':
      return failed('copy-disk-full', `no space is left for ${path} ${where}`, options);
    case 'denied':
      return failed(
        'copy-denied',
        `${path} may not be ${action === 'read' ? 'read' : 'written'} ${where}`,
        options,
      );
    case 'missing':
      return noMatch('copy-not-found', `${path} does not exist ${where}`, options);
    case 'other':
      return failed(
        'copy-failed',
        `${path} could not be ${action === 'read' ? 'read' : 'written'} ${where}: ${systemText}`,
        options,
      );
  }
}

/** Several sources need a folder that exists. */
export const folderNeeded = (path: string, side: Side): ToolError =>
  usage('copy-folder-needed', `several sources need a folder as target, and ${path} is none`, {
    details: { path, side },
  });
