import { LineCounter, isMap, isScalar, parseDocument, type Scalar } from 'yaml';
import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import {
  CONFIG_KEYS,
  type ConfigFile,
  type ConfigKey,
  CONNECTIONS_KEY,
  DATABASES_KEY,
  TAGS_KEY,
} from './config-keys.ts';
import type { ConfiguredConnection, ConfiguredDatabase, ConfiguredTag } from './settings.ts';
import { connectionsOf } from './yaml-connections.ts';
import { databasesOf } from './yaml-databases.ts';

/** Throws `config-syntax`, `config-unknown-key` or `config-value`, each with file, line and column. */
export function parseConfig(path: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const at = lines.linePos(offset);
    return `${path}:${at.line}:${at.col}`;
  };
  const syntax = document.errors[0];
  if (syntax !== undefined)
    throw usage('config-syntax', `${place(syntax.pos[0])}: ${lowerFirst(syntax.message)}`, {
      details: { file: path },
    });
  if (document.contents === null) return { path, values: {}, tags: [], databases: [], connections: [] };
  if (!isMap(document.contents))
    throw usage(
      'config-value',
      `${place(document.contents.range?.[0] ?? 0)}: expected a map of settings, e.g. cluster: my-cluster`,
      {
        details: { file: path },
      },
    );
  const values: Partial<Record<ConfigKey, { value: string; line: number }>> = {};
  let tags: readonly ConfiguredTag[] = [];
  let databases: readonly ConfiguredDatabase[] = [];
  let connections: readonly ConfiguredConnection[] = [];
  for (const pair of document.contents.items) {
    const offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    const name = isScalar(pair.key) ? String(pair.key.value) : '?';
    if (name === TAGS_KEY) {
      tags = tagsOf(pair.value, path, place(offset), lines);
      continue;
    }
    if (name === DATABASES_KEY) {
      databases = databasesOf(pair.value, { path, placeOf: place }, offset);
      continue;
    }
    if (name === CONNECTIONS_KEY) {
      connections = connectionsOf(pair.value, { path, placeOf: place }, offset);
      continue;
    }
    const key = CONFIG_KEYS.find((known) => known === name);
    if (key === undefined) throw unknownKey(place(offset), path, name);
    const value: unknown = isScalar(pair.value) ? pair.value.value : undefined;
    if (typeof value !== 'string' || value === '')
      throw usage('config-value', `${place(offset)}: ${key} must be a string`, {
        details: { file: path, key },
      });
    if (key === 'transport' && value !== 'native' && value !== 'plugin')
      throw usage('config-value', `${place(offset)}: transport '${value}' is neither native nor plugin`, {
        details: { file: path, key },
      });
    values[key] = { value, line: lines.linePos(offset).line };
  }
  return { path, values, tags, databases, connections };
}

/** The text of a value is not interpreted: `cost-centre: 0042` keeps its zeros. */
function tagsOf(node: unknown, path: string, place: string, lines: LineCounter): readonly ConfiguredTag[] {
  const wrong = (where: string): Error =>
    usage('config-value', `${where}: tags must be a map of keys to values`, {
      details: { file: path, key: TAGS_KEY },
    });
  if (!isMap(node)) throw wrong(place);
  return node.items.map(({ key, value }) => {
    if (!isScalar(key) || (value !== null && !isScalar(value))) throw wrong(place);
    const line = lines.linePos(key.range?.[0] ?? 0).line;
    return { key: textOf(key), value: value === null ? '' : textOf(value), from: `${path}:${line}` };
  });
}

const textOf = ({ value, source }: Scalar): string =>
  typeof value === 'string'
    ? value
    : (source ?? (typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''));

function unknownKey(place: string, path: string, name: string): Error {
  const known = [...CONFIG_KEYS, TAGS_KEY, DATABASES_KEY, CONNECTIONS_KEY];
  const close = nearest(name, known, 1)[0];
  return usage('config-unknown-key', `${place}: unknown key '${name}'`, {
    details: { file: path, key: name, nearest: close, known },
  });
}

const lowerFirst = (text: string): string => {
  const line = text.split('\n')[0] ?? text;
  return (line.charAt(0).toLowerCase() + line.slice(1)).replace(/[.:]$/, '');
};
