import type { Database } from '../ports.ts';
import type { Reach } from './route-choice.ts';

/** In which order databases are offered: what the service uses first, what cannot be reached last. Pure. */

export interface OfferedDatabase {
  readonly database: Database;
  /** The task definition of the service names its host or its secret. */
  readonly isUsed: boolean;
  readonly reach: Reach;
  /** The service, or `bastion NAME`, that `reach` is about; undefined = no service is named and no bastion runs. */
  readonly from: string | undefined;
  /** The rule that is missing; only where `reach` is `refused`. */
  readonly missing: string | undefined;
}

const REACH_ORDER: Readonly<Record<Reach, number>> = { admitted: 0, unknown: 1, refused: 2 };

/** Those that the service uses first, then by reach, then by id. */
export function inOrderOfUse(offered: readonly OfferedDatabase[]): readonly OfferedDatabase[] {
  const rank = ({ isUsed, reach }: OfferedDatabase): number =>
    reach === 'refused' ? 3 : isUsed ? 0 : REACH_ORDER[reach] + 1;
  return [...offered].sort((a, b) => rank(a) - rank(b) || a.database.id.localeCompare(b.database.id));
}

/**
 * Whether one of the texts, values of environment variables and ARNs of secrets, names a host of the database or the
 * secret that AWS keeps for it.
 */
export function isUsedBy(database: Database, texts: readonly string[]): boolean {
  const hosts = database.endpoints.map(({ host }) => host);
  const { secretArn } = database;
  return texts.some(
    (text) =>
      hosts.some((host) => names(text, host)) || (secretArn !== undefined && text.startsWith(secretArn)),
  );
}

/** True if the host stands in the text as a whole: `a.example` is not in `aa.example` or `a.example.org`. */
function names(text: string, host: string): boolean {
  for (let at = text.indexOf(host); at !== -1; at = text.indexOf(host, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + host.length] ?? ' ';
    if (!/[\w.-]/.test(before) && !/[\w.-]/.test(after)) return true;
  }
  return false;
}
