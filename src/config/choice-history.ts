import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a person chose in the picker; names only, never credentials. */
export interface Choice {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly account: string;
  readonly region: string;
  /** Undefined = the credentials did not come from a named profile. */
  readonly profile?: string | undefined;
  readonly cluster: string;
  /** Undefined = a task of no service. */
  readonly service?: string | undefined;
  readonly container?: string | undefined;
  /** What was opened, or `CONTAINER_ONLY`. */
  readonly action: string;
  /** For a database: its address. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** The last choices in the picker, one file for each account. */
export interface ChoiceHistory {
  /** Newest first. Files that cannot be read count as empty. */
  choices(): readonly Choice[];
  /** Without a folder that can be written, nothing is kept. */
  add(choice: Choice): void;
}

/** Action of a choice that only answered which container of a task is meant; `-` does not repeat it. */
export const CONTAINER_ONLY = 'container';

const MOST_CHOICES = 100;
/** A larger file is not one of this tool. */
const MAX_BYTES = 256 * 1024;

/** `folder` undefined = nothing is kept and nothing is known. */
export function choiceHistory(folder: string | undefined): ChoiceHistory {
  if (folder === undefined) return { choices: () => [], add: () => undefined };
  const history = join(folder, 'history');
  const pathOf = (account: string): string => join(history, `${account}.json`);
  return {
    choices: () =>
      filesIn(history)
        .flatMap((file) => readChoices(join(history, file)))
        .sort((a, b) => b.at - a.at),
    add(choice) {
      // The account is a file name, so that it must be one.
      if (!/^[\w-]{1,64}$/.test(choice.account)) return;
      const isSame = (other: Choice): boolean =>
        JSON.stringify({ ...other, at: 0 }) === JSON.stringify({ ...choice, at: 0 });
      const path = pathOf(choice.account);
      const kept = [choice, ...readChoices(path).filter((other) => !isSame(other))].slice(0, MOST_CHOICES);
      try {
        mkdirSync(history, { recursive: true, mode: 0o700 });
        // Another run may read the file meanwhile.
        writeFileSync(`${path}.${process.pid}`, JSON.stringify(kept), { mode: 0o600 });
        renameSync(`${path}.${process.pid}`, path);
      } catch {
        // The history is a convenience.
      }
    },
  };
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json'));
  } catch {
    return [];
  }
}

function readChoices(path: string): readonly Choice[] {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > MAX_BYTES) return [];
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? found.filter(isChoice).slice(0, MOST_CHOICES) : [];
  } catch {
    return [];
  }
}

function isChoice(value: unknown): value is Choice {
  if (typeof value !== 'object' || value === null) return false;
  const { at, account, region, cluster, action } = value as Record<string, unknown>;
  return (
    typeof at === 'number' && [account, region, cluster, action].every((text) => typeof text === 'string')
  );
}
