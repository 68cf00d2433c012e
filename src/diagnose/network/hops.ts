import type { Fix } from '../change.ts';

/** The hops of a network path, in the order in which a connection passes them. */

export type HopKind =
  /** The address of the source. */
  | 'source-interface'
  | 'source-group'
  | 'source-acl-out'
  | 'source-route'
  | 'nat-gateway'
  | 'nat-acl'
  | 'nat-route'
  | 'peering'
  | 'endpoint-dns'
  | 'endpoint-policy'
  | 'target-acl-in'
  | 'target-group'
  | 'target-acl-out'
  | 'target-route'
  /** The reply, at the network ACL of the source's subnet. */
  | 'source-acl-in'
  | 'target-status';

export interface Hop {
  readonly kind: HopKind;
  /** Id of the resource that is judged, or a name where it has no id. */
  readonly resource: string;
  readonly verdict: 'passes' | 'blocked' | 'not-visible';
  /** The rule that lets the connection pass or blocks it; with `not-visible`, why it cannot be seen. */
  readonly rule: string;
  /** The changes that let the connection pass; empty unless it is blocked. */
  readonly fixes: readonly Fix[];
}

export type Family = 'ipv4' | 'ipv6';

export interface NetworkPath {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly family: Family;
  readonly hops: readonly Hop[];
  /** `not-visible`: no hop blocks the connection, and at least one cannot be seen. */
  readonly verdict: Hop['verdict'];
}

/** A path is blocked at its first blocked hop, and otherwise not visible if one hop is not. */
export const verdictOf = (hops: readonly Hop[]): Hop['verdict'] =>
  hops.some(({ verdict }) => verdict === 'blocked')
    ? 'blocked'
    : hops.some(({ verdict }) => verdict === 'not-visible')
      ? 'not-visible'
      : 'passes';

export const passes = (kind: HopKind, resource: string, rule: string): Hop => ({
  kind,
  resource,
  verdict: 'passes',
  rule,
  fixes: [],
});

export const blocked = (kind: HopKind, resource: string, rule: string, fixes: readonly Fix[] = []): Hop => ({
  kind,
  resource,
  verdict: 'blocked',
  rule,
  fixes,
});

export const notVisible = (kind: HopKind, resource: string, reason: string): Hop => ({
  kind,
  resource,
  verdict: 'not-visible',
  rule: reason,
  fixes: [],
});
