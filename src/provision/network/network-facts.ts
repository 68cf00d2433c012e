import type { Route, RouteTable, SecurityGroup, Subnet, Vpc, VpcEndpoint } from '../ports/network.ts';

/** What was read of a VPC, and what a bastion in it is to be able to do. */

export interface NetworkFacts {
  readonly region: string;
  readonly vpc: Vpc;
  readonly subnets: readonly Subnet[];
  readonly routeTables: readonly RouteTable[];
  readonly endpoints: readonly VpcEndpoint[];
  /** Groups of the endpoints. */
  readonly groups: readonly SecurityGroup[];
}

/** What somebody may know who knows more than a route table says. */
export type WayTold = 'private' | 'public';

export interface NetworkWishes {
  /** Only these; empty = any in the VPC. */
  readonly subnetIds: readonly string[];
  /** How those reach AWS, by one who knows better than their route tables; undefined = to be found out. */
  readonly wayOut?: WayTold | undefined;
  /** Of the service; used first when equally good. */
  readonly preferredSubnetIds: readonly string[];
  /** False with --tunnel-only. */
  readonly installs: boolean;
  /** Groups besides ours that the instance will have: an endpoint may admit them. */
  readonly clientGroupIds: readonly string[];
}

/** The table a subnet uses: its own association, else the VPC's main one. */
export const tableOf = (subnet: Subnet, { routeTables }: NetworkFacts): RouteTable | undefined =>
  routeTables.find((table) => table.subnetIds.includes(subnet.id)) ?? routeTables.find((table) => table.main);

/** The route to exactly that destination, unless its target is gone. */
export const routeTo = (destination: string, subnet: Subnet, facts: NetworkFacts): Route | undefined =>
  tableOf(subnet, facts)?.routes.find((route) => route.destination === destination && !route.blackhole);
