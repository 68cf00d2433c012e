import type { Route, RouteTable, Subnet } from '../../provision/ports/network.ts';
import type { NetworkFacts } from '../../provision/ports/ways-out.ts';

/** The routes of a subnet. Pure. */

/** The route table that a subnet uses: the associated one, else the VPC's main one. */
export const tableOf = (
  subnetId: string,
  { routeTables }: Pick<NetworkFacts, 'routeTables'>,
): RouteTable | undefined =>
  routeTables.find((table) => table.subnetIds.includes(subnetId)) ?? routeTables.find((table) => table.main);

/** The route with exactly that destination, unless its target no longer exists. */
export const routeTo = (destination: string, subnet: Subnet, facts: NetworkFacts): Route | undefined =>
  tableOf(subnet.id, facts)?.routes.find((route) => route.destination === destination && !route.blackhole);
