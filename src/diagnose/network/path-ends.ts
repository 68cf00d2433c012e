import type { Subnet } from '../../provision/ports/network.ts';
import type { VpcFacts, PeeringConnection } from '../../provision/ports/path-facts.ts';
import type { Family } from './hops.ts';

/** The two ends of a network path, and what was read about the VPCs in which they are. */

/** Where the connection begins. */
export interface PathSource {
  /** e.g. `task 1f0e9d8c`, `bastion dev`, `subnet-…`. */
  readonly name: string;
  readonly subnet: Subnet;
  /** Addresses of the interface; absent = the whole range of the subnet. */
  readonly address?: { readonly [F in Family]?: string | undefined } | undefined;
  /** Undefined = not known. */
  readonly publicIp: boolean | undefined;
  /** Undefined = the source is a subnet, and no security group is judged. */
  readonly groupIds: readonly string[] | undefined;
}

/** Where the connection ends. */
export type PathTarget =
  /** A service of AWS in the region of the source, port 443. */
  | { readonly kind: 'aws-service'; readonly name: string; readonly service: string }
  /** A network interface in a VPC: of a database, a cache, a task, an instance. */
  | {
      readonly kind: 'interface';
      readonly name: string;
      readonly port: number;
      readonly vpcId: string;
      /** The subnets in one of which the interface is. */
      readonly subnets: readonly Subnet[];
      /** Absent = some address of the subnets. */
      readonly address?: string | undefined;
      readonly groupIds: readonly string[];
      /** Whether its public DNS name resolves to a public address outside of its VPC. */
      readonly isPublic: boolean;
      /** What the service reports about the target; absent = nothing. */
      readonly status?: { readonly value: string; readonly isReady: boolean } | undefined;
    }
  /** A host about which no describe call tells anything. */
  | {
      readonly kind: 'host';
      readonly name: string;
      readonly port: number;
      /** Absent = the name was not resolved. */
      readonly address?: string | undefined;
    };

/** What was read about the networks of both ends. */
export interface PathFacts {
  readonly source: VpcFacts;
  /** The VPC of the target; undefined = it was not read, or the target is in none. */
  readonly target: VpcFacts | undefined;
  /** Undefined = not read. */
  readonly peerings: readonly PeeringConnection[] | undefined;
}

/** Whether an address belongs to the family. */
export const isOfFamily = (address: string, family: Family): boolean =>
  address.includes(':') === (family === 'ipv6');

/** The range of a subnet in the family; undefined = it has none. */
export const rangeOf = (subnet: Subnet, family: Family): string | undefined =>
  family === 'ipv4' ? subnet.cidr : subnet.ipv6Cidr;

/** The ranges that contain the address of the source; empty = it has none of the family. */
export function rangesOf({ address, subnet }: PathSource, family: Family): readonly string[] {
  if (address !== undefined) return [address[family]].flatMap((one) => one ?? []);
  return [rangeOf(subnet, family)].flatMap((range) => range ?? []);
}

/** Port of all services of AWS. */
export const HTTPS = 443;
