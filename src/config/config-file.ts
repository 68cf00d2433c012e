import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';

/** Keys a config file may hold. */
export const CONFIG_KEYS = ['profile', 'region', 'cluster', 'service', 'container', 'transport'] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];

export interface ConfigFile {
  readonly path: string;
  /** `line` counts from 1. */
  readonly values: Readonly<Partial<Record<ConfigKey, { readonly value: string; readonly line: number }>>>;
}

export const PROJECT_FILE = '.fargate-connect.yaml';
/** A config file has a handful of lines; more is a mistake (a link to a device, a data file). */
export const MAX_CONFIG_BYTES = 64 * 1024;

/** The nearest project file at or above `cwd`. Throws `config-unreadable` and everything of `parseConfig`. */
export async function projectConfig(cwd: string): Promise<ConfigFile | undefined> {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = await readConfig(join(folder, PROJECT_FILE));
    if (file !== undefined || dirname(folder) === folder) return file;
  }
}

/** The person's own file: `$XDG_CONFIG_HOME/fargate-connect/config.yaml`, by default below `~/.config`. */
export async function userConfig(
  env: Readonly<Record<string, string | undefined>>,
): Promise<ConfigFile | undefined> {
  const base = env['XDG_CONFIG_HOME'] || (env['HOME'] ? join(env['HOME'], '.config') : undefined);
  return base === undefined ? undefined : readConfig(join(base, 'fargate-connect', 'config.yaml'));
}

async function readConfig(path: string): Promise<ConfigFile | undefined> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw usage('config-unreadable', `cannot read ${path}: ${code ?? String(error)}`, { cause: error });
  }
  if (bytes.byteLength > MAX_CONFIG_BYTES)
    throw usage('config-too-large', `${path} has ${bytes.byteLength} bytes, more than ${MAX_CONFIG_BYTES}`);
  return parseConfig(path, bytes.toString('utf8'));
}

/**
 * Throws `config-syntax`, `config-unknown-key` or `config-value`, each with file, line and column.
 * The YAML parser is loaded here, so runs without a config file never pay for it.
 */
export async function parseConfig(path: string, text: string): Promise<ConfigFile> {
  const { LineCounter, isMap, isScalar, parseDocument } = await import('yaml');
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
  if (document.contents === null) return { path, values: {} };
  if (!isMap(document.contents))
    throw usage('config-value', `${place(document.contents.range?.[0] ?? 0)}: expected a map of settings`, {
      hints: [`for example: cluster: my-cluster`],
      details: { file: path },
    });
  const values: Partial<Record<ConfigKey, { value: string; line: number }>> = {};
  for (const pair of document.contents.items) {
    const offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    const name = isScalar(pair.key) ? String(pair.key.value) : '?';
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
  return { path, values };
}

function unknownKey(place: string, path: string, name: string): Error {
  const close = nearest(name, CONFIG_KEYS, 1)[0];
  return usage('config-unknown-key', `${place}: unknown key '${name}'`, {
    hints: [close === undefined ? `known keys: ${CONFIG_KEYS.join(', ')}` : `did you mean '${close}'?`],
    details: { file: path, key: name },
  });
}

const lowerFirst = (text: string): string => {
  const line = text.split('\n')[0] ?? text;
  return (line.charAt(0).toLowerCase() + line.slice(1)).replace(/[.:]$/, '');
};
