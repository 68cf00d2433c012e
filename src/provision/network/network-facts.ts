import type { Route, RouteTable, SecurityGroup, Subnet, Vpc, VpcEndpoint } from '../ports/network.ts';

/** What was read of a VPC, and what a bastion in it has to be able to do. */

export interface NetworkFacts {
  readonly region: string;
  readonly vpc: Vpc;
  readonly subnets: readonly Subnet[];
  readonly routeTables: readonly RouteTable[];
  readonly endpoints: readonly VpcEndpoint[];
  /** Groups of the endpoints. */
  readonly groups: readonly SecurityGroup[];
}

/** How a subnet reaches AWS, given by the person because its route table does not show it (`--way-out`). */
export type GivenWayOut = 'private' | 'public';

export interface NetworkWishes {
  /** Only these; empty = any in the VPC. */
  readonly subnetIds: readonly string[];
  /** How those subnets reach AWS, as the person says; undefined = it is read from the route tables. */
  readonly wayOut?: GivenWayOut | undefined;
  /** Subnets of the service; preferred among those that are equally good. */
  readonly preferredSubnetIds: readonly string[];
  /** False with --tunnel-only. */
  readonly installs: boolean;
  /** Security groups that the instance will have besides its own: an endpoint may admit them. */
  readonly clientGroupIds: readonly string[];
}

/** The table a subnet uses: its own association, else the VPC's main one. */
export const tableOf = (subnet: Subnet, { routeTables }: NetworkFacts): RouteTable | undefined =>
  routeTables.find((table) => table.subnetIds.includes(subnet.id)) ?? routeTables.find((table) => table.main);

/** The route to exactly that destination, unless its target is gone. */
export const routeTo = (destination: string, subnet: Subnet, facts: NetworkFacts): Route | undefined =>
  tableOf(subnet, facts)?.routes.find((route) => route.destination === destination && !route.blackhole);
