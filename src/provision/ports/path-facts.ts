import type { NetworkFacts } from './ways-out.ts';

/** What a network path is judged from, besides the facts with which `up` chooses a subnet. */

export interface NetworkAclEntry {
  /** Entries are evaluated in the order of their numbers; 32767 is the final entry `*`, which denies the rest. */
  readonly number: number;
  readonly egress: boolean;
  readonly allow: boolean;
  /** `-1` = every protocol, `6` = TCP. */
  readonly protocol: string;
  /** 0 and 65535 when the entry has no port range. */
  readonly fromPort: number;
  readonly toPort: number;
  /** IPv4 or IPv6 range. */
  readonly cidr: string;
}

export interface NetworkAcl {
  readonly id: string;
  readonly isDefault: boolean;
  readonly subnetIds: readonly string[];
  readonly entries: readonly NetworkAclEntry[];
}

export interface NatGateway {
  readonly id: string;
  readonly subnetId: string;
  /** `available` when it works. */
  readonly state: string;
  /** False = a private NAT gateway, which leads to other VPCs and not to the internet. */
  readonly isPublic: boolean;
}

/** A connection between two VPCs, seen from either side. */
export interface PeeringConnection {
  readonly id: string;
  /** `active` when it works. */
  readonly status: string;
  readonly vpcIds: readonly string[];
  /**
   * VPCs whose public DNS names of instances and databases resolve to private addresses when they are asked for from
   * the other VPC (AllowDnsResolutionFromRemoteVpc).
   */
  readonly dnsForVpcIds: readonly string[];
}

/** The facts about one VPC. A list is undefined if the caller may not read it. */
export interface VpcFacts extends NetworkFacts {
  readonly networkAcls: readonly NetworkAcl[] | undefined;
  readonly natGateways: readonly NatGateway[] | undefined;
}
