import { view } from '../../core/bytes.ts';
import { failed } from '../../core/errors.ts';
import { shownPath } from './copy-paths.ts';

/** What one entry of a folder is. Paths are relative to the folder, without `./`; the folder itself is empty. */
export interface TreeEntry {
  readonly path: Buffer;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Undefined where the image has no `stat`. */
  readonly size: number | undefined;
  readonly mode: number | undefined;
  /** Seconds since the epoch. */
  readonly mtime: number | undefined;
}

/** Limits for what a container lists: its answer is not trusted. */
const MOST_ENTRIES = 500_000;
const LONGEST_PATH = 4096;
/** Bytes of the list. */
export const LONGEST_LIST = 128 * 1024 * 1024;

const KINDS: Readonly<Record<string, TreeEntry['kind']>> = { f: 'file', d: 'directory', l: 'link' };
const FORMATS: Readonly<Record<number, TreeEntry['kind']>> = {
  0o100_000: 'file',
  0o040_000: 'directory',
  0o120_000: 'link',
};
const FORMAT = 0o170_000;
const PERMISSIONS = 0o7777;

/**
 * Reads the answer of `fc_tree`. Throws `copy-path-refused` for a path that would lead out of the folder, and
 * `copy-too-many` for more than `most` entries.
 */
export function parseTree(list: Uint8Array, separator: string, most = MOST_ENTRIES): readonly TreeEntry[] {
  const lead = Buffer.from(`${separator} `);
  const bytes = view(list);
  const entries: TreeEntry[] = [];
  let at = bytes.indexOf(lead);
  while (at !== -1) {
    const next = bytes.indexOf(lead, at + lead.byteLength);
    // The line feed before the next entry is the end of this one.
    const record = bytes.subarray(at + lead.byteLength, next === -1 ? bytes.byteLength - 1 : next - 1);
    entries.push(entryOf(record));
    if (entries.length > most) throw tooMany(`more than ${most} entries`);
    at = next;
  }
  return entries;
}

export const tooMany = (what: string): Error =>
  failed('copy-too-many', `the folder has ${what}`, { details: {} });

function entryOf(record: Buffer): TreeEntry {
  const head = /^(\S+) (\S+) (\S+) /.exec(record.toString('latin1', 0, 80));
  const [all = '', mode = '', size = '', mtime = ''] = head ?? [];
  const path = innerPath(record.subarray(all.length));
  if (mode.length === 1)
    return { path, kind: KINDS[mode] ?? 'other', size: undefined, mode: undefined, mtime: undefined };
  const bits = Number.parseInt(mode, 16);
  return {
    path,
    kind: FORMATS[bits & FORMAT] ?? 'other',
    size: numberOf(size),
    mode: bits & PERMISSIONS,
    mtime: numberOf(mtime),
  };
}

const numberOf = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);

/** The path without `./`. Throws `copy-path-refused` where it does not stay below the folder. */
function innerPath(path: Buffer): Buffer {
  const text = path.toString('latin1');
  if (text === '.') return Buffer.alloc(0);
  const inner = text.startsWith('./') ? path.subarray(2) : path;
  const parts = inner.toString('latin1').split('/');
  const isInside = parts.every((part) => part !== '' && part !== '.' && part !== '..') && !inner.includes(0);
  if (isInside && inner.byteLength <= LONGEST_PATH) return inner;
  throw failed(
    'copy-path-refused',
    `the container lists ${shownPath(path)}, which is not a path below the folder`,
    {
      details: { path: shownPath(path) },
    },
  );
}

/** Whether a link at `path` of the folder leads to something outside of the folder. */
export function leadsOutside(path: Uint8Array, target: Uint8Array): boolean {
  const to = view(target).toString('latin1');
  if (to.startsWith('/')) return true;
  let depth = view(path).toString('latin1').split('/').length - 1;
  for (const part of to.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}
