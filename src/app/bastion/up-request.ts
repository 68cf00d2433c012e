import type { WayTold } from '../../provision/network/network-facts.ts';
import type { IamOverrides } from './iam-naming.ts';

/** The bastion that somebody asks for. */
export interface UpRequest {
  readonly name: string;
  readonly ttlMs: number;
  /** `--ttl` was typed: a running bastion is extended then. */
  readonly ttlGiven: boolean;
  /** `--idle` was typed: a running bastion keeps its own, and that is said. */
  readonly idleGiven: boolean;
  /** 0 = never. */
  readonly idleMinutes: number;
  readonly vpc: string | undefined;
  readonly subnets: readonly string[];
  /** Of those subnets; undefined = to be found out. */
  readonly wayOut: WayTold | undefined;
  /** Empty = the default pool. */
  readonly types: readonly string[];
  readonly onDemand: boolean;
  /** False = return as soon as it is launched. */
  readonly wait: boolean;
  readonly tunnelOnly: boolean;
  readonly role: string | undefined;
  /** An ARN, or `none`; undefined = the shared one, else one of its own. */
  readonly permissionsBoundary: string | undefined;
  readonly kmsKey: string | undefined;
  readonly databases: readonly string[];
  readonly allowDatabases: readonly string[];
  readonly egressPorts: readonly number[];
  readonly clientSecurityGroups: readonly string[];
  readonly iam: IamOverrides;
}
