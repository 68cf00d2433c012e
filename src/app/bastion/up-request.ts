import type { GivenWayOut } from '../../provision/ports/ways-out.ts';
import {
  DEFAULT_IDLE_MINUTES,
  DEFAULT_TTL_MS,
  parseIdle,
  parsePort,
  parseTtl,
} from '../../provision/plan/spec.ts';
import { type GivenTag, parseTag } from '../../provision/bastion/given-tags.ts';
import { parseKey, parseKeyArn } from '../../provision/plan/kms-key.ts';
import { usage } from '../../core/errors.ts';
import type { IamOverrides } from './iam-naming.ts';

/** A request for a bastion. */
export interface UpRequest {
  readonly name: string;
  readonly ttlMs: number;
  /** True if `--ttl` was typed: a running bastion is then extended. */
  readonly ttlGiven: boolean;
  /** True if `--idle` was typed: a running bastion keeps its idle time, and a warning is shown. */
  readonly idleGiven: boolean;
  /** 0 = never. */
  readonly idleMinutes: number;
  readonly vpc: string | undefined;
  readonly subnets: readonly string[];
  /** How those subnets reach AWS; undefined = it is determined from the route tables. */
  readonly wayOut: GivenWayOut | undefined;
  /** Empty = the default pool. */
  readonly types: readonly string[];
  readonly onDemand: boolean;
  /** AMI ids, or names of SSM parameters that hold one; empty = the latest Amazon Linux 2023. */
  readonly images: readonly string[];
  /** False = return as soon as it is launched. */
  readonly wait: boolean;
  readonly tunnelOnly: boolean;
  readonly role: string | undefined;
  /** An ARN, or `none`; undefined = the shared boundary if it exists, else a new one for this bastion. */
  readonly permissionsBoundary: string | undefined;
  /** ARN of the KMS key that encrypts the cluster's ECS Exec sessions. */
  readonly sessionKey: string | undefined;
  /** Id, alias or ARN of the KMS key for the root volume; undefined = the account's default key for EBS. */
  readonly volumeKey: string | undefined;
  readonly databases: readonly string[];
  readonly allowDatabases: readonly string[];
  readonly egressPorts: readonly number[];
  readonly clientSecurityGroups: readonly string[];
  readonly iam: IamOverrides;
  /** Tags as typed; those of the configuration files are in the settings. */
  readonly tags: readonly GivenTag[];
}

/** The same request as typed; durations and ports are still text. */
export interface TypedUpRequest {
  readonly name: string;
  readonly ttl?: string;
  readonly idle?: string;
  readonly vpc?: string;
  readonly subnet?: readonly string[];
  readonly wayOut?: 'private' | 'public';
  readonly type?: readonly string[];
  readonly onDemand?: boolean;
  readonly image?: readonly string[];
  readonly wait: boolean;
  readonly tunnelOnly?: boolean;
  readonly role?: string;
  readonly permissionsBoundary?: string;
  readonly sessionKey?: string;
  readonly kmsKey?: string;
  readonly db?: readonly string[];
  readonly allowDb?: readonly string[];
  readonly egressPort?: readonly string[];
  readonly clientSecurityGroup?: readonly string[];
  readonly tag?: readonly string[];
}

/** Throws `duration`, `port`, `tag-invalid`, `kms-key`, `bad-arguments` (usage). */
export function parseUpRequest(typed: TypedUpRequest, iam: IamOverrides): UpRequest {
  if (typed.wayOut !== undefined && typed.subnet === undefined) {
    throw usage('bad-arguments', 'a way out describes given subnets, and no subnet is given', {
      details: { instead: [['--subnet', 'ID', '--way-out', typed.wayOut]] },
    });
  }
  return {
    name: typed.name,
    ttlMs: typed.ttl === undefined ? DEFAULT_TTL_MS : parseTtl(typed.ttl),
    ttlGiven: typed.ttl !== undefined,
    idleGiven: typed.idle !== undefined,
    idleMinutes: typed.idle === undefined ? DEFAULT_IDLE_MINUTES : parseIdle(typed.idle),
    vpc: typed.vpc,
    subnets: typed.subnet ?? [],
    wayOut: typed.wayOut,
    types: typed.type ?? [],
    onDemand: typed.onDemand === true,
    images: typed.image ?? [],
    wait: typed.wait,
    tunnelOnly: typed.tunnelOnly === true,
    role: typed.role,
    permissionsBoundary: typed.permissionsBoundary,
    sessionKey: typed.sessionKey === undefined ? undefined : parseKeyArn('--session-key', typed.sessionKey),
    volumeKey: typed.kmsKey === undefined ? undefined : parseKey('--kms-key', typed.kmsKey),
    databases: typed.db ?? [],
    allowDatabases: typed.allowDb ?? [],
    egressPorts: (typed.egressPort ?? []).map((port) => parsePort(port, '--egress-port')),
    clientSecurityGroups: typed.clientSecurityGroup ?? [],
    iam,
    tags: (typed.tag ?? []).map(parseTag),
  };
}
