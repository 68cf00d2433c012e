import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Absolute path of the folder with the tool's package.json. It is found from the location of this code, which is
 * bundled in dist/ or is the source.
 */
export function packageFolder(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json')) && dirname(at) !== at) at = dirname(at);
  return at;
}

/** Absolute path of a folder in the package. */
export const assetFolder = (folder: 'userdata' | 'policies'): string => join(packageFolder(), folder);
