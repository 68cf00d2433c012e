import type { Seed, SeedSubnet } from '../../src/sandbox/seed-shapes.ts';
import { defaultSeed } from '../../src/sandbox/world/seed.ts';
import { GROUP, SUBNET, VPC } from '../../src/sandbox/world/seed-network.ts';

/** The account of a sandbox with IPv6 in two of its VPCs. */

/** Subnets of the VPC `main` by their route to AWS, and one of `sealed`, whose endpoints are dual-stack. */
export const SUBNET_OF = {
  nat64: 'subnet-0a60000000000001a',
  egressOnly: 'subnet-0a60000000000002a',
  internet: 'subnet-0a60000000000003a',
  nowhere: 'subnet-0a60000000000004a',
  dualStack: 'subnet-0a60000000000005a',
  endpoints: 'subnet-0b60000000000001a',
} as const;

const subnet = (
  id: string,
  cidr: string,
  ipv6: Omit<NonNullable<SeedSubnet['ipv6']>, 'cidr'>,
  vpcId: string = VPC.main,
): SeedSubnet => ({
  id,
  vpcId,
  zone: 'eu-west-1a',
  cidr: ipv6.only ? '' : '10.0.210.0/24',
  tags: [],
  route: 'none',
  mapPublicIp: false,
  ipv6: { cidr, ...ipv6 },
});

export function ipv6Seed(): Seed {
  const seed = defaultSeed();
  const ranges: Readonly<Record<string, string>> = {
    [VPC.main]: '2600:1f18:1::/56',
    [VPC.sealed]: '2600:1f18:2::/56',
  };
  return {
    ...seed,
    vpcs: seed.vpcs.map((vpc) => {
      const ipv6Cidr = ranges[vpc.id];
      return ipv6Cidr === undefined ? vpc : { ...vpc, ipv6Cidr };
    }),
    subnets: [
      // Endpoints answer in the subnets of their network interfaces.
      ...seed.subnets.map((item) =>
        item.id === SUBNET.sealedA ? { ...item, ipv6: { cidr: '2600:1f18:2:1::/64', only: false } } : item,
      ),
      subnet(SUBNET_OF.nat64, '2600:1f18:1:1::/64', { only: true, dns64: true, nat64: true }),
      subnet(SUBNET_OF.egressOnly, '2600:1f18:1:2::/64', {
        only: true,
        route: 'egress-only-internet-gateway',
      }),
      subnet(SUBNET_OF.internet, '2600:1f18:1:3::/64', { only: true, route: 'internet-gateway' }),
      subnet(SUBNET_OF.nowhere, '2600:1f18:1:4::/64', { only: true }),
      subnet(SUBNET_OF.dualStack, '2600:1f18:1:5::/64', {
        only: false,
        route: 'egress-only-internet-gateway',
      }),
      subnet(SUBNET_OF.endpoints, '2600:1f18:2:2::/64', { only: true }, VPC.sealed),
    ],
    endpoints: seed.endpoints.map((endpoint) => ({ ...endpoint, ipAddressType: 'dualstack' })),
    securityGroups: seed.securityGroups.map((group) =>
      group.id === GROUP.sealedEndpoints
        ? {
            ...group,
            ingress: [
              ...group.ingress,
              { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '2600:1f18:2::/56' },
            ],
          }
        : group,
    ),
    // `orders-db` is unchanged and has IPv4 only.
    databases: seed.databases.map((database) =>
      database.id === 'billing-db' ? { ...database, ipv6Address: '2600:1f18:1:6::20' } : database,
    ),
  };
}
