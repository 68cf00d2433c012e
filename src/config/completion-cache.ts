import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** A list of names in AWS that shells complete. */
export interface CompletionList {
  readonly kind: 'clusters' | 'services' | 'tasks' | 'databases' | 'bastions';
  readonly profile: string | undefined;
  readonly region: string | undefined;
  /** Of services and tasks; undefined = of all clusters. */
  readonly cluster: string | undefined;
  /** Of tasks; undefined = of all services, and tasks of no service. */
  readonly service: string | undefined;
}

/** Name of a cluster, service, database or bastion, or id of a task. */
export interface CompletionItem {
  readonly name: string;
  /** Of a task: the names of its containers. */
  readonly containers?: readonly string[];
}

/** A list as it was read from AWS at one time. */
export interface CachedList {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly items: readonly CompletionItem[];
}

/** Names for the completion of shells: one file of mode 0600 for each list. No method throws. */
export interface CompletionCache {
  /** Undefined where the list was never read, or a day ago or longer. */
  read(list: CompletionList): CachedList | undefined;
  /** Replaces the list and deletes lists that are older than a day. */
  write(list: CompletionList, cached: CachedList): void;
  /** True while another process reads the list from AWS, and for half a minute after it has failed. */
  isLocked(list: CompletionList): boolean;
  /** False if another process has the lock. Who fails keeps the lock, so that no key press repeats the failure at once. */
  lock(list: CompletionList): boolean;
  unlock(list: CompletionList): void;
}

/** Lists that were read longer ago are renewed. */
export const FRESH_MS = 5 * 60_000;
const KEPT_MS = 24 * 60 * 60_000;
/** Longer than a renewal may take. */
const LOCK_MS = 30_000;
/** A larger file is not one of this tool. */
const MAX_BYTES = 8 * 1024 * 1024;

/** `folder` is the person's cache folder; undefined = nothing is kept, and no lock is given. */
export function completionCache(folder: string | undefined, env: Env, now: () => number): CompletionCache {
  if (folder === undefined) {
    const nothing = (): void => undefined;
    return {
      read: () => undefined,
      write: nothing,
      isLocked: () => true,
      lock: () => false,
      unlock: nothing,
    };
  }
  const lists = join(folder, 'completion');
  const pathOf = (list: CompletionList): string => join(lists, keyOf(list, env));
  const isLocked = (list: CompletionList): boolean => {
    const at = modifiedAt(`${pathOf(list)}.lock`);
    return at !== undefined && Math.abs(now() - at) < LOCK_MS;
  };
  return {
    isLocked,
    read(list) {
      const cached = readList(`${pathOf(list)}.json`);
      return cached === undefined || now() - cached.at >= KEPT_MS ? undefined : cached;
    },
    write(list, cached) {
      const path = `${pathOf(list)}.json`;
      attempt(() => {
        mkdirSync(lists, { recursive: true, mode: 0o700 });
        // Another process may read the file meanwhile.
        writeFileSync(`${path}.${process.pid}`, JSON.stringify(cached), { mode: 0o600 });
        renameSync(`${path}.${process.pid}`, path);
        for (const file of readdirSync(lists)) {
          const other = join(lists, file);
          const at = modifiedAt(other);
          if (at !== undefined && now() - at >= KEPT_MS) unlinkSync(other);
        }
      });
    },
    lock(list) {
      const path = `${pathOf(list)}.lock`;
      if (isLocked(list)) return false;
      return attempt(() => {
        mkdirSync(lists, { recursive: true, mode: 0o700 });
        attempt(() => unlinkSync(path));
        closeSync(openSync(path, 'wx', 0o600));
      });
    },
    unlock: (list) => void attempt(() => unlinkSync(`${pathOf(list)}.lock`)),
  };
}

/** Variables that decide which account is asked; none of them holds a secret. */
const ACCOUNT_VARIABLES =
  /^AWS_(ACCESS_KEY_ID|PROFILE|DEFAULT_PROFILE|REGION|DEFAULT_REGION|CONFIG_FILE|SHARED_CREDENTIALS_FILE|ROLE_ARN|CONTAINER_CREDENTIALS_.*|ENDPOINT_URL.*)$/;

function keyOf({ kind, profile, region, cluster, service }: CompletionList, env: Env): string {
  const variables = Object.entries(env)
    .filter(([name]) => ACCOUNT_VARIABLES.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const facts = [kind, profile, region, cluster, service].map((fact) => fact ?? null);
  return createHash('sha256')
    .update(JSON.stringify([facts, variables]))
    .digest('hex')
    .slice(0, 32);
}

/** False if the work failed: the cache is a convenience. */
function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function modifiedAt(path: string): number | undefined {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}

function readList(path: string): CachedList | undefined {
  try {
    if (statSync(path).size > MAX_BYTES) return undefined;
    const found = JSON.parse(readFileSync(path, 'utf8')) as Partial<CachedList> | null;
    if (typeof found?.at !== 'number' || !Array.isArray(found.items)) return undefined;
    return { at: found.at, items: (found.items as readonly unknown[]).filter(isItem) };
  } catch {
    return undefined;
  }
}

function isItem(value: unknown): value is CompletionItem {
  if (typeof value !== 'object' || value === null) return false;
  const { name, containers } = value as Record<string, unknown>;
  const isText = (text: unknown): boolean => typeof text === 'string';
  return (
    isText(name) && (containers === undefined || (Array.isArray(containers) && containers.every(isText)))
  );
}
