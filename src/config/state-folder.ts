import { isAbsolute, join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The person's folder for what should survive between runs, but is no configuration: `$XDG_STATE_HOME/fargate-connect`,
 * by default below `~/.local/state` (Windows: `%LOCALAPPDATA%`). Undefined where the environment names no home.
 */
export function stateFolder(env: Env, platform: NodeJS.Platform): string | undefined {
  const home = absolute(env['HOME']);
  const base =
    absolute(env['XDG_STATE_HOME']) ??
    (platform === 'win32' ? absolute(env['LOCALAPPDATA']) : undefined) ??
    (home === undefined ? undefined : join(home, '.local', 'state'));
  return base === undefined ? undefined : join(base, 'fargate-connect');
}

const absolute = (path: string | undefined): string | undefined =>
  path !== undefined && isAbsolute(path) ? path : undefined;
