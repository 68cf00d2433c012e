import { createHash } from 'node:crypto';
import { isIpv6 } from '../../../core/cidr.ts';
import type { Seed, SeedInstance, SeedRule, SeedSubnet, SeedTag } from '../../seed-shapes.ts';
import { IMAGES } from './ec2-catalog.ts';
import type { Ec2State, GroupRule, NetworkAclEntry, RouteTable } from './ec2-state.ts';
import type { Tags } from '../tags.ts';

/**
 * Fills a region's state from the seed; route tables, gateways and endpoint interfaces are derived from the subnets.
 */
export function seedNetwork(state: Ec2State, seed: Seed): void {
  for (const vpc of seed.vpcs) {
    const { cidr, ipv6Cidr, isDefault } = vpc;
    const ownerId = vpc.ownerId ?? state.accountId;
    state.vpcs.set(vpc.id, { ...settled(vpc.id, vpc.tags), cidr, ipv6Cidr, isDefault, ownerId });
    seedRoutes(state, seed, vpc.id);
  }
  for (const subnet of seed.subnets) {
    state.subnets.set(subnet.id, {
      ...settled(subnet.id, subnet.tags),
      vpcId: subnet.vpcId,
      zone: subnet.zone,
      cidr: subnet.cidr,
      mapPublicIp: subnet.mapPublicIp,
      route: subnet.route,
      ipv6: subnet.ipv6,
    });
  }
  for (const group of seed.securityGroups) {
    const rules = [
      ...group.ingress.map((rule, index) => seededRule(group.id, rule, false, index)),
      ...group.egress.map((rule, index) => seededRule(group.id, rule, true, index)),
    ];
    state.groups.set(group.id, {
      ...settled(group.id, group.tags),
      name: group.name,
      description: group.description,
      vpcId: group.vpcId,
      rules: new Map(rules.map((rule) => [rule.id, rule])),
    });
  }
  for (const endpoint of seed.endpoints) {
    state.endpoints.set(endpoint.id, {
      ...settled(endpoint.id, []),
      vpcId: endpoint.vpcId,
      service: endpoint.service,
      type: endpoint.type,
      subnetIds: endpoint.subnetIds,
      groupIds: endpoint.securityGroupIds,
      privateDns: endpoint.privateDns,
      ipAddressType: endpoint.ipAddressType ?? 'ipv4',
      allowedActions: endpoint.allowedActions,
    });
    if (endpoint.type === 'Interface') seedEndpointInterfaces(state, seed, endpoint);
  }
  for (const vpc of seed.vpcs) seedNetworkAcls(state, seed, vpc.id);
  for (const instance of seed.instances ?? []) seedInstance(state, seed, instance);
}

function seedInstance(state: Ec2State, { accountId }: Seed, seeded: SeedInstance): void {
  const { id, instanceType, privateIp, publicIp, roleName, securityGroupIds, spotRequest, subnetId } = seeded;
  const subnet = state.subnets.get(subnetId);
  const image = IMAGES.find(({ architecture }) => architecture === 'x86_64');
  if (subnet === undefined || image === undefined) throw new Error(`the seed has no subnet ${subnetId}`);
  const interfaceId = derived('eni', id);
  const volumeId = derived('vol', id);
  const { cidr: _cidr, zone, vpcId } = subnet;
  const groupIds = securityGroupIds;
  const own = { privateIp, ipv6Address: undefined, publicIp, groupIds, subnetId };
  state.instances.set(id, {
    ...settled(id, seeded.tags),
    ...own,
    reservationId: derived('r', id),
    imageId: image.id,
    instanceType,
    architecture: image.architecture,
    vpcId,
    zone,
    interfaceId,
    volumeId,
    profile:
      roleName === undefined
        ? undefined
        : {
            arn: `arn:aws:iam::${accountId}:instance-profile/${roleName}`,
            id: derived('AIPA', id),
            roleName,
          },
    spotRequestId: spotRequest?.id,
    keyName: seeded.keyName,
    userData: undefined,
    metadata: {
      httpTokens: 'optional',
      hopLimit: '1',
      httpEndpoint: 'enabled',
      httpProtocolIpv6: 'disabled',
      instanceTags: 'disabled',
    },
    shutdownBehavior: 'stop',
    clientToken: undefined,
    hasAgent: image.hasAgent,
    state: 'running',
    stateReason: undefined,
    transitionReason: '',
    interruptionAt: undefined,
  });
  state.interfaces.set(interfaceId, {
    ...settled(interfaceId, []),
    ...own,
    description: '',
    instanceId: id,
    requesterManaged: false,
  });
  state.volumes.set(volumeId, {
    ...settled(volumeId, []),
    zone,
    sizeGiB: image.volumeGiB,
    type: 'gp3',
    encrypted: false,
    kmsKeyId: undefined,
    snapshotId: image.snapshotId,
    device: '/dev/xvda',
    deleteOnTermination: true,
    instanceId: id,
  });
  if (spotRequest !== undefined)
    state.spotRequests.set(spotRequest.id, {
      ...settled(spotRequest.id, seeded.tags),
      instanceId: id,
      instanceType,
      imageId: image.id,
      subnetId,
      zone,
      type: spotRequest.type,
      state: 'active',
      statusCode: 'fulfilled',
    });
}

