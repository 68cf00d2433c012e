import { isAbsolute, join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Variable that turns the compile cache off; its values are `1`, `true` and `yes`. */
export const NO_COMPILE_CACHE = 'FARGATE_CONNECT_NO_COMPILE_CACHE';

/**
 * The person's folder for files that may be deleted at any time: `$XDG_CACHE_HOME/fargate-connect`, by default below the
 * platform's own cache folder. Undefined where the environment names no home. As the XDG base directory specification
 * asks, a relative path counts as absent.
 */
export function cacheFolder(env: Env, platform: NodeJS.Platform): string | undefined {
  const home = absolute(env['HOME']);
  const base =
    absolute(env['XDG_CACHE_HOME']) ??
    (platform === 'win32' ? absolute(env['LOCALAPPDATA']) : undefined) ??
    (home === undefined ? undefined : join(home, platform === 'darwin' ? 'Library/Caches' : '.cache'));
  return base === undefined ? undefined : join(base, 'fargate-connect');
}

/** The folder in which Node.js stores the compiled form of the tool's modules; undefined = it should store none. */
export function compileCacheFolder(env: Env, platform: NodeJS.Platform): string | undefined {
  const off = env[NO_COMPILE_CACHE]?.toLowerCase() ?? '';
  if (!['', '0', 'false', 'no'].includes(off)) return undefined;
  const folder = cacheFolder(env, platform);
  return folder === undefined ? undefined : join(folder, 'compile-cache');
}

const absolute = (path: string | undefined): string | undefined =>
  path !== undefined && isAbsolute(path) ? path : undefined;
