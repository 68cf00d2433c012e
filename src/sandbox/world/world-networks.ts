import { containsCidr, ipv4Range } from '../../core/cidr.ts';
import type {
  SeedVpc,
  SeedSubnet,
  SeedSecurityGroup,
  Seed,
  SeedNetworkAcl,
  SeedRule,
} from '../seed-shapes.ts';
import type { WorldNetwork, WorldRule } from './world-schema.ts';
import { digitsOf, tagsOf } from './seed-values.ts';
import { usage } from '../../core/errors.ts';

/** The networks of a world, of the base world and of the file, as seeds. */

/** A VPC with its subnets, groups, endpoints and network ACLs. */
export interface Network {
  readonly vpc: SeedVpc;
  /** Where its services and databases are. */
  readonly subnets: readonly SeedSubnet[];
  /** The other subnets that are new with it. */
  readonly publicSubnets: readonly SeedSubnet[];
  /** The default security group. */
  readonly group: SeedSecurityGroup;
  /** By the names in the file. */
  readonly groups: ReadonlyMap<string, SeedSecurityGroup>;
  readonly endpoints: Seed['endpoints'];
  readonly acls: readonly SeedNetworkAcl[];
  /** The next free address of a subnet, starting from its low end. */
  readonly next: (subnet: SeedSubnet) => string;
}

/** The networks by the names in their tags. */
export function existingNetworks(seed: Seed): readonly (readonly [string, Network])[] {
  const taken = new Set([
    ...seed.services.flatMap(({ tasks }) => tasks.map(({ privateIp }) => privateIp)),
    ...seed.databases.map(({ privateIp }) => privateIp),
  ]);
  return seed.vpcs.flatMap((vpc) => {
    const name = vpc.tags.find(({ key }) => key === 'Name')?.value;
    const subnets = seed.subnets.filter(({ vpcId }) => vpcId === vpc.id);
    const group = seed.securityGroups.find((item) => item.vpcId === vpc.id && item.name === 'default');
    if (name === undefined || group === undefined) return [];
    const privateOnes = subnets.filter(({ route }) => route !== 'internet-gateway');
    const groups = new Map(
      seed.securityGroups.filter((item) => item.vpcId === vpc.id).map((item) => [item.name, item]),
    );
    const network = { vpc, subnets: privateOnes, publicSubnets: [], group, groups, endpoints: [], acls: [] };
    return [[name, { ...network, next: addresses(taken) }] as const];
  });
}

