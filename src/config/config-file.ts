import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { usage } from '../core/errors.ts';
import type { ConfigFile } from './config-keys.ts';

/** Looked for in the working folder and in the folders above it. */
export const PROJECT_FILE = '.fargate-connect.yaml';
/** A config file has a few lines; a larger file is a mistake, such as a link to a device or a data file. */
export const MAX_CONFIG_BYTES = 64 * 1024;

/** The nearest project file at or above `cwd`. Throws `config-unreadable` and everything of `parseConfig`. */
export async function projectConfig(cwd: string): Promise<ConfigFile | undefined> {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = await readConfig(join(folder, PROJECT_FILE));
    if (file !== undefined || dirname(folder) === folder) return file;
  }
}

/** Undefined where neither the folder nor one above it has a project file. */
export function projectConfigPath(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, PROJECT_FILE);
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) return undefined;
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/** The person's own file; undefined where the environment names no home. */
export async function userConfig(env: Env): Promise<ConfigFile | undefined> {
  const path = userConfigPath(env);
  return path === undefined ? undefined : readConfig(path);
}

/**
 * `$XDG_CONFIG_HOME/fargate-connect/config.yaml`, by default below `~/.config`; undefined where the environment names no
 * home.
 */
export function userConfigPath(env: Env): string | undefined {
  const base = env['XDG_CONFIG_HOME'] || (env['HOME'] ? join(env['HOME'], '.config') : undefined);
  return base === undefined ? undefined : join(base, 'fargate-connect', 'config.yaml');
}

async function readConfig(path: string): Promise<ConfigFile | undefined> {
  const text = configText(path);
  if (text === undefined) return undefined;
  // The import loads the YAML parser, which a run without a config file does not need.
  const { parseConfig } = await import('./yaml-config.ts');
  return parseConfig(path, text);
}

/** Undefined where there is no such file. Throws `config-unreadable`, `config-too-large`. */
export function configText(path: string): string | undefined {
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
  return bytes.toString('utf8');
}
