import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { usage } from '../core/errors.ts';
import type { ConfigFile } from './config-keys.ts';

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
  // The import loads the YAML parser, which a run without a config file does not need.
  const { parseConfig } = await import('./yaml-config.ts');
  return parseConfig(path, bytes.toString('utf8'));
}
