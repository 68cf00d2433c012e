import { readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CleanupScope } from '../../core/cleanup.ts';

const PREFIX = 'fargate-connect-login-';

/**
 * A directory of mode 0700 for files that only this user may read and that must not outlive the run. The scope removes
 * it when the run ends, the exit of the process if it ends without its scope; what a killed process left is removed by
 * the next one.
 */
export class PrivateFiles {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async create(scope: CleanupScope): Promise<PrivateFiles> {
    removeAbandoned();
    const path = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
    const removeNow = (): void => rmSync(path, { recursive: true, force: true });
    process.once('exit', removeNow);
    scope.add(async () => {
      await rm(path, { recursive: true, force: true });
      process.removeListener('exit', removeNow);
    });
    return new PrivateFiles(path);
  }

  pathOf(name: string): string {
    return join(this.#path, name);
  }

  /** Mode 0600. Replaces the file in one step, so that a reader never sees half of it. Resolves with the path. */
  async write(name: string, content: string): Promise<string> {
    const path = this.pathOf(name);
    await writeFile(`${path}.new`, content, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return path;
  }
}

/** Directories of processes of this user that have ended. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number(name.slice(PREFIX.length).split('-')[0]);
    if (Number.isInteger(pid) && !isAlive(pid))
      try {
        rmSync(join(tmpdir(), name), { recursive: true, force: true });
      } catch {
        // It belongs to another user, whose next run removes it.
      }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
