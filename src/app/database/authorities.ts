import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheFolder } from '../../config/cache-folder.ts';
import { bundledAuthorities } from '../../connect/database/certificates.ts';
import { usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import type { PrivateFiles } from './private-files.ts';

/** The file of authorities that a client verifies the database's certificate with. */
export interface AuthorityFile {
  readonly path: string;
  /** PEM. */
  readonly pem: string;
}

/**
 * The given file, else the authorities that come with this program, written to the person's cache folder: a connection
 * that is saved in another program names the file, and the path stays the same. Throws `ca-file-unusable` (usage).
 */
export async function authorityFile(
  given: string | undefined,
  kind: 'rds' | 'amazon',
  files: PrivateFiles,
  { env }: Needs<'env'>,
): Promise<AuthorityFile> {
  if (given !== undefined) return { path: given, pem: await readGiven(given) };
  const { pem } = await bundledAuthorities(kind);
  const name = `${kind}-ca-${createHash('sha256').update(pem).digest('hex').slice(0, 8)}.pem`;
  const folder = cacheFolder(env, process.platform);
  const kept = folder === undefined ? undefined : await keep(folder, name, pem).catch(() => undefined);
  return { path: kept ?? (await files.write(name, pem)), pem };
}

async function readGiven(path: string): Promise<string> {
  const unusable = (what: string, cause?: unknown): Error =>
    usage('ca-file-unusable', `${path} ${what}`, { details: { path }, cause });
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unusable(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  });
  try {
    return new X509Certificate(pem).subject === '' ? '' : pem;
  } catch (error) {
    throw unusable('holds no certificate in PEM', error);
  }
}

/** Written anew each time, so that a file that someone has changed is not trusted. */
async function keep(folder: string, name: string, pem: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.${process.pid}`, pem, { mode: 0o644 });
  await rename(`${path}.${process.pid}`, path);
  return path;
}
