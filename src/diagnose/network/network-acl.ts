import { containsCidr } from '../../core/cidr.ts';
import type { NetworkAcl, NetworkAclEntry } from '../../provision/ports/path-facts.ts';

/** Judges which packets a network ACL lets through. ACLs keep no state: a reply needs an entry of its own. Pure. */

export interface AclQuestion {
  readonly egress: boolean;
  /** Ranges of the other end. */
  readonly peers: readonly string[];
  readonly fromPort: number;
  readonly toPort: number;
}

export type AclVerdict =
  | { readonly verdict: 'allowed'; readonly entry: NetworkAclEntry }
  /** `ports` are those that the entry denies, which can be a part of those in question. */
  | {
      readonly verdict: 'denied';
      readonly entry: NetworkAclEntry | undefined;
      readonly ports: readonly [number, number];
    }
  /** An entry applies to a part of the peer's range only. */
  | { readonly verdict: 'partly'; readonly entry: NetworkAclEntry };

/** Number of the entry `*`, which denies what no other entry decides. */
const LAST_ENTRY = 32_767;

/** The number of an entry; `*` is the last one, which denies everything. */
export const entryName = (entry: NetworkAclEntry | undefined): string =>
  entry === undefined || entry.number === LAST_ENTRY ? '*' : String(entry.number);

/** The first entry that matches decides, for each peer and each port of the range. */
export function judgeAcl(acl: NetworkAcl, { egress, peers, fromPort, toPort }: AclQuestion): AclVerdict {
  const entries = acl.entries
    .filter((entry) => entry.egress === egress && (entry.protocol === '-1' || entry.protocol === '6'))
    .toSorted((a, b) => a.number - b.number);
  let allowing: NetworkAclEntry | undefined;
  for (const peer of peers) {
    for (const [first, last] of portSegments(entries, fromPort, toPort)) {
      const entry = entries.find(
        (each) =>
          each.fromPort <= first &&
          last <= each.toPort &&
          overlaps(each.cidr, peer) &&
          !isElsewhere(each.cidr, peer),
      );
      if (entry !== undefined && !containsCidr(entry.cidr, peer)) return { verdict: 'partly', entry };
      if (entry?.allow !== true) return { verdict: 'denied', entry, ports: [first, last] };
      allowing ??= entry;
    }
  }
  return allowing === undefined
    ? { verdict: 'denied', entry: undefined, ports: [fromPort, toPort] }
    : { verdict: 'allowed', entry: allowing };
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];

/** A peer on the internet has no private address. */
const isElsewhere = (cidr: string, peer: string): boolean =>
  (peer === '0.0.0.0/0' || peer === '::/0') && PRIVATE.some((range) => containsCidr(range, cidr));

const overlaps = (a: string, b: string): boolean => containsCidr(a, b) || containsCidr(b, a);

/** The ports in question, divided where the range of an entry begins or ends. */
function portSegments(
  entries: readonly NetworkAclEntry[],
  fromPort: number,
  toPort: number,
): readonly (readonly [number, number])[] {
  const starts = entries
    .flatMap((entry) => [entry.fromPort, entry.toPort + 1])
    .filter((port) => fromPort < port && port <= toPort);
  const all = [...new Set([fromPort, ...starts])].sort((a, b) => a - b);
  return all.map((start, index) => [start, (all[index + 1] ?? toPort + 1) - 1] as const);
}
