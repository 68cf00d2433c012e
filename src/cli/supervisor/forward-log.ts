import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ForwardLog } from '../../app/supervisor/detached-forward.ts';

/** A longer log becomes `NAME.log.1`, and the one before that is deleted. */
const MAX_BYTES = 1024 * 1024;

/** Path of the log of a forward; characters that a file name may not have are replaced. */
export const logPath = (folder: string, name: string): string =>
  join(folder, `${name.replaceAll(/[^\w.,-]/g, '_').slice(0, 100)}.log`);

/**
 * Appends lines to a file of mode 0600. What cannot be written, because the disk is full or the folder is gone, is lost,
 * and later lines are tried again.
 */
export function forwardLog(path: string): ForwardLog {
  return {
    path,
    write(line) {
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_BYTES) renameSync(path, `${path}.1`);
        const file = openSync(path, 'a', 0o600);
        try {
          writeSync(file, `${line}\n`);
        } finally {
          closeSync(file);
        }
      } catch {
        // The log is a convenience, and the forward is not.
      }
    },
  };
}
