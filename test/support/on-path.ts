import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The absolute path of a program on PATH or in `alsoIn`; for tests with official programs that may not be installed.
 */
export function onPath(program: string, alsoIn: readonly string[] = []): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...alsoIn]) {
    const candidate = join(folder, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Prints why tests do not run here, because a silent skip would look like a pass. */
export function reportSkip(what: string, reason: string): void {
  process.stderr.write(`SKIPPED: ${what}: ${reason}\n`);
}
