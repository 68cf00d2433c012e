import { parseDuration } from '../../core/duration.ts';
import { usage } from '../../core/errors.ts';
import type { IamNaming } from '../roles/iam-names.ts';
import type { NetworkChoice } from '../network/network.ts';
import type { Market } from '../ports/ec2.ts';
import type { Image } from '../ports/images.ts';
import type { GroupRule, SecurityGroup } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';

/** A database that the bastion may reach. */
export interface DatabaseAccess {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly groupId: string;
  /** True if `up` also adds an ingress rule to the database's group: only on request (--allow-db). */
  readonly admit: boolean;
  /** The existing ingress rules of all its security groups. */
  readonly ingress: readonly GroupRule[];
}

export type BoundarySpec =
  /** A given ARN, or the shared boundary that an administrator created. */
  | { readonly kind: 'existing'; readonly arn: string; readonly why: string }
  /** Created for this bastion, deleted with it. */
  | { readonly kind: 'own'; readonly arn: string; readonly document: string }
  | { readonly kind: 'none' };

export type RoleSpec =
  | {
      readonly kind: 'own';
      /** JSON. */
      readonly trust: string;
      readonly policy: string;
      readonly boundary: BoundarySpec;
    }
  /** Created by an administrator: `up` makes no write call to IAM. */
  | { readonly kind: 'given'; readonly profileArn: string; readonly profileName: string };

/** Everything that `up` has decided before it makes the plan. */
export interface BastionSpec {
  readonly name: string;
  readonly region: string;
  /** Undefined = tunnels only. */
  readonly cluster: string | undefined;
  readonly network: NetworkChoice;
  readonly role: RoleSpec;
  readonly iam: IamNaming;
  /** Types in order of preference. */
  readonly types: readonly string[];
  readonly images: readonly Image[];
  readonly market: Market;
  readonly databases: readonly DatabaseAccess[];
  /** More TCP ports to open towards the VPC's address ranges. */
  readonly egressPorts: readonly number[];
  /** Address ranges of the IP families that the bastion has. */
  readonly vpcCidrs: readonly string[];
  /** Groups attached besides the bastion's own, because a database already admits them. */
  readonly clientGroups: readonly Pick<SecurityGroup, 'id' | 'vpcId' | 'egress'>[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** True when a lifetime was requested: a running bastion is then extended. */
  readonly extends: boolean;
  /** Which other options were requested that cannot be changed on a running bastion. */
  readonly asked: { readonly idle: boolean; readonly types: boolean; readonly subnets: boolean };
  readonly idleMinutes: number;
  readonly userData: string;
  /** Id, alias or ARN of the KMS key for the root volume; undefined = the account's default key for EBS. */
  readonly volumeKey: string | undefined;
  /** Tags of every resource. */
  readonly tags: Tags;
  /** Those of them that were requested (`--tag`, `tags:`). */
  readonly givenTags: Tags;
}

export const DEFAULT_TTL_MS = 8 * 3_600_000;
export const DEFAULT_IDLE_MINUTES = 30;
const SHORTEST_TTL_MS = 10 * 60_000;
const LONGEST_TTL_MS = 7 * 24 * 3_600_000;

/** Throws `duration` (usage) naming the flag. */
function durationOf(text: string, flag: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw usage('duration', `${flag} ${JSON.stringify(text)} is not a duration`, {
    details: { flag, value: text },
  });
}

/** Lifetime in ms, 10 minutes to 7 days. Throws `duration` (usage). */
export function parseTtl(text: string): number {
  const ttl = durationOf(text, '--ttl');
  if (ttl >= SHORTEST_TTL_MS && ttl <= LONGEST_TTL_MS) return ttl;
  throw usage('duration', `a lifetime of ${text} is out of range`, {
    details: { flag: '--ttl', value: text, between: ['10m', '7d'] },
  });
}

/** Minutes, 0 = never (`--idle 0m`), at least 5 otherwise. Throws `duration` (usage). */
export function parseIdle(text: string): number {
  const minutes = Math.round(durationOf(text === '0' ? '0m' : text, '--idle') / 60_000);
  if (minutes === 0 || (minutes >= 5 && minutes <= 24 * 60)) return minutes;
  throw usage('duration', `an idle time of ${text} is out of range`, {
    details: { flag: '--idle', value: text, between: ['5m', '24h'] },
  });
}

/** A TCP port. Throws `port` (usage). */
export function parsePort(text: string, flag: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw usage('port', `${flag} ${JSON.stringify(text)} is no port`, {
    details: { flag, value: text },
  });
}