const PROTOCOLS = { tcp: '6', udp: '17', '-1': '-1' } as const;

/** The default network ACL of a VPC has every subnet that no other ACL has. */
function seedNetworkAcls(state: Ec2State, seed: Seed, vpcId: string): void {
  const own = (seed.networkAcls ?? []).filter((acl) => acl.vpcId === vpcId);
  for (const { id, subnetIds, entries } of own)
    state.networkAcls.set(id, {
      ...settled(id, []),
      vpcId,
      isDefault: false,
      subnetIds,
      entries: [
        ...entries.map(({ protocol, ...entry }) => ({ ...entry, protocol: PROTOCOLS[protocol] })),
        ...finalEntries(),
      ],
    });
  const taken = own.flatMap(({ subnetIds }) => subnetIds);
  const id = derived('acl', vpcId);
  const all = { allow: true, protocol: '-1', fromPort: 0, toPort: 65_535 };
  state.networkAcls.set(id, {
    ...settled(id, []),
    vpcId,
    isDefault: true,
    subnetIds: seed.subnets
      .filter((subnet) => subnet.vpcId === vpcId && !taken.includes(subnet.id))
      .map((subnet) => subnet.id),
    entries: [
      ...[true, false].flatMap((egress) => [
        { ...all, number: 100, egress, cidr: '0.0.0.0/0' },
        { ...all, number: 101, egress, cidr: '::/0' },
      ]),
      ...finalEntries(),
    ],
  });
}

/** The entries `*`, which cannot be removed. */
const finalEntries = (): readonly NetworkAclEntry[] =>
  [true, false].map((egress) => ({
    number: 32_767,
    egress,
    allow: false,
    protocol: '-1',
    fromPort: 0,
    toPort: 65_535,
    cidr: '0.0.0.0/0',
  }));

function settled(id: string, tags: readonly SeedTag[]): { id: string; tags: Tags; createdAt: number } {
  return { id, tags: new Map(tags.map(({ key, value }) => [key, value])), createdAt: 0 };
}

/** Derives an id from another resource's id, so that a seed has the same ids in every run. */
const derived = (prefix: string, from: string, index = 0): string =>
  `${prefix}-${createHash('sha256').update(`${from}/${index}`).digest('hex').slice(0, 17)}`;

interface Gateways {
  readonly internet: string | undefined;
  readonly egressOnly: string | undefined;
  readonly nat: string | undefined;
}

/** The gateways to which the default route of at least one subnet leads. */
function seedGateways(state: Ec2State, vpcId: string, subnets: readonly SeedSubnet[]): Gateways {
  const leadsTo = (target: string): boolean => subnets.some(({ ipv6 }) => ipv6?.route === target);
  const behindNat = subnets.filter(({ route, ipv6 }) => route === 'nat-gateway' || ipv6?.nat64 === true);
  const firstPublic = subnets.find(({ route }) => route === 'internet-gateway');
  const isOpen = firstPublic !== undefined || behindNat.length > 0 || leadsTo('internet-gateway');
  const home = firstPublic ?? behindNat[0];
  const gateways = {
    internet: isOpen ? derived('igw', vpcId) : undefined,
    egressOnly: leadsTo('egress-only-internet-gateway') ? derived('eigw', vpcId) : undefined,
    nat: behindNat.length > 0 ? derived('nat', vpcId) : undefined,
  };
  const { internet, egressOnly, nat } = gateways;
  if (internet !== undefined) state.internetGateways.set(internet, { ...settled(internet, []), vpcId });
  if (egressOnly !== undefined)
    state.egressOnlyGateways.set(egressOnly, { ...settled(egressOnly, []), vpcId });
  if (nat !== undefined)
    state.natGateways.set(nat, {
      ...settled(nat, []),
      vpcId,
      subnetId: home?.id ?? '',
      privateIp: (home?.cidr ?? '10.0.0.0').replace(/\.\d+(\/\d+)?$/, '.190'),
      publicIp: '203.0.113.7',
    });
  return gateways;
}

