import type { RouteTable, SecurityGroup, Subnet, Vpc, VpcEndpoint } from './network.ts';

/**
 * The facts read about a VPC, the requirements of a bastion in it, and the classification that diagnose/ makes from
 * both. provision/ chooses the subnets from it.
 */

export interface NetworkFacts {
  readonly region: string;
  readonly vpc: Vpc;
  readonly subnets: readonly Subnet[];
  readonly routeTables: readonly RouteTable[];
  readonly endpoints: readonly VpcEndpoint[];
  /** Security groups of the endpoints. */
  readonly groups: readonly SecurityGroup[];
}

/** How a subnet reaches AWS, given by the person because its route table does not show it (`--way-out`). */
export type GivenWayOut = 'private' | 'public';

/** What a bastion needs from the network, and what the person has asked for. */
export interface NetworkRequest {
  /** Only these subnets; empty = any in the VPC. */
  readonly subnetIds: readonly string[];
  /** How those subnets reach AWS, as given by the person; undefined = it is read from the route tables. */
  readonly wayOut?: GivenWayOut | undefined;
  /** Subnets of the service; preferred among those that are equally good. */
  readonly preferredSubnetIds: readonly string[];
  /** False with --tunnel-only. */
  readonly installs: boolean;
  /** Security groups that the instance will have besides its own: an endpoint may admit them. */
  readonly clientGroupIds: readonly string[];
}

/** How a subnet reaches AWS. Those over IPv6, except `nat64`, reach only AWS's dual-stack names. Stable: part of `up --dry-run --json`. */
export type WayOut =
  | 'endpoints'
  | 'nat'
  | 'routed'
  | 'internet-gateway'
  | 'given-private'
  | 'given-public'
  | 'nat64'
  | 'ipv6-endpoints'
  | 'egress-only'
  | 'ipv6-routed'
  | 'ipv6-internet-gateway'
  | 'none';

export interface SubnetReport {
  readonly subnet: Subnet;
  readonly wayOut: WayOut;
  /** Why a bastion can or cannot run in the subnet, as one phrase. */
  readonly reason: string;
  /** Services for which an endpoint would have to be added; only with `none`. */
  readonly missing: readonly string[];
}

/** How each subnet reaches AWS, in the order given (diagnose/network/ways-out.ts). */
export type ClassifySubnets = (facts: NetworkFacts, request: NetworkRequest) => readonly SubnetReport[];
