import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { USER_DATA_FILES, type UserDataFiles } from '../provision/bastion/user-data.ts';
import type { Needs } from './collaborators.ts';

/** Reads a document of policies/ without filling its placeholders. `name` is without `.json`. */
export const readPolicy = ({ assets }: Needs<'assets'>, name: string): Promise<string> =>
  readFile(join(assets('policies'), `${name}.json`), 'utf8');

/** Reads all files from which user data is rendered. */
export async function readUserDataFiles({ assets }: Needs<'assets'>): Promise<UserDataFiles> {
  const folder = assets('userdata');
  const files = await Promise.all(
    USER_DATA_FILES.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return Object.fromEntries(files);
}
