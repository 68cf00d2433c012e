import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Clock, sleep } from '../../core/clock.ts';
import { failed } from '../../core/errors.ts';

const POLL_MS = 50;
/** Longer than a start of the supervisor takes. */
const PATIENCE_MS = 60_000;

/**
 * Runs the work while no other process of this person runs it. The lock is a file with the id of its process; that of a
 * process that has ended is removed. Throws `supervisor-not-started` if another process keeps it for a minute.
 */
export async function withStartLock<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const deadline = clock.now() + PATIENCE_MS;
  while (!taken(path)) {
    const holder = holderOf(path);
    if (holder !== undefined && !isAlive(holder)) remove(path, holder);
    else if (clock.now() > deadline)
      throw failed('supervisor-not-started', `process ${holder ?? '?'} has kept ${path} for a minute`);
    else await sleep(clock, POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function taken(path: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw failed('runtime-folder', `${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`, {
      details: { path },
      cause: error,
    });
  }
}

/** Undefined where the file is gone, or not written yet. */
function holderOf(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Renames first, so that of two processes that see the same dead holder only one removes its file. */
function remove(path: string, holder: number): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    // Meanwhile another process may have removed it and taken the lock itself.
    if (holderOf(aside) === holder) rmSync(aside, { force: true });
    else renameSync(aside, path);
  } catch {
    // Another process was quicker.
  }
}
