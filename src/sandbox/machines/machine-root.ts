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

/** Set in every process of a machine; how its processes are found again when it stops. */
const ROOT_VARIABLE = 'FARGATE_CONNECT_SANDBOX_ROOT';

/** Where the system's own programs are, whatever the person's PATH holds. */
export const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Start of the name of a directory of this process, for mkdtemp. */
export function temporaryPrefix(label: 'container' | 'instance' | 'database'): string {
  return join(tmpdir(), `fargate-connect-${label}-${process.pid}-`);
}

/** Removes what sandboxes left that were killed: directories whose process is gone, and what still runs in them. */
export async function removeAbandonedDirectories(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^fargate-connect-(?:container|instance|database)-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(tmpdir(), name);
    killProcessesOf(path);
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
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

/**
 * The directory that stands for a machine's disk. Its processes start in it and with an environment made from nothing, so no
 * variable of the person who runs the sandbox reaches them. It is no jail: they are ordinary processes of that person.
 */
export interface MachineRoot {
  readonly path: string;
  /** Writes a file below the root, making its directories; `mode` as of chmod, 0644 unless told. */
  write(name: string, content: string, mode?: number): void;
  /** Adds what every process of the machine has. */
  environment(variables: Readonly<Record<string, string>>): Record<string, string>;
  /** Kills what still runs in it, then removes it. */
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

/** The file that a shell would run for `name`, or undefined. A name with a slash is taken from `cwd`. */
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

/** Programs that left their session's process group are found by their environment; only Linux shows it. */
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
      // Ended meanwhile, or another user's.
    }
  }
}
