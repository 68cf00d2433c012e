import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/**
 * This variable is set in every process of a machine; it identifies the processes that must be killed when the
 * machine stops.
 */
const ROOT_VARIABLE = 'FARGATE_CONNECT_SANDBOX_ROOT';

/** Directories of the system's own programs; the user's PATH is not used. */
export const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** First part of the name of a directory that this process makes with mkdtemp. */
export function temporaryPrefix(label: 'container' | 'instance' | 'database' | 'authority'): string {
  return join(tmpdir(), `fargate-connect-${label}-${process.pid}-`);
}

/**
 * Removes what killed sandboxes left behind: directories whose sandbox process has ended, and the processes that
 * still run in them.
 */
export async function removeAbandonedDirectories(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^fargate-connect-(?:container|instance|database|authority)-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const path = join(tmpdir(), name);
    killProcessesOf(path);
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * The directory that plays a machine's disk. The machine's processes start in it with an environment that is built
 * from nothing, so no variable of the user who runs the sandbox reaches them. It does not isolate them: they are
 * ordinary processes of that user.
 */
export interface MachineRoot {
  readonly path: string;
  /** Writes a file below the root and makes its directories; `mode` as in chmod, 0644 unless given. */
  write(name: string, content: string, mode?: number): void;
  /** Returns the variables together with those that every process of the machine has. */
  environment(variables: Readonly<Record<string, string>>): Record<string, string>;
  /** Kills the processes that still run in the directory, then removes it. */
  remove(): Promise<void>;
}

export function createMachineRoot(label: 'container' | 'instance'): MachineRoot {
  const path = mkdtempSync(temporaryPrefix(label));
  return {
    path,
    write(name, content, mode = 0o644) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content, { mode });
    },
    environment: (variables) => ({
      LANG: 'C.UTF-8',
      TERM: 'xterm-256color',
      TMPDIR: join(path, 'tmp'),
      ...variables,
      [ROOT_VARIABLE]: path,
    }),
    async remove() {
      killProcessesOf(path);
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
  };
}

/** The file that a shell would run for `name`, or undefined. A name with a slash is resolved from `cwd`. */
export function findProgram(name: string, searchPath: readonly string[], cwd: string): string | undefined {
  const candidates = name.includes('/')
    ? [isAbsolute(name) ? name : join(cwd, name)]
    : searchPath.map((directory) => join(directory, name));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/**
 * Finds programs that left their session's process group by their environment; only Linux shows the environment of a
 * process.
 */
function killProcessesOf(root: string): void {
  const mark = `${ROOT_VARIABLE}=${root}\0`;
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return;
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (`${readFileSync(`/proc/${name}/environ`, 'latin1')}\0`.includes(mark))
        process.kill(Number(name), 'SIGKILL');
    } catch {
      // The process has ended in the meantime, or belongs to another user.
    }
  }
}