/** Each subnet with IPv6 has its own table; of the others, those with the same default route share one. */
function seedRoutes(state: Ec2State, seed: Seed, vpcId: string): void {
  const subnets = seed.subnets.filter((subnet) => subnet.vpcId === vpcId);
  const { internet, egressOnly, nat } = seedGateways(state, vpcId, subnets);
  const table = (id: string, subnetIds: readonly string[], routes: Partial<RouteTable>): void => {
    state.routeTables.set(id, {
      ...settled(id, []),
      vpcId,
      main: false,
      subnetIds,
      gatewayId: undefined,
      natGatewayId: undefined,
      ipv6GatewayId: undefined,
      nat64GatewayId: undefined,
      ...routes,
    });
  };
  // Isolated subnets use the main table, because they are not associated with any table, as in most real VPCs.
  table(derived('rtb', vpcId), [], { main: true });
  const isOfIpv6 = ({ ipv6 }: SeedSubnet): boolean => ipv6?.route !== undefined || ipv6?.nat64 === true;
  const shared = (kind: SeedSubnet['route'], index: number, routes: Partial<RouteTable>): void => {
    const sameRoute = subnets.filter(({ route }) => route === kind);
    const ids = sameRoute.filter((subnet) => !isOfIpv6(subnet)).map(({ id }) => id);
    if (sameRoute.length > 0) table(derived('rtb', vpcId, index), ids, routes);
  };
  shared('internet-gateway', 1, { gatewayId: internet });
  shared('nat-gateway', 2, { natGatewayId: nat });
  for (const { id, route, ipv6 } of subnets.filter(isOfIpv6)) {
    const ipv4Route = ipv6?.only === true ? 'none' : route;
    table(derived('rtb', id), [id], {
      gatewayId: ipv4Route === 'internet-gateway' ? internet : undefined,
      natGatewayId: ipv4Route === 'nat-gateway' ? nat : undefined,
      ipv6GatewayId: ipv6?.route === 'egress-only-internet-gateway' ? egressOnly : ipv6?.route && internet,
      nat64GatewayId: ipv6?.nat64 === true ? nat : undefined,
    });
  }
}

function seededRule(groupId: string, rule: SeedRule, egress: boolean, index: number): GroupRule {
  const cidr = rule.cidr ?? '0.0.0.0/0';
  const peer: GroupRule['peer'] =
    rule.groupId === undefined
      ? { type: isIpv6(cidr) ? 'ipv6' : 'cidr', cidr }
      : { type: 'group', groupId: rule.groupId };
  return {
    ...settled(derived('sgr', groupId, index + (egress ? 1000 : 0)), []),
    egress,
    protocol: rule.protocol,
    fromPort: rule.fromPort,
    toPort: rule.toPort,
    peer,
    description: rule.description,
  };
}

function seedEndpointInterfaces(state: Ec2State, seed: Seed, endpoint: Seed['endpoints'][number]): void {
  endpoint.subnetIds.forEach((subnetId, index) => {
    const subnet = seed.subnets.find((candidate) => candidate.id === subnetId);
    const id = derived('eni', endpoint.id, index);
    const base = (subnet?.cidr ?? '10.0.0.0/24').split('/')[0] ?? '10.0.0.0';
    const octets = base.split('.');
    const host = String(200 + (state.interfaces.size % 50));
    const { ipAddressType = 'ipv4' } = endpoint;
    state.interfaces.set(id, {
      ...settled(id, []),
      subnetId,
      privateIp: ipAddressType === 'ipv6' ? undefined : [...octets.slice(0, 3), host].join('.'),
      ipv6Address: ipAddressType === 'ipv4' ? undefined : subnet?.ipv6?.cidr.replace(/\/\d+$/, host),
      publicIp: undefined,
      groupIds: endpoint.securityGroupIds,
      description: `VPC Endpoint Interface ${endpoint.id}`,
      instanceId: undefined,
      requesterManaged: true,
    });
  });
}
