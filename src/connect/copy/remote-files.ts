import { text } from '../../core/bytes.ts';
import { failed, noMatch, type ToolError } from '../../core/errors.ts';
import { asArgument, assignBytes, shownPath } from './copy-paths.ts';
import { call } from './copy-script.ts';
import type { RemoteShell } from './remote-shell.ts';

/** What is at a path of the container; links are followed. */
export interface RemoteStat {
  readonly kind: 'file' | 'directory' | 'other';
  /** Undefined where the image lacks what tells it. */
  readonly size: number | undefined;
  /** Permission bits. */
  readonly mode: number | undefined;
  /** Seconds since the epoch. */
  readonly mtime: number | undefined;
}

/** Undefined = nothing is there. Throws `copy-not-found` for a link that leads nowhere. */
export async function remoteStat(shell: RemoteShell, path: Uint8Array): Promise<RemoteStat | undefined> {
  const { output } = await shell.request(`${assignBytes('fc_a', asArgument(path))}; fc_stat "$fc_a"`);
  const [kind = 'none', ...words] = text(output).trim().split(/\s+/);
  switch (kind) {
    case 'stat':
      return fromStat(words);
    case 'ls':
      return fromList(words);
    case 'kind':
      return {
        kind: words[0] === 'd' ? 'directory' : words[0] === 'f' ? 'file' : 'other',
        size: undefined,
        mode: undefined,
        mtime: undefined,
      };
    case 'dangling':
      throw noMatch('copy-not-found', `${shownPath(path)} is a link to something that does not exist`, {
        details: { path: shownPath(path), side: 'container' },
      });
    default:
      return undefined;
  }
}

/** The error where a source does not exist. */
export const sourceMissing = (path: string, side: 'container' | 'local'): ToolError =>
  noMatch(
    'copy-not-found',
    `${path} does not exist ${side === 'container' ? 'in the container' : 'on this machine'}`,
    {
      details: { path, side },
    },
  );

export const notAFile = (path: string, side: 'container' | 'local'): ToolError =>
  failed('copy-not-a-file', `${path} is neither a file nor a directory`, { details: { path, side } });

const FORMAT = 0o170_000;
const REGULAR = 0o100_000;
const DIRECTORY = 0o040_000;
const PERMISSIONS = 0o7777;

function fromStat([raw = '', size = '', mtime = '']: readonly string[]): RemoteStat {
  const mode = Number.parseInt(raw, 16);
  const format = mode & FORMAT;
  return {
    kind: format === REGULAR ? 'file' : format === DIRECTORY ? 'directory' : 'other',
    size: Number(size),
    mode: mode & PERMISSIONS,
    mtime: Number(mtime),
  };
}

/** The words of `ls -ldn`: mode, links, owner, group, size. */
function fromList([mode = '', , , , size = '']: readonly string[]): RemoteStat {
  const first = mode[0];
  return {
    kind: first === '-' ? 'file' : first === 'd' ? 'directory' : 'other',
    size: /^\d+$/.test(size) ? Number(size) : undefined,
    mode: permissionsOf(mode.slice(1, 10)),
    mtime: undefined,
  };
}

/** `rwxr-x--t` as a number. */
function permissionsOf(letters: string): number | undefined {
  if (!/^([r-][w-][xsStT-]){3}$/.test(letters)) return undefined;
  let mode = 0;
  for (const [at, letter] of letters.split('').entries()) {
    const bit = 1 << (8 - at);
    if (letter === 'r' || letter === 'w' || letter === 'x') mode |= bit;
    if (letter === 's' || letter === 't') mode |= bit;
    if (letter.toLowerCase() === 's') mode |= at === 2 ? 0o4000 : 0o2000;
    if (letter.toLowerCase() === 't') mode |= 0o1000;
  }
  return mode;
}

/** `YYYYMMDDhhmm.ss` in UTC, as `touch -t` reads it. */
export function touchTime(mtime: number): string {
  const [date = '', time = ''] = new Date(mtime * 1000).toISOString().split('T');
  return `${date.replaceAll('-', '')}${time.slice(0, 2)}${time.slice(3, 5)}.${time.slice(6, 8)}`;
}

/** A request for a function of the script whose first argument is a path. */
export const callOn = (path: Uint8Array, name: string, ...words: readonly (string | number)[]): string =>
  `${assignBytes('fc_a', asArgument(path))}; ${[name, '"$fc_a"', call('', ...words).trim()].join(' ')}`;
