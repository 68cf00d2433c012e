import { view } from '../../core/bytes.ts';
import { singleQuoted } from '../../core/shell-words.ts';

/**
 * Paths as bytes: names in Linux are bytes without NUL and slash, and need not be UTF-8.
 */

const SLASH = 0x2f;
const DASH = 0x2d;

/** The last component, without trailing slashes; empty for the root, `.` and `..`, which have no name of their own. */
export function baseName(path: Uint8Array): Uint8Array {
  let end = path.byteLength;
  while (end > 0 && path[end - 1] === SLASH) end--;
  const name = path.subarray(path.subarray(0, end).lastIndexOf(SLASH) + 1, end);
  const shown = view(name).toString('latin1');
  return shown === '.' || shown === '..' ? new Uint8Array(0) : name;
}

export const joinPath = (folder: Uint8Array, name: Uint8Array): Buffer =>
  Buffer.concat([folder, folder.at(-1) === SLASH ? '' : '/', name].map((part) => Buffer.from(part)));

export const endsWithSlash = (path: Uint8Array): boolean => path.at(-1) === SLASH;

/** The path as programs of the container can be given it: never empty, and never an option. */
export const asArgument = (path: Uint8Array): Uint8Array =>
  path.byteLength === 0
    ? Buffer.from('.')
    : path[0] === DASH
      ? Buffer.concat([Buffer.from('./'), path])
      : path;

/** For messages and JSON; bytes that are not UTF-8 become U+FFFD. */
export const shownPath = (path: Uint8Array): string => view(path).toString('utf8');

/**
 * One shell statement of one line that assigns exactly these bytes to a variable. A command substitution would drop
 * line feeds at the end, so an underscore is put behind them and taken away again.
 */
export function assignBytes(variable: string, bytes: Uint8Array): string {
  const text = view(bytes).toString('latin1');
  if (/^[\x20-\x7e]*$/.test(text)) return `${variable}=${singleQuoted(text)}`;
  return `${variable}=$(printf '%b_' '${percentB(bytes)}'); ${variable}=\${${variable}%_}`;
}

/** The bytes as `printf %b` reads them, in ASCII without white space, quotes and backslashes of its own. */
export function percentB(bytes: Uint8Array): string {
  let encoded = '';
  for (const byte of bytes) {
    encoded += isPlain(byte) ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return encoded;
}

const isPlain = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === SLASH ||
  byte === DASH ||
  byte === 0x2e ||
  byte === 0x5f;
