import { mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Document, isMap, isPair, isScalar, parseDocument } from 'yaml';
import { failed, noMatch, usage } from '../core/errors.ts';
import { candidatesFor } from '../core/candidates.ts';
import type { ConnectionField } from './config-fields.ts';
import { configText, MAX_CONFIG_BYTES } from './config-file.ts';
import { CONNECTIONS_KEY } from './config-keys.ts';
import { parseConfig } from './yaml-config.ts';

/** Adds and removes connections in a config file. Comments, order and all other settings stay. */

type FieldValue = string | number | boolean | readonly (string | number)[];
export type ConnectionValues = Readonly<Partial<Record<ConnectionField, FieldValue>>>;

/**
 * Creates the file where there is none. Throws `connection-exists` (usage) unless `overwrite`, `config-unwritable`, and
 * the errors of `parseConfig` if the file, or the connection, is wrong; the file is unchanged then.
 */
export function addConnection(
  path: string,
  name: string,
  values: ConnectionValues,
  { overwrite }: { readonly overwrite: boolean },
): void {
  const document = documentAt(path);
  if (document.hasIn([CONNECTIONS_KEY, name]) && !overwrite)
    throw usage('connection-exists', `${path} has a connection ${name} already`, {
      details: { name, file: path },
    });
  if (document.contents === null) document.contents = document.createNode({});
  const all = document.get(CONNECTIONS_KEY);
  const entry = document.createNode(values);
  // A map on one line (`connections: {}`) would make everything in it one line.
  if (isMap(all) && all.items.length > 0) {
    const pair = all.items.find(({ key }) => isScalar(key) && key.value === name);
    if (pair === undefined) all.add(document.createPair(name, entry));
    else pair.value = entry;
  } else document.set(CONNECTIONS_KEY, document.createNode({ [name]: values }));
  write(path, document);
}

/** Throws `connection-not-found`, `config-unwritable`, and the errors of `parseConfig`. */
export function removeConnection(path: string, name: string): void {
  const document = documentAt(path);
  const all = document.get(CONNECTIONS_KEY);
  const names = isMap(all)
    ? all.items.flatMap((pair) => (isPair(pair) && isScalar(pair.key) ? [String(pair.key.value)] : []))
    : [];
  if (!names.includes(name))
    throw noMatch('connection-not-found', `${path} has no connection ${name}`, {
      details: candidatesFor(name, names),
    });
  if (names.length === 1) document.delete(CONNECTIONS_KEY);
  else document.deleteIn([CONNECTIONS_KEY, name]);
  write(path, document);
}

function documentAt(path: string): Document {
  const text = configText(path) ?? '';
  // Reports what is wrong with file, line and column.
  parseConfig(path, text);
  return parseDocument(text);
}

/** A reader sees the old file or the new one, never a part. A link stays a link. */
function write(path: string, document: Document): void {
  const isEmpty = isMap(document.contents) && document.contents.items.length === 0;
  // An empty map would be written as `{}`. Longer lines of the file stay as they are.
  const text = isEmpty ? commentsOf(configText(path) ?? '') : document.toString({ lineWidth: 0 });
  parseConfig(path, text);
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES)
    throw usage('config-too-large', `${path} would have more than ${MAX_CONFIG_BYTES} bytes`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const target = existing(path);
    const temporary = `${target ?? path}.${process.pid}.tmp`;
    const mode = target === undefined ? 0o644 : statSync(target).mode & 0o777;
    try {
      writeFileSync(temporary, text, { mode, flag: 'wx' });
      renameSync(temporary, target ?? path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw failed('config-unwritable', `cannot write ${path}: ${reason}`, { cause: error });
  }
}

const commentsOf = (text: string): string =>
  text
    .split('\n')
    .flatMap((line) => (line.trimStart().startsWith('#') ? [`${line}\n`] : []))
    .join('');

function existing(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