/** A network of the world file; it gets a public subnet for the NAT gateway if one is needed and none is given. */
export function newNetwork(region: string, world: WorldNetwork): Network {
  const { name, cidr, subnets, endpoints = [], securityGroups = [], acls = [] } = world;
  const id = (prefix: string, text: string): string => `${prefix}-0${digitsOf(text).slice(0, 16)}`;
  const vpc: SeedVpc = {
    id: id('vpc', name),
    cidr,
    isDefault: false,
    ...(world.sharedBy === undefined ? {} : { ownerId: world.sharedBy }),
    tags: tagsOf({ Name: name }),
  };
  const seedSubnets = subnets.map((subnet) => ({
    id: id('subnet', `${name}/${subnet.name}`),
    vpcId: vpc.id,
    zone: `${region}${subnet.zone ?? 'a'}`,
    cidr: subnet.cidr,
    tags: tagsOf({ Name: subnet.name }),
    route: subnet.route ?? ('nat-gateway' as const),
    mapPublicIp: subnet.route === 'internet-gateway',
  }));
  const privateOnes = seedSubnets.filter(({ route }) => route !== 'internet-gateway');
  const given = seedSubnets.filter(({ route }) => route === 'internet-gateway');
  // A NAT gateway works in a public subnet only.
  const natCidr = lastBlock(cidr);
  const lacksPublic = given.length === 0 && privateOnes.some(({ route }) => route === 'nat-gateway');
  const publicOnes: readonly SeedSubnet[] =
    lacksPublic && natCidr !== undefined && !subnets.some((subnet) => containsCidr(subnet.cidr, natCidr))
      ? [
          {
            id: id('subnet', `${name}//nat`),
            vpcId: vpc.id,
            zone: `${region}a`,
            cidr: natCidr,
            tags: tagsOf({ Name: `${name}-nat` }),
            route: 'internet-gateway',
            mapPublicIp: true,
          },
        ]
      : given;
  const all = { protocol: '-1' as const, fromPort: -1, toPort: -1 };
  const group: SeedSecurityGroup = {
    id: id('sg', name),
    vpcId: vpc.id,
    name: 'default',
    description: 'default VPC security group',
    tags: [],
    ingress: [{ ...all, cidr }],
    egress: [{ ...all, cidr: '0.0.0.0/0' }],
  };
  const groupId = (group: string): string => id('sg', `${name}/${group}`);
  const rule = (of: WorldRule): SeedRule => ({
    ...(of.port === undefined ? all : { protocol: 'tcp', fromPort: of.port, toPort: of.port }),
    ...(of.group === undefined ? { cidr: of.cidr ?? '0.0.0.0/0' } : { groupId: groupId(of.group) }),
  });
  const groups = securityGroups.map((of): SeedSecurityGroup => ({
    id: groupId(of.name),
    vpcId: vpc.id,
    name: of.name,
    description: of.description ?? of.name,
    tags: [],
    ingress: (of.ingress ?? []).map(rule),
    egress: (of.egress ?? [{}]).map(rule),
  }));
  return {
    vpc,
    subnets: privateOnes.length === 0 ? seedSubnets : privateOnes,
    publicSubnets: privateOnes.length === 0 ? [] : publicOnes,
    group,
    groups: new Map(groups.map((of) => [of.name, of])),
    acls: acls.map((acl) => ({
      id: id('acl', `${name}/${acl.name}`),
      vpcId: vpc.id,
      subnetIds: subnets.flatMap((subnet, index) =>
        subnet.acl === acl.name ? [seedSubnets[index]?.id ?? ''] : [],
      ),
      entries: acl.entries.map(({ number, direction, action, ports, cidr: range = '0.0.0.0/0' }) => {
        const [from = '0', to = from] = ports?.split('-') ?? ['0', '65535'];
        return {
          number,
          egress: direction === 'out',
          allow: action === 'allow',
          protocol: ports === undefined ? ('-1' as const) : ('tcp' as const),
          fromPort: Number(from),
          toPort: Number(to),
          cidr: range,
        };
      }),
    })),
    endpoints: endpoints
      .map((of) => (typeof of === 'string' ? { service: of } : of))
      .map(({ service, privateDns = true, securityGroup, allow }) => ({
        id: id('vpce', `${name}/${service}`),
        vpcId: vpc.id,
        service,
        type: 'Interface' as const,
        subnetIds: seedSubnets.map((subnet) => subnet.id),
        securityGroupIds: [securityGroup === undefined ? group.id : groupId(securityGroup)],
        privateDns,
        ...(allow === undefined ? {} : { allowedActions: allow }),
      })),
    next: addresses(new Set()),
  };
}

/** The last /28 of a range. */
function lastBlock(cidr: string): string | undefined {
  const range = ipv4Range(cidr);
  if (range === undefined || range.size < 16) return undefined;
  const value = range.first + range.size - 16;
  return `${[value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')}/28`;
}

/** Returns the free addresses of a subnet from the fifth on (AWS reserves the first four), each once. */
function addresses(taken: ReadonlySet<string>): Network['next'] {
  const used = new Map<string, number>();
  return (subnet) => {
    const range = ipv4Range(subnet.cidr);
    const first = range?.first ?? 0;
    for (let offset = used.get(subnet.id) ?? 10; ; offset++) {
      const value = first + offset;
      const address = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
      used.set(subnet.id, offset + 1);
      if (!taken.has(address)) return address;
    }
  };
}

/** The named security group of the network, or its default group. Throws usage `bad-world`. */
export function securityGroupOf(name: string | undefined, network: Network): SeedSecurityGroup {
  if (name === undefined) return network.group;
  const group = network.groups.get(name);
  if (group === undefined)
    throw usage(
      'bad-world',
      `there is no security group '${name}' in the network (known: ${[...network.groups.keys()].join(', ') || 'none'})`,
    );
  return group;
}
